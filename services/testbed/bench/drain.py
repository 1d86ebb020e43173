"""The prefilled drain: the topics are full before the workers start; counted is from the first commit to the last."""

from __future__ import annotations

import struct
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from schemas.schemes import Scheme
from services.audit.replay.outcome import ReplayError
from services.audit.replay.rebuild import replay
from services.processors.supervisor import COMMAND
from services.testbed.bench.environment import Fixture, WorkerPool, WorkersFailed, rows_written, stored_events
from services.testbed.bench.mix import Plan
from services.testbed.bench.observation import LedgerSampler, SessionSampler, cpu_seconds, resident_mb
from services.testbed.bench.signed import Message, MessageFiles, write_signed

_PATIENCE = 120.0
_STAGE = "lianyun_transaction_stage_seconds_total"


class WrongCount(Exception):
    """The store does not hold what was published: a figure for it would mean nothing."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain came to. ``events`` messages in ``seconds`` between the first and the last commit seen.

    ``cpu`` is processor seconds by process, ``stages`` seconds on the database's threads by stage of the transaction,
    ``sessions`` seconds of the writers' sessions by what they waited for; all of them over ``covered`` messages.
    ``resident_mb`` is the memory of each worker by how many messages were applied: at the first commit and ten times on.
    """

    dsn: str
    shelf: MessageFiles
    events: int
    seconds: float
    covered: int
    covered_seconds: float
    cpu: Mapping[str, float | None]
    stages: Mapping[str, float]
    steps: Mapping[str, float]
    sessions: Mapping[str, float]
    lock_seconds: float
    rows: Mapping[str, int]
    resident_mb: Mapping[int, list[float]]
    logical: int
    counts: Mapping[str, int]

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.events / self.seconds

    @property
    def batches(self) -> float:
        """Transactions of the drain."""
        return self.steps.get("transactions", 0.0)


