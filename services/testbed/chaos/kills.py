"""The attacks: processes killed and frozen while they work, and the ledger watched for how long nothing is applied."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg

from services.audit.replay.outcome import ReplayError
from services.audit.replay.rebuild import replay
from services.processors.supervisor import Supervisor
from services.testbed.chaos.fault_injection import POINTS, FaultInjector
from services.testbed.chaos.publishers import Publishers
from services.testbed.localstack.broker import Broker
from services.testbed.localstack.platform import Platform

Partition = tuple[str, int]
_LOOK_SECONDS = 0.05


class NoFlow(Exception):
    """Nothing moved for longer than anybody should have to wait; the text names what was waited for."""


@dataclass(frozen=True, slots=True)
class PartitionPosition:
    """Where a partition of the ledger stands: the next offset to apply and the slot that owns it."""

    next_offset: int
    owner: str


@dataclass(frozen=True, slots=True)
class FreezeObservation:
    """What was seen in some time: the longest standstill, when certain partitions moved first, whether sessions waited."""

    standstill: float
    moved_after: float | None
    waiting: bool


class LedgerWatch:
    """Looks at the ledger of ``dsn``; connects anew whenever the database went away. Not for several threads."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def places(self) -> dict[Partition, PartitionPosition]:
        """Where every partition stands; empty while the database does not answer."""
        rows = self._rows("SELECT topic, part, next_offset, owner FROM lianyun.kafka_offset")
        return {(str(t), int(str(p))): PartitionPosition(int(str(n)), str(o)) for t, p, n, o in rows}

    def slot_of(self, worker: int) -> str:
        """The name under which ``worker`` owns partitions, "" while it has none."""
        rows = self._rows("SELECT worker_group, slot, owner FROM lianyun.worker_slot")
        found = (f"lianyun-{g}-{n}" for g, n, owner in rows if str(owner).rpartition("/")[2] == str(worker))
        return next(found, "")

    def owned_by(self, worker: int) -> dict[Partition, PartitionPosition]:
        """The partitions of ``worker`` and where they stand."""
        slot = self.slot_of(worker)
        return {partition: place for partition, place in self.places().items() if place.owner == slot}

    def wait_moved(
        self, before: Mapping[Partition, PartitionPosition], what: str, patience: float = 90.0
    ) -> float:
        """Wait until one of the partitions in ``before`` has moved on; return the seconds. Raises NoFlow."""
        return self.wait(
            lambda: moved(before, self.places()), f"{what}: none of {len(before)} partitions moved", patience
        )

    def wait(
        self, done: Callable[[], bool], what: str, patience: float = 90.0, look: float = _LOOK_SECONDS
    ) -> float:
        """Wait until ``done()``, polled every ``look`` seconds; return the seconds it took.

        Raises NoFlow after ``patience`` seconds.
        """
        started = time.monotonic()
        while not done():
            if time.monotonic() - started > patience:
                raise NoFlow(f"{what} within {patience:.0f} s")
            time.sleep(look)
        return time.monotonic() - started

    def during(self, seconds: float, own: Mapping[Partition, PartitionPosition]) -> FreezeObservation:
        """Look at the ledger for ``seconds``, in which a worker that had the partitions of ``own`` does nothing."""
        began = still = time.monotonic()
        longest, adopted, waiting = 0.0, None, False
        before = self.places()
        while (now := time.monotonic()) - began < seconds:
            places = self.places()
            if moved(before, places):
                longest, still, before = max(longest, now - still), now, places
            if adopted is None and moved(own, places):
                adopted = now - began
            waiting = waiting or self._somebody_waits()
            time.sleep(_LOOK_SECONDS)
        return FreezeObservation(max(longest, time.monotonic() - still), adopted, waiting)

    def _somebody_waits(self) -> bool:
        return bool(
            self._rows(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'lianyun' "
                "AND cardinality(pg_blocking_pids(pid)) > 0"
            )
        )

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, query: str) -> list[tuple[object, ...]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=2)
            return self._connection.execute(query.encode()).fetchall()
        except psycopg.OperationalError:
            self.close()
            return []


def moved(before: Mapping[Partition, PartitionPosition], now: Mapping[Partition, PartitionPosition]) -> bool:
    """Whether a partition of ``before`` has moved on."""
    return any(p in now and now[p].next_offset > place.next_offset for p, place in before.items())


