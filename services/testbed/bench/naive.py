"""The agent that a tutorial would have you write, on the same messages, and its measurement, for comparison only.

Stock Faust: `async for` over a stream of single events, the signature checked, one upsert and one commit for each.
No deduplication, no order, no ledger: it does far less than the pipeline, one event at a time. Run as a process:
``python -m services.testbed.bench.naive``; the settings are BENCH_* variables, the result one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import faust
import psycopg
from kafka.admin import KafkaAdminClient

from schemas.envelope import Envelope, signed_bytes
from schemas.reasons import Refusal
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.testbed.bench import signed
from services.testbed.bench.senders import fill
from services.testbed.bench.signed import Message, MessageFiles, store

TABLE = """
    CREATE TABLE IF NOT EXISTS state (
        object text PRIMARY KEY, type text NOT NULL, time text NOT NULL, payload jsonb NOT NULL
    )
"""
_UPSERT = """
    INSERT INTO state (object, type, time, payload) VALUES (%s, %s, %s, %s)
    ON CONFLICT (object) DO UPDATE SET type = excluded.type, time = excluded.time, payload = excluded.payload
"""


class _App(faust.App):  # type: ignore[misc]
    def _create_directories(self) -> None:
        pass  # it keeps no tables, so it needs no folder


def build_app(bootstrap: str, dsn: str, topic: str, wanted: int) -> faust.App:
    """The app over ``topic``; ends the process with its result when it has seen ``wanted`` events."""
    app = _App(
        f"naive-{topic}",
        broker=f"kafka://{bootstrap}",
        value_serializer="raw",
        store="memory://",
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    keys = {key_id: key.public for key_id, key in signed.registry().keys.items()}
    source = app.topic(topic, value_type=bytes, value_serializer="raw")
    seen: dict[str, float] = {"events": 0, "refused": 0}

    async def track(events: Any) -> None:
        session = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        async for event in events.events():
            headers = [(name, value) for name, value in event.message.headers]
            signature = dict(headers)["lianyun-signature"]
            envelope = Envelope.from_headers(headers)
            try:
                header = parse_header(signature)
                known = keys.get(header.key_id)
                if known is None:
                    raise LookupError(header.key_id)
                verify(header, known, signed_bytes(signed.NETWORK, envelope, event.value))
                payload = json.loads(event.value)
            except (Refusal, LookupError, ValueError):
                seen["refused"] += 1
            else:
                row = event.message.key.decode(), envelope.type, envelope.time, json.dumps(payload)
                await session.execute(_UPSERT, row)
            seen["events"] += 1
            seen["last"] = time.time()
            seen.setdefault("first", seen["last"])
            if seen["events"] >= wanted:
                print(json.dumps(seen), flush=True)
                os._exit(0)

    app.agent(source, name="track")(track)
    return app


_PATIENCE = 600.0


class NaiveFailed(Exception):
    """The naive agent ended without a result; the text is the end of its output."""


def naive_events_per_second(
    bootstrap: str, dsn: str, messages: Sequence[Message], processes: int, folder: Path
) -> float:
    """Events a second of ``processes`` naive agents together, each over a topic of its own filled beforehand.

    ``messages`` are dealt out to them; counted is from the first event done to the last. Blocks. Raises NaiveFailed.
    """
    topics = [f"bench.naive.{processes}.{number}" for number in range(processes)]
    dealt = [messages[number::processes] for number in range(processes)]
    with psycopg.connect(dsn) as session:
        session.execute(TABLE)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1} for topic in topics})
    admin.close()
    moved = [[m._replace(topic=topic) for m in own] for topic, own in zip(topics, dealt, strict=True)]
    shelf: MessageFiles = store([message for own in moved for message in own], folder)
    fill(bootstrap, shelf)
    agents = [_start(bootstrap, dsn, topic, len(own)) for topic, own in zip(topics, dealt, strict=True)]
    try:
        results = [_result(agent) for agent in agents]
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()
    seconds = max(result["last"] for result in results) - min(result["first"] for result in results)
    return sum(result["events"] for result in results) / max(seconds, 1e-9)


def _start(bootstrap: str, dsn: str, topic: str, events: int) -> subprocess.Popen[str]:
    settings = {
        "BENCH_BOOTSTRAP": bootstrap,
        "BENCH_DSN": dsn,
        "BENCH_TOPIC": topic,
        "BENCH_EVENTS": str(events),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "services.testbed.bench.naive"],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _result(agent: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = agent.communicate(timeout=_PATIENCE)
    for line in reversed(output.splitlines()):
        if line.startswith('{"events"'):
            found: dict[str, float] = json.loads(line)
            return found
    raise NaiveFailed("\n".join(output.splitlines()[-15:]))


def sample(shelf: MessageFiles, events: int) -> list[Message]:
    """The first messages of a shelf, over its publishers in turn."""
    lanes = [shelf.lane(number) for number in range(shelf.lanes)]
    mixed = (message for chunks in zip(*lanes, strict=True) for chunk in chunks for message in chunk)
    return list(islice(mixed, events))


def main() -> None:
    """Run until the wanted number of events has been seen."""
    app = build_app(
        os.environ["BENCH_BOOTSTRAP"],
        os.environ["BENCH_DSN"],
        os.environ["BENCH_TOPIC"],
        int(os.environ["BENCH_EVENTS"]),
    )
    app.finalize()
    worker = faust.Worker(app, loglevel="WARNING", redirect_stdouts=False)
    sys.exit(worker.execute_from_commandline())


if __name__ == "__main__":
    main()