def drain(
    fixture: Fixture,
    plan: Plan,
    scheme: Scheme,
    name: str,
    workers: int,
    batch_events: int = 4_000,
    command: Sequence[str] = COMMAND,
    opened: Callable[[str], None] = lambda _dsn: None,
) -> Drained:
    """Publish ``plan`` signed under ``scheme``, then start the workers on a copy of the base and wait for the last.

    ``command`` is what a worker runs; ``opened`` is called with the address of the database just before they start. Raises WrongCount (also where so little was published that all was committed between two looks), WorkersFailed,
    TimeoutError.
    """
    shelf = write_signed(plan, scheme, fixture.folder / name)
    dsn = fixture.copy(name)
    fixture.fill(shelf)
    fixture.checkpoint()
    before_events, before_rows = stored_events(dsn), rows_written(dsn)
    opened(dsn)
    with (
        LedgerSampler(dsn, 0.05) as ledger,
        SessionSampler(dsn) as sessions,
        WorkerPool(
            fixture.stack.bootstrap,
            dsn,
            name,
            workers,
            fixture.folder / f"{name}-logs",
            batch_events,
            command,
        ) as pool,
    ):
        started = ledger.applied
        await_applied(pool, ledger, started + 1)
        first, at = cpu_by_process(fixture, pool), ledger.applied
        memory = {at - started: resident_mb(pool.pids())}
        moment = time.monotonic()
        for tenth in range(1, 11):
            await_applied(pool, ledger, at + (fixture.published - at) * tenth // 10)
            memory[ledger.applied - started] = resident_mb(pool.pids())
        covered_seconds = time.monotonic() - moment
        last = cpu_by_process(fixture, pool)
        pool.require_unbroken()
        metrics = _settled_metrics(pool, shelf.events)
    seconds, events = ledger.span()
    if not events:
        raise WrongCount(
            f"all {shelf.events} messages were committed between two looks: publish more of them"
        )
    new = stored_events(dsn) - before_events
    expected = shelf.events - plan.counts["duplicate"] - plan.counts["refused"]
    if new != expected:
        raise WrongCount(f"{expected} new events were published and {new} are stored")
    written = Counter(rows_written(dsn))
    written.subtract(before_rows)
    fixture.settle(dsn)  # else the vacuum that these rows call for would be paid by the next measurement
    return Drained(
        dsn=dsn,
        shelf=shelf,
        events=events,
        seconds=seconds,
        covered=fixture.published - at,
        covered_seconds=covered_seconds,
        cpu={who: _less(last[who], first[who]) for who in last},
        stages=_labelled(metrics, _STAGE),
        steps={
            "admission": metrics["lianyun_step_seconds_sum{admission}"],
            "transaction": metrics["lianyun_step_seconds_sum{transaction}"],
            "transactions": metrics["lianyun_step_seconds_count{transaction}"],
        },
        sessions=sessions.seconds(),
        lock_seconds=sessions.lock_seconds(),
        rows={table: count for table, count in written.items() if count > 0},
        resident_mb=memory,
        logical=plan.logical,
        counts=dict(plan.counts),
    )


def per_second(drains: Sequence[Drained]) -> float:
    """Messages a second over all of ``drains``."""
    return sum(d.events for d in drains) / sum(d.seconds for d in drains)


def load_base(fixture: Fixture, shelf: MessageFiles, workers: int) -> float:
    """Apply what stands before the measurements to the base database, through the pipeline; returns seconds.

    Batches are small: foundings cost most, and this is not what is measured.
    """
    fixture.fill(shelf)
    started = time.monotonic()
    logs = fixture.folder / "base-logs"
    with (
        LedgerSampler(fixture.base, 0.1) as ledger,
        WorkerPool(fixture.stack.bootstrap, fixture.base, "base", workers, logs, batch_events=500) as pool,
    ):
        await_applied(pool, ledger, fixture.published)
        time.sleep(3.0)  # two ticks, after which every head is exact
    if stored_events(fixture.base) != shelf.events:
        raise WrongCount(f"{shelf.events} events were published and {stored_events(fixture.base)} are stored")
    fixture.settle(fixture.base)
    return time.monotonic() - started


def await_applied(pool: WorkerPool, ledger: LedgerSampler, wanted: int) -> None:
    """Block until ``wanted`` messages are applied; WorkersFailed where a worker ends or nothing moves for a while."""
    try:
        ledger.await_applied(wanted, _PATIENCE, pool.require_unbroken)
    except TimeoutError as slow:
        raise WorkersFailed(f"{slow}\n{pool.log_ends()}") from slow


def cpu_by_process(fixture: Fixture, pool: WorkerPool) -> dict[str, float | None]:
    """Processor seconds used so far by workers, database and broker."""
    stack = fixture.stack
    return {
        "workers": cpu_seconds(pool.pids()),
        "postgres": cpu_seconds([stack.database.process.pid], with_children=True),
        "kafka": cpu_seconds([stack.broker.process.pid]),
    }


def _settled_metrics(pool: WorkerPool, events: int) -> Mapping[str, float]:
    """The workers' metrics once they have counted the last batch, which is a moment after its commit."""
    until = time.monotonic() + 5.0
    while True:
        metrics = pool.metrics()
        seen = sum(v for name, v in metrics.items() if name.startswith("lianyun_events_received_total"))
        if seen >= events or time.monotonic() > until:
            return metrics
        time.sleep(0.2)


def _labelled(metrics: Mapping[str, float], name: str) -> dict[str, float]:
    start = f"{name}{{"
    return {key[len(start) : -1]: value for key, value in metrics.items() if key.startswith(start)}


def _less(last: float | None, first: float | None) -> float | None:
    return None if last is None or first is None else last - first


@dataclass(frozen=True, slots=True)
class Replayed:
    """One replay of the whole database, to the switch; ``longest_hold`` seconds is how long workers had to wait."""

    events: int
    seconds: float
    longest_hold: float
    compared: int
    differences: int

    @property
    def per_second(self) -> float:
        """Stored events a second."""
        return self.events / self.seconds if self.seconds else 0.0


def replayed(dsn: str, processes: int) -> Replayed:
    """Replay the database into a new generation and compare it with the one in use. Raises ReplayError."""
    done = replay(dsn, processes=processes)
    if done.differences:
        raise ReplayError(f"{done.differences} of {done.compared} rows came out otherwise: {done.shown}")
    return Replayed(done.events, done.seconds, done.hold_seconds, done.compared, done.differences)


_TABLE = """
    CREATE TABLE copied (
        no bigint PRIMARY KEY, appended bigint NOT NULL, headers bytea NOT NULL, payload bytea NOT NULL
    )
"""
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8, b"\xff\xff"
_START = struct.Struct(">hiqiqi").pack
_LENGTH = struct.Struct(">i").pack
ROWS = 2_000
"""Rows of one transaction: as many as a batch has events."""


def copy_rows_per_second(dsn: str, messages: Sequence[Message], rows: int) -> float:
    """Rows a second of one connection that copies and commits ``messages`` again and again up to ``rows`` rows.

    The table, which is removed afterwards, has a primary key as the store's has; rows are packed beforehand.
    """
    packed = [_row(message) for message in messages]
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("DROP TABLE IF EXISTS copied")
        session.execute(_TABLE)
        started, done = time.perf_counter(), 0
        while done < rows:
            batch = (packed[(done + place) % len(packed)] for place in range(ROWS))
            numbered = (_START(4, 8, done + n, 8, 0, head) + row for n, (head, row) in enumerate(batch))
            body = b"".join((_HEADER, *numbered, _TRAILER))
            with (
                session.transaction(),
                session.cursor().copy("COPY copied FROM STDIN (FORMAT binary)") as stream,
            ):
                stream.write(body)
            done += ROWS
        seconds = time.perf_counter() - started
        session.execute("DROP TABLE copied")
    return done / seconds


def _row(message: Message) -> tuple[int, bytes]:
    headers = b"\x00".join(name.encode() + b"=" + value for name, value in message.headers)
    return len(headers), headers + _LENGTH(len(message.value)) + message.value
