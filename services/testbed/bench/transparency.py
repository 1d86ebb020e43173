"""`bench transparency`: how long after the broker's append of an event the cosigned log proves it, at steady rates."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from schemas.schemes import Scheme
from services.ledger.storage.session import open_session
from services.processors.supervisor import Supervisor
from services.runtime.ports import free_port, listening
from services.testbed.bench import machine, signed
from services.testbed.bench.drain import load_base
from services.testbed.bench.environment import Fixture, WorkersFailed
from services.testbed.bench.live import WARM_UP, counted, offered, percentile, published
from services.testbed.bench.mix import Plan, base
from services.testbed.bench.observation import Sampler, cpu_seconds
from services.testbed.bench.pipeline import goal_results
from services.testbed.bench.signed import write_signed
from services.testbed.bench.world import World
from services.testbed.localstack.kafka_runtime import KAFKA_VERSION
from services.testbed.localstack.stack import LocalStack
from services.transparency.key_file import create_log, make_witness_key, read_key
from services.transparency.store import log

ORIGIN: Final = "log.bench.example/lianyun"
WITNESSES: Final = ("first", "second")
GOAL_MS: Final = 2_000.0
MEANING: Final = {
    "receipt_ms": "from the broker's append time of an event until another session could read a checkpoint that covers its entry and that "
    "both witnesses had cosigned; that session looked every 10 ms. The proof is made from it when a receipt is asked for",
    "receipts": "accepted events after the warm-up; duplicates and refused messages are not among them",
    "joined_ms": "the same until the signed head covered it, not yet cosigned",
    "cores_busy": "processors kept busy, by each part of the system, publishers and the reader of these figures among them",
}
_SAMPLE_INTERVAL: Final = 0.01
_PATIENCE: Final = 120.0
_SIZES = """
    SELECT h.size, coalesce(split_part(h.cosigned, E'\n', 2)::bigint, 0) FROM lianyun.transparency_head h
"""
_INDEXES = """
    SELECT t.name, y.part, y."offset", e.index
    FROM lianyun.body y
    JOIN lianyun.topic t ON t.no = y.topic
    JOIN lianyun.transparency_entry e ON e.source = 'event' AND e.position = y.no::text
    WHERE e.index >= %(first)s
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """Rates in messages a second, one run each; the length of a run in seconds; workers; consignments of the world."""

    rates: tuple[float, ...] = (500.0, 1_000.0, 2_000.0)
    seconds: float = 25.0
    workers: int = 2
    consignments: int = 20_000
    seed: int = 1


class HeadSampler(Sampler):
    """Follows the sizes of the signed and of the cosigned head as another session reads them."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, _SAMPLE_INTERVAL)
        self.joined: tuple[list[int], list[float]] = ([], [])
        self.cosigned: tuple[list[int], list[float]] = ([], [])

    def look(self, session: psycopg.Connection[tuple[object, ...]]) -> None:
        row = session.execute(_SIZES).fetchone()
        now = time.time()
        for (sizes, times), size in zip((self.joined, self.cosigned), row or (0, 0), strict=True):
            if not sizes or int(str(size)) > sizes[-1]:
                sizes.append(int(str(size)))
                times.append(now)

    def await_cosigned(self, size: int) -> None:
        """Block until so many entries are cosigned; WorkersFailed where that takes more than two minutes."""
        until = time.monotonic() + _PATIENCE
        while self.cosigned[0][-1] < size:
            if time.monotonic() > until:
                raise WorkersFailed(f"{self.cosigned[0][-1]} of {size} entries are cosigned")
            time.sleep(0.02)


def bench_transparency(
    scale: Scale | None = None, say: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Measure each rate and return the report. Blocks for minutes; starts and stops servers of its own.

    Raises StackError, WorkersFailed, SendingFailed.
    """
    scale = scale or Scale()
    began = time.monotonic()
    hardware = machine.hardware()
    with TemporaryDirectory(prefix="lianyun-bench-log-") as name, LocalStack() as stack:
        folder = Path(name)
        fixture = Fixture(stack, folder)
        world = World(scale.consignments)
        load_base(fixture, write_signed(base(world), Scheme.ED25519_BATCH, folder / "base"), scale.workers)
        entries = _founded(fixture, folder / "log.json")
        say(f"{scale.consignments} consignments stand, {entries} entries are in the log")
        runs = [_run(fixture, world, rate, scale, say) for rate in scale.rates]
        fastest = max(runs, key=lambda run: float(run["at_events_per_second"]))
        return {
            "runs": runs,
            "asked": goal_results([("receipt_p99_ms", GOAL_MS, fastest["receipt_ms"]["p99"], False)]),
            "witnesses": len(WITNESSES),
            "workers": scale.workers,
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, KAFKA_VERSION),
            "postgres_settings": machine.postgres_settings(stack.dsn),
            "commit": machine.commit(),
            "meaning": MEANING,
            "wall_seconds": round(time.monotonic() - began, 1),
        }