KILLED, FROZEN, RANDOM, REPLAY = "kill", "freeze", "random", "replay"
ORDER = (
    *(f"{KILLED} {point}" for point in POINTS),
    f"{FROZEN} holding_heads",
    "publisher",
    "broker",
    "postgres",
    RANDOM,
    *(f"{FROZEN} {point}" for point in POINTS if point != "holding_heads"),
    f"{FROZEN} {RANDOM}",
    f"{FROZEN} publisher",
    f"{FROZEN} broker",
)
"""Every kind of attack, in the order in which a run of few attacks takes them."""
SERVERS_FROZEN = 4.0
"""Seconds that a frozen publisher or broker stays so: longer than any of its clients' short waits."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One attack that hit something at work; ``point`` names where, seconds are how long nothing was applied.

    Of a frozen worker: ``standstill`` is the longest time in which nobody else applied anything, ``adopted`` when
    somebody else went on with its partitions (None: not while it was frozen), ``waited_for`` whether another
    transaction was seen waiting for its locks.
    """

    kind: str
    point: str
    recovery: float
    standstill: float | None = None
    adopted: float | None = None
    waited_for: bool = False


def point_of(attack: str) -> str:
    """The name under which a hit of ``attack`` is counted."""
    return attack.removeprefix(f"{KILLED} ").replace(" ", "_")


