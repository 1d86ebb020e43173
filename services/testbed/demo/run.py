"""The demo: a simulated world in accelerated time through real publishers, broker, workers and database, and what became of it.

What goes out, and how, is in ``schedule``. Here is the clock, and the comparison of every view with
what the world knows.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from services.ledger.storage.event_reader import unsettled
from services.query.views import SourcedView
from services.testbed.demo.comparison import compare, shown
from services.testbed.demo.schedule import Dispatcher, Schedule, schedule
from services.testbed.localstack.platform import Platform, RunningPlatform
from services.testbed.simulator.files import Deliveries
from services.testbed.simulator.signed_messages import profiles
from services.testbed.simulator.simulate import Simulation

Say = Callable[[str], None]
HISTORY, LIVE = 2_500.0, 700.0
"""Messages a second: of what happened before the world is worth watching, and from then on."""
TICK = 0.4
"""Seconds between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Flow:
    """How far things are: messages that the broker took, those applied, those refused by reason, and files read."""

    published: int = 0
    applied: int = 0
    per_second: float = 0.0
    refused: Mapping[str, int] = field(default_factory=dict)
    files: int = 0
    formats: int = 0
    of_files: int = 0

    @property
    def waiting(self) -> int:
        """Messages in the log that no worker has applied yet."""
        return max(0, self.published - self.applied)