def _founded(fixture: Fixture, key: Path) -> int:
    """Make the log of the base database, and move into it what stands there."""
    with open_session(fixture.base) as session:
        session.autocommit = True
        signer = create_log(session, key, ORIGIN, time.time_ns() // 1_000)
        while not log.sequence(session, signer, signed.NETWORK, 8_192).complete:
            pass
        size = log.read_head(session).checkpoint.size
    fixture.settle(fixture.base)
    return size


def _run(
    fixture: Fixture, world: World, rate: float, scale: Scale, say: Callable[[str], None]
) -> dict[str, Any]:
    name = f"log_{rate:.0f}"
    plan = Plan(world, int(rate * (scale.seconds + WARM_UP) * 1.02) + 1, scale.seed, name)
    started: list[_Log] = []

    @contextmanager
    def beside(dsn: str) -> Iterator[None]:
        with ExitStack() as running:
            started.append(_Log(dsn, fixture.folder, name, running))
            yield

    with published(fixture, plan, rate, scale.seconds, scale.workers, name, beside) as run:
        own = started[0]
        busy = own.cores()
        places = counted(run.sent)
        with psycopg.connect(run.dsn) as session:
            heads = own.heads
            _await_joined(session, heads)
            found = {
                (topic, part, offset): index
                for topic, part, offset, index in session.execute(_INDEXES, {"first": own.first})
            }
        times = [
            (_seen(heads.cosigned, index) - appended, _seen(heads.joined, index) - appended)
            for topic, part, offset, _, appended in places
            if (index := found.get((topic, part, offset))) is not None
        ]
    receipt = _figures([cosigned for cosigned, _ in times])
    at = round(offered(places))
    say(f"at {at}/s: receipt p50 {receipt['p50']} ms, p99 {receipt['p99']} ms")
    return {
        "at_events_per_second": at,
        "receipts": len(times),
        "receipt_ms": receipt,
        "joined_ms": _figures([joined for _, joined in times]),
        "cores_busy": {**run.cores, **busy},
        "steps": len(heads.joined[0]) - 1,
    }


class _Log:
    """The sequencer and two witnesses of a run, each a process; they end with the stack."""

    def __init__(self, dsn: str, folder: Path, name: str, running: ExitStack) -> None:
        signer = read_key(folder / "log.json")
        lines = [f"log {signer.verifier}"]
        self._processes: dict[str, Supervisor] = {}
        self.heads = running.enter_context(HeadSampler(dsn))
        self.first = self.heads.joined[0][-1]
        logs = folder / f"{name}-logs"

        def start(what: str, environment: dict[str, str], *command: str) -> None:
            full = (sys.executable, "-m", "services.cli", *command)
            started = Supervisor(environment, workers=1, logs=logs / what, command=full)
            self._processes[what] = running.enter_context(started)

        for witness in WITNESSES:
            port, key = free_port(), folder / f"{witness}.key"
            public = make_witness_key(key, f"{witness}.example").verifier
            options = (
                "--file",
                key,
                "--state",
                folder / f"{name}-{witness}.sqlite",
                "--port",
                port,
                "--log",
                signer.verifier,
            )
            start(witness, {}, "witness", "serve", f"{witness}.example", *map(str, options))
            lines.append(f"witness {witness} {public} http://127.0.0.1:{port}")
            while not listening(port):
                time.sleep(0.05)
        policy = folder / f"{name}.policy"
        policy.write_text(
            "\n".join([*lines, f"group both all {' '.join(WITNESSES)}", "quorum both"]), encoding="ascii"
        )
        environment = {
            "LIANYUN_DSN": dsn,
            "LIANYUN_NETWORK": signed.NETWORK,
            "LIANYUN_TRANSPARENCY_KEY": str(folder / "log.json"),
            "LIANYUN_TRANSPARENCY_POLICY": str(policy),
        }
        start("sequencer", environment, "transparency", "run")
        self.heads.await_cosigned(self.first)
        self._since, self._before = time.monotonic(), self._cpu()

    def _cpu(self) -> dict[str, float]:
        return {what: cpu_seconds([*one.pids().values()]) or 0.0 for what, one in self._processes.items()}

    def cores(self) -> dict[str, float]:
        """Processors that each process kept busy since all of them ran."""
        seconds = time.monotonic() - self._since
        return {what: round((spent - self._before[what]) / seconds, 2) for what, spent in self._cpu().items()}


def _await_joined(session: psycopg.Connection[Any], heads: HeadSampler) -> None:
    """Block until each stored event has joined the log and is cosigned."""
    row = session.execute("SELECT count(*) FROM lianyun.body").fetchone()
    until = time.monotonic() + _PATIENCE
    while row is not None:
        found = session.execute(
            "SELECT count(*) FROM lianyun.transparency_entry WHERE source = 'event'"
        ).fetchone()
        size = session.execute("SELECT size FROM lianyun.transparency_head").fetchone()
        if found == row and size is not None:
            heads.await_cosigned(size[0])
            return
        if time.monotonic() > until:
            raise WorkersFailed(f"{found} of {row} events have joined the log")
        time.sleep(0.2)


def _seen(steps: tuple[Sequence[int], Sequence[float]], index: int) -> float:
    sizes, times = steps
    return times[bisect_left(sizes, index + 1)]


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(each * 1_000 for each in seconds)
    return {
        **{f"p{share}": round(percentile(ordered, share / 100), 1) for share in (50, 90, 99)},
        "max": round(ordered[-1], 1),
    }
