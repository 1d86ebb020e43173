"""What the worker's shell costs: `python tests/system/bench/worker_shell.py [messages]`.

Messages of 600 bytes with three headers go through broker, consumer, backlog, pipeline and the ledger's fence; nothing is
judged and nothing stored. Prints messages a second and microseconds of the worker's CPU for each.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from services.ledger.storage.migrate import migrate
from services.testbed.localstack import LocalStack
from tests.integration.worker import probe
from tests.integration.worker.harness import Arena

PARTITIONS = 8
HEADERS = [("ce_id", b"x" * 20), ("ce_type", b"cre.movement.arrived.v1"), ("lianyun-signature", b"s" * 120)]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(messages: int) -> None:
    with LocalStack() as stack, tempfile.TemporaryDirectory() as folder:
        migrate(stack.dsn)
        probe.prepare(stack.dsn)
        arena = Arena(stack.bootstrap, stack.dsn, Path(folder))
        (topic,) = arena.create_topics(["a"], PARTITIONS)
        started = time.perf_counter()
        with arena.producer() as send:
            for number in range(messages):
                send(topic, number % PARTITIONS, b"v" * 600, HEADERS)
        print(f"published {messages:,} at {messages / (time.perf_counter() - started):,.0f}/s")
        with arena.supervisor(1, {"PROBE_BARE": "1"}) as workers:
            passed = "SELECT coalesce(sum(next_offset), 0) FROM lianyun.kafka_offset"
            arena.wait_for(lambda: arena.query(passed)[0][0] > 0, 30, "beginning")
            pid = workers.pids()[0]
            first, cpu, started = int(arena.query(passed)[0][0]), cpu_seconds(pid), time.perf_counter()
            arena.wait_for(lambda: arena.query(passed)[0][0] >= messages, 120, "end")
            seconds, used, read = time.perf_counter() - started, cpu_seconds(pid) - cpu, messages - first
            print(
                f"{read:,} messages in {seconds:.2f} s: {read / seconds:,.0f}/s, {used / read * 1e6:.1f} us CPU each"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400_000)