def plan(kills: int, random: Random) -> list[str]:
    """Which attacks a run of ``kills`` makes: each kind once, as far as they go, then at random; and one replay."""
    frozen = tuple(f"{FROZEN} {point}" for point in ("holding_heads", "before_commit"))
    drawn = (*(f"{KILLED} {point}" for point in POINTS), *frozen, RANDOM, RANDOM, RANDOM, "publisher")
    first = list(ORDER[:kills])
    wanted = first + [random.choice(drawn) for _ in range(kills - len(first))]
    random.shuffle(wanted)
    return [*wanted[: kills // 2], REPLAY, *wanted[kills // 2 :]]


class Attacker:
    """Attacks ``platform`` under load, one attack at a time, each when the one before has been got over."""

    def __init__(
        self,
        platform: Platform,
        publishers: Publishers,
        injector: FaultInjector,
        random: Random,
        *,
        frozen_seconds: float = 12.0,
    ) -> None:
        assert platform.workers is not None, "the platform runs no workers"
        self._platform, self._workers = platform, platform.workers
        self._publishers, self._injector, self._random = publishers, injector, random
        self._frozen_seconds = frozen_seconds
        self._watch = LedgerWatch(platform.stack.dsn)
        self.hits: list[Hit] = []
        self.replays: list[dict[str, Any]] = []
        self.idle = 0
        """Kills that hit a worker between transactions; they do not count."""

    @property
    def workers(self) -> Supervisor:
        return self._workers

    def run(self, attacks: Sequence[str], say: Callable[[str], None]) -> None:
        """Make ``attacks``; raises NoFlow when the platform does not come back."""
        began = time.monotonic()
        for number, kind in enumerate(attacks, start=1):
            each = (time.monotonic() - began) / (number - 1) if number > 1 else 0.0
            self._publishers.spread(each * (len(attacks) - number + 1))
            self.await_calm()
            time.sleep(self._random.uniform(0.2, 1.0))
            if kind == REPLAY:
                self.replays.append(self._replay())
                say(f"{number}/{len(attacks)} replay under load: {self.replays[-1]}")
                continue
            hit = self._attack(kind)
            self.hits.append(hit)
            say(f"{number}/{len(attacks)} {kind}: flows again after {hit.recovery:.2f} s")
        self.await_calm()  # also after the last one every worker comes back
        self._watch.close()

    def await_calm(self) -> None:
        """Wait until every worker owns partitions and each of them moves."""
        for worker in self._numbers():
            self._watch.wait(lambda w=worker: bool(self._watch.owned_by(w)), f"worker {worker} owns nothing")  # type: ignore[misc]
            self._watch.wait(lambda w=worker: self._moves(w), f"worker {worker} stands still")  # type: ignore[misc]

    def _moves(self, worker: int) -> bool:
        before = self._watch.owned_by(worker)
        time.sleep(0.1)
        return moved(before, self._watch.places())

    def _numbers(self) -> list[int]:
        return sorted(self._workers.pids())

    def _attack(self, kind: str) -> Hit:
        broker, database = self._platform.stack.broker, self._platform.stack.database
        match kind.split(" "):
            case ["publisher"]:
                return Hit(kind, kind, self._publishers.kill_one(self._random))
            case ["broker"]:
                return self._outage(kind, broker.kill, broker.start)
            case ["postgres"]:
                return self._outage(kind, database.stop_immediate, database.start)
            case ["freeze", "publisher"]:
                seconds = self._publishers.freeze_one(self._random, SERVERS_FROZEN)
                return Hit(kind, point_of(kind), seconds)
            case ["freeze", "broker"]:
                return self._outage(kind, lambda: _pause(broker), broker.resume)
        worker = self._random.choice(self._numbers())
        if kind == RANDOM:
            return self._blind(worker)
        what, point = kind.split(" ")
        if what == KILLED:
            return self._kill_at(worker, point)
        self._stop(worker, point)
        return self._frozen(worker, kind)

    def _replay(self) -> dict[str, Any]:
        """Build the state anew while the load goes on, and put it in use."""
        try:
            done = replay(self._platform.stack.dsn, processes=1)
        except (ReplayError, psycopg.Error) as failed:
            return {"failed": str(failed)}
        return {
            "generation": done.generation,
            "events": done.events,
            "caught_up": done.caught_up,
            "differences": done.differences,
            "hold_seconds": round(done.hold_seconds, 3),
            "seconds": round(done.seconds, 2),
        }

    def _outage(self, kind: str, end: Callable[[], None], start: Callable[[], None]) -> Hit:
        before, began = self._watch.places(), time.monotonic()
        end()
        start()
        self._watch.wait_moved(before, kind)
        return Hit(kind, point_of(kind), time.monotonic() - began)

    def _kill_at(self, worker: int, point: str) -> Hit:
        before = self._watch.owned_by(worker)
        self._fire(worker, point, signal.SIGKILL)
        before = self._watch.owned_by(worker) or before
        began = time.monotonic()
        self._watch.wait_moved(before, f"after a kill at {point}")
        return Hit(KILLED, point, time.monotonic() - began)

    def _fire(self, worker: int, point: str, number: signal.Signals) -> None:
        """Have ``worker`` hit by ``number`` at ``point``; returns when it was."""
        self._injector.set(worker, point, number)
        if point == "before_seek":
            # A worker seeks when it starts: kill it, and it is hit once more while it comes back.
            self._workers.signal(worker, signal.SIGKILL)
        try:
            self._watch.wait(
                lambda: self._injector.fired(worker), f"worker {worker} never came to {point}", 60
            )
        except NoFlow:
            self._injector.clear(worker)
            raise

    def _blind(self, worker: int) -> Hit:
        """Kill at a moment that nothing chose, until one of the kills hits a worker inside a transaction."""
        while True:
            self._aim(worker)
            self._workers.signal(worker, signal.SIGKILL)
            point, began = self._injector.inside(worker), time.monotonic()
            time.sleep(0.05)  # what its session still does ends
            before = self._watch.owned_by(worker)
            self._watch.wait_moved(before, "after a kill at random")
            if point:
                return Hit(RANDOM, RANDOM, time.monotonic() - began)
            self.idle += 1
            self.await_calm()

    def _aim(self, worker: int) -> None:
        """Wait for a moment, nobody knows which, at which ``worker`` probably is at work."""
        time.sleep(self._random.uniform(0.0, 0.3))
        self._watch.wait(
            lambda: bool(self._injector.inside(worker)), f"worker {worker} has no work", look=0.0005
        )
        time.sleep(self._random.uniform(0.0, 0.005))

    def _stop(self, worker: int, point: str) -> None:
        """Freeze ``worker`` at ``point``, or at random inside one of its transactions."""
        if point != RANDOM:
            self._fire(worker, point, signal.SIGSTOP)
            return
        while True:
            self._aim(worker)
            self._workers.signal(worker, signal.SIGSTOP)
            time.sleep(0.005)  # until the signal has come through, so that what is read stays
            if self._injector.inside(worker):
                return
            self.idle += 1
            self._workers.signal(worker, signal.SIGCONT)

    def _frozen(self, worker: int, kind: str) -> Hit:
        """After ``worker`` was frozen: the others go on, and it finds itself fenced off when it thaws."""
        own = self._watch.owned_by(worker)
        seen = self._watch.during(self._frozen_seconds, own) if len(self._numbers()) > 1 else None
        if seen is None:
            time.sleep(self._frozen_seconds)
        before, thawed = self._watch.owned_by(worker) or self._watch.places(), time.monotonic()
        self._workers.signal(worker, signal.SIGCONT)
        self._watch.wait_moved(before, "after a freeze")
        recovery = time.monotonic() - thawed
        if seen is None:
            return Hit(FROZEN, point_of(kind), recovery)
        return Hit(FROZEN, point_of(kind), recovery, seen.standstill, seen.moved_after, seen.waiting)


def _pause(broker: Broker) -> None:
    broker.pause()
    time.sleep(SERVERS_FROZEN)