Show = Callable[[int, Flow], None]
"""Called at every look at the clock, with the simulated time (UTC microseconds)."""


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What the platform made of the world, beside what the world knows."""

    counts: dict[str, Any]
    mismatches: list[str]
    expected_refusals: dict[str, int]
    disputed: int
    shown: SourcedView | None  # one consignment worth looking at
    digest: str  # of all bytes that went out
    formats: dict[str, Any]  # how many files of which format were read, and what came of them


@dataclass(frozen=True, slots=True)
class Clock:
    """From seconds of the demo to simulated time: at a quicker pace until ``opens``."""

    starts: int
    opens: int
    ends: int
    history_seconds: float
    live_seconds: float

    def at(self, seconds: float) -> int:
        """The simulated time (UTC microseconds) after so many seconds."""
        if seconds < self.history_seconds:
            return self.starts + int((self.opens - self.starts) * seconds / self.history_seconds)
        share = (seconds - self.history_seconds) / self.live_seconds
        return self.opens + int((self.ends - self.opens) * min(1.0, share))


def clock_for(show: Schedule, opens: int, ends: int) -> Clock:
    """A clock at which ``show`` goes out at the paces above."""
    history = bisect_right(show.items, opens, key=lambda due: due.at)
    starts = min((due.at for due in show.items), default=opens)
    live = len(show.items) - history
    return Clock(min(starts, opens), opens, ends, max(0.01, history / HISTORY), max(0.01, live / LIVE))


def play(
    simulation: Simulation,
    deliveries: Deliveries,
    opens: int,
    platform: Platform | RunningPlatform,
    folder: Path,
    say: Say,
    show: Show = lambda _at, _flow: None,
    processes: int = 1,
    apart: frozenset[bytes] = frozenset(),
    applied: Callable[[], object] = lambda: None,
    pauses: Iterable[int] = (),
) -> DemoOutcome:
    """Publish ``deliveries``, the world of ``simulation``, to ``platform`` and compare what can be seen with what happened.

    From ``opens`` on in slower time. ``folder`` takes the spools; ``processes`` compare. ``apart`` are events that speak of
    no cargo of the world; ``applied`` is called once all is, before the comparison. At each of the simulated moments
    ``pauses`` it waits until all is applied that is published by then, and shows that moment. Blocks until everything published has been applied;
    raises TimeoutError otherwise.
    """
    seed = simulation.scale.seed
    known = profiles(seed, network=platform.network)
    going_out = schedule(deliveries, known, Random(seed))
    clock = clock_for(going_out, opens, simulation.scale.now)
    files = len(going_out.files)
    say(
        f"{len(going_out.items) - files} messages are signed, {files} files are written in partners' own formats"
    )
    with (
        Dispatcher(known, platform.stack.bootstrap, folder) as dispatch,
        psycopg.connect(platform.stack.dsn, autocommit=True) as connection,
    ):
        gauge = ProgressGauge(connection, dispatch)

        def wait(at: int) -> None:
            _wait_applied(connection, lambda: show(at, gauge.read()), dispatch.sent)

        _publish(going_out, clock, dispatch, gauge, show, deque(sorted(pauses)), wait)
        wait(simulation.scale.now)
        show(simulation.scale.now, gauge.read())
        applied()
        say("comparing every view with the world's own truth ...")
        counts = counted(connection, dispatch.sent)
        found = compare(platform.stack.dsn, simulation, deliveries.aliases, processes)
        counts["events"]["parked"] = counts["events"]["accepted"] - len(found.reached | apart)
        counts["troubles"] = dict(sorted(found.troubles.items()))
        told = shown(platform.stack.dsn, simulation, found.best[1])
        refusals, formats = dict(going_out.refusals), _formats(dispatch)
        return DemoOutcome(
            counts, found.mismatches, refusals, found.disputed, told, going_out.digest, formats
        )


def _formats(dispatch: Dispatcher) -> dict[str, Any]:
    return {
        name: {
            "files": count,
            "events": dispatch.made[name].total(),
            "types": dict(sorted(dispatch.made[name].items())),
        }
        for name, count in sorted(dispatch.files.items())
    }


class ProgressGauge:
    """Reads how far the platform is, and how fast it went in the last seconds."""

    def __init__(self, connection: psycopg.Connection[Any], dispatch: Dispatcher) -> None:
        self._connection, self._dispatch = connection, dispatch
        self._seen: deque[tuple[float, int]] = deque(maxlen=8)

    def read(self) -> Flow:
        """The figures of this moment."""
        applied = _one(self._connection, "SELECT coalesce(sum(next_offset), 0) FROM lianyun.kafka_offset")
        letters = self._connection.execute("SELECT reason, count(*) FROM lianyun.dead_letter GROUP BY reason")
        self._seen.append((time.monotonic(), applied))
        (before, then), (now, done) = self._seen[0], self._seen[-1]
        rate = (done - then) / (now - before) if now > before else 0.0
        dispatch = self._dispatch
        of_files = sum(made.total() for made in dispatch.made.values())
        read = dispatch.files
        return Flow(dispatch.sent, applied, rate, dict(letters), read.total(), len(read), of_files)


def _publish(
    going_out: Schedule,
    clock: Clock,
    dispatch: Dispatcher,
    gauge: ProgressGauge,
    show: Show,
    pauses: deque[int],
    wait: Callable[[int], None],
) -> None:
    began, done = time.monotonic(), 0
    while done < len(going_out.items):
        looked = time.monotonic()
        at = clock.at(looked - began)
        paused = bool(pauses) and at >= pauses[0]
        if paused:
            at = pauses.popleft()
        until = max(done, bisect_right(going_out.items, at, key=lambda due: due.at))
        dispatch.send(going_out.items[done:until])
        done = until
        if paused:
            wait(at)
        show(at, gauge.read())
        time.sleep(max(0.0, TICK - (time.monotonic() - looked)))


def _wait_applied(
    connection: psycopg.Connection[Any], look: Callable[[], None], published: int, patience: float = 300.0
) -> None:
    """Wait until the ledger has passed every published message and nothing waits to be settled."""
    until = time.monotonic() + patience
    while True:
        done = _one(connection, "SELECT coalesce(sum(next_offset), 0) FROM lianyun.kafka_offset")
        if done >= published and not unsettled(connection):
            return
        if time.monotonic() > until:
            raise TimeoutError(f"only {done} of {published} messages were applied within {patience:.0f} s")
        look()
        time.sleep(TICK)


def counted(connection: psycopg.Connection[Any], published: int) -> dict[str, Any]:
    """What is stored, in numbers."""
    letters = connection.execute(
        "SELECT reason, count(*) FROM lianyun.dead_letter GROUP BY reason ORDER BY reason"
    ).fetchall()
    refused = _one(connection, "SELECT coalesce(sum(count), 0) FROM lianyun.dead_letter")
    accepted = _one(connection, "SELECT count(*) FROM lianyun.identity")
    variants = _one(connection, "SELECT count(*) FROM lianyun.variant")
    return {
        "consignments": _one(connection, "SELECT count(*) FROM lianyun.head WHERE founded"),
        "events": {
            "published": published,
            "accepted": accepted,
            "duplicates": published - accepted - variants - refused,
            "parked": 0,
            "equivocations": variants,
            "refused": refused,
            "dead_letters": dict(letters),
        },
    }


def _one(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return 0 if row is None else int(row[0])
