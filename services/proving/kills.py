"""The attacks: processes killed and frozen while they work, and how long the flow stood still."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from services.localstack.platform import Platform
from services.processors.supervisor import Supervisor
from services.proving.publishers import Publishers
from services.proving.traps import POINTS, Traps
from services.proving.watch import NoFlow, Place, Watch
from services.replay.outcome import ReplayError
from services.replay.replaying import replay

KILLED, FROZEN, RANDOM, REPLAY = "kill", "freeze", "random", "replay"
ORDER = (
    *(f"{KILLED} {point}" for point in POINTS),
    f"{FROZEN} holding_heads",
    "publisher",
    "broker",
    "postgres",
    RANDOM,
)
"""Every kind of attack, in the order in which a run of few attacks takes them."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One attack that hit something at work; ``point`` names where, seconds tell how long the flow stood still."""

    kind: str
    point: str
    recovery: float
    others: float | None = None  # of a freeze: how long the other workers stood still


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
        traps: Traps,
        random: Random,
        *,
        frozen_seconds: float = 12.0,
    ) -> None:
        assert platform.workers is not None, "the platform runs no workers"
        self._platform, self._workers = platform, platform.workers
        self._publishers, self._traps, self._random = publishers, traps, random
        self._frozen_seconds = frozen_seconds
        self._watch = Watch(platform.stack.dsn)
        self.hits: list[Hit] = []
        self.replays: list[dict[str, Any]] = []
        self.idle = 0
        """Kills that hit a worker between transactions; they do not count."""

    @property
    def workers(self) -> Supervisor:
        return self._workers

    def run(self, attacks: Sequence[str], say: Callable[[str], None]) -> None:
        """Make ``attacks``; raises NoFlow when the platform does not come back."""
        for number, kind in enumerate(attacks, start=1):
            self.await_calm()
            time.sleep(self._random.uniform(0.2, 1.0))
            if kind == REPLAY:
                self.replays.append(self._replay())
                say(f"{number}/{len(attacks)} replay under load: {self.replays[-1]}")
                continue
            hit = self._attack(kind)
            self.hits.append(hit)
            say(f"{number}/{len(attacks)} {kind}: flows again after {hit.recovery:.2f} s")
        self._watch.close()

    def await_calm(self) -> None:
        """Wait until every worker owns partitions and each of them moves."""
        for worker in self._numbers():
            self._watch.wait(lambda w=worker: bool(self._watch.owned_by(w)), f"worker {worker} owns nothing")  # type: ignore[misc]
            self._watch.wait(lambda w=worker: self._moves(w), f"worker {worker} stands still")  # type: ignore[misc]

    def _moves(self, worker: int) -> bool:
        before = self._watch.owned_by(worker)
        time.sleep(0.1)
        now = self._watch.places()
        return any(p in now and now[p].next_offset > place.next_offset for p, place in before.items())

    def _numbers(self) -> list[int]:
        return sorted(self._workers.pids())

    def _attack(self, kind: str) -> Hit:
        if kind == "publisher":
            return Hit(kind, kind, self._publishers.kill_one(self._random))
        if kind == "broker":
            return self._outage(kind, self._platform.stack.broker.kill, self._platform.stack.broker.start)
        if kind == "postgres":
            database = self._platform.stack.database
            return self._outage(kind, database.stop_immediate, database.start)
        worker = self._random.choice(self._numbers())
        if kind == RANDOM:
            return self._blind(worker)
        what, point = kind.split(" ")
        if what == FROZEN:
            return self._freeze(worker, point)
        return self._trapped(worker, point)

    def _replay(self) -> dict[str, Any]:
        """Build the state anew while the load goes on, and put it in use."""
        try:
            done = replay(self._platform.stack.dsn, processes=1)
        except ReplayError as failed:
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
        return Hit(kind, kind, time.monotonic() - began)

    def _trapped(self, worker: int, point: str) -> Hit:
        before = self._watch.owned_by(worker)
        self._traps.set(worker, point, signal.SIGKILL)
        if (
            point == "before_seek"
        ):  # a worker seeks when it starts: kill it, and it dies once more while it comes back
            self._workers.signal(worker, signal.SIGKILL)
        self._await_sprung(worker, point)
        before = self._watch.owned_by(worker) or before
        began = time.monotonic()
        self._watch.wait_moved(before, f"after a kill at {point}")
        return Hit(KILLED, point, time.monotonic() - began)

    def _await_sprung(self, worker: int, point: str) -> None:
        try:
            self._watch.wait(lambda: self._traps.sprung(worker), f"worker {worker} never came to {point}", 60)
        except NoFlow:
            self._traps.clear(worker)
            raise

    def _blind(self, worker: int) -> Hit:
        """Kill at a moment that nothing chose, until one of the kills hits a worker inside a transaction."""
        while True:
            time.sleep(self._random.uniform(0.0, 0.3))
            self._watch.wait(
                lambda: bool(self._traps.inside(worker)), f"worker {worker} has no work", look=0.0005
            )
            time.sleep(self._random.uniform(0.0, 0.005))
            self._workers.signal(worker, signal.SIGKILL)
            point, began = self._traps.inside(worker), time.monotonic()
            time.sleep(0.05)  # what its session still does ends
            before = self._watch.owned_by(worker)
            self._watch.wait_moved(before, "after a kill at random")
            if point:
                return Hit(RANDOM, RANDOM, time.monotonic() - began)
            self.idle += 1
            self.await_calm()

    def _freeze(self, worker: int, point: str) -> Hit:
        """Freeze a worker that holds rows; the others go on, and the frozen one finds itself fenced off later."""
        self._traps.set(worker, point, signal.SIGSTOP)
        self._await_sprung(worker, point)
        began = time.monotonic()
        others: dict[tuple[str, int], Place] = {}
        for other in self._numbers():
            if other != worker:
                others |= self._watch.owned_by(other)
        flowed = self._watch.wait_moved(others, "beside a frozen worker") if others else None
        time.sleep(max(0.0, self._frozen_seconds - (time.monotonic() - began)))
        before, thawed = self._watch.owned_by(worker) or self._watch.places(), time.monotonic()
        self._workers.signal(worker, signal.SIGCONT)
        self._watch.wait_moved(before, "after a freeze")
        return Hit(FROZEN, f"freeze_{point}", time.monotonic() - thawed, flowed)
