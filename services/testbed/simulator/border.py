"""Borders as queues: so many trains a day in each direction, none while closed, and cranes that lift one train at a time."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from schemas import railnet
from services.testbed.simulator.conditions import Closure, Conditions, Count, LoadingStop
from services.testbed.simulator.faults import Reporter
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Record
from services.testbed.simulator.world import DAY, HOUR, MINUTE, SECOND, Order, World

FREE_PER_DAY = 24.0
"""Where there is neither customs nor another gauge, at least so many trains pass a day, however few run."""


class Gate:
    """One direction of a crossing: trains pass a day's capacity apart, each at the first free moment after it is ready."""

    def __init__(self, per_day: float, closed: tuple[tuple[int, int], ...]) -> None:
        self._gap = int(DAY / per_day) // SECOND * SECOND
        self._closed = closed
        self._taken: list[int] = []

    def take(self, ready: int) -> int:
        """When a train that is ready at ``ready`` passes; the moment is its own from then on."""
        slot = self._open(ready)
        place = bisect_left(self._taken, slot - self._gap + 1)
        while place < len(self._taken) and self._taken[place] < slot + self._gap:
            slot = self._open(self._taken[place] + self._gap)
            place += 1
        insort(self._taken, slot)
        return slot

    def waiting(self, at: int) -> int:
        """How many trains have a slot that is still to come at ``at``; ``at`` must not go back."""
        over = bisect_right(self._taken, at)
        del self._taken[: max(0, over - 1)]  # the last one that passed still keeps its distance
        return len(self._taken) - min(over, 1)

    def shut(self, at: int) -> bool:
        """Whether nothing passes at ``at``."""
        return self._open(at) != at

    def _open(self, at: int) -> int:
        for start, end in self._closed:
            if start <= at < end:
                return end + 20 * MINUTE
        return at


class Cranes:
    """The cranes of a gauge change: ``number`` trains at a time, the others wait."""

    def __init__(self, number: int) -> None:
        self._free = [0] * max(1, number)

    def lift(self, ready: int, hours: float) -> int:
        """When boxes that stand under the cranes from ``ready`` on, and take ``hours``, are all lifted over."""
        done = max(ready, heapq.heappop(self._free)) + int(hours * HOUR) // SECOND * SECOND
        heapq.heappush(self._free, done)
        return done


class Borders:
    """All gates and cranes of a world."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._gates: dict[tuple[str, str], Gate] = {}
        self._cranes: dict[tuple[str, str], Cranes] = {}

    def gate(self, crossing: str, direction: str) -> Gate:
        """The gate of ``crossing`` in ``direction``."""
        key = crossing, direction
        if key not in self._gates:
            known, conditions = railnet.crossings()[crossing], self._conditions
            least = conditions.least_per_day if known.customs_border else FREE_PER_DAY
            per_day = max(least, known.trains_per_day * conditions.capacity)
            self._gates[key] = Gate(per_day, conditions.closed(crossing))
        return self._gates[key]

    def cranes(self, crossing: str, direction: str) -> Cranes:
        """The cranes on the receiving side of ``crossing``; at a small share of today's traffic at least these."""
        key = crossing, direction
        if key not in self._cranes:
            self._cranes[key] = Cranes(round(self._conditions.cranes * max(1.0, self._conditions.capacity)))
        return self._cranes[key]


def dwell(crossing: str, random: Random, share: float = 1.0) -> int:
    """A ``share`` of how long one train stands at ``crossing`` when nothing is wrong, drawn by railnet's two numbers of it.

    Straight lines through (0, 0.4 median), (0.5, median), (0.9, p90), (1, 1.3 p90), so that it is the same everywhere.
    """
    known = railnet.crossings()[crossing].dwell
    median, p90 = known.median_hours, known.p90_hours
    chance = random.random()
    if chance < 0.5:
        hours = median * (0.4 + 1.2 * chance)
    elif chance < 0.9:
        hours = median + (p90 - median) * (chance - 0.5) / 0.4
    else:
        hours = p90 * (1 + 3 * (chance - 0.9))
    return int(hours * share * HOUR) // SECOND * SECOND


WaitingTrains = Callable[[str, int], tuple[int, int]]
"""How many trains towards Europe stand before a crossing at a time: at the border station, and with those held on the way."""
_RESTRICTED, _LIFTED = "network.restricted", "network.restriction_lifted"


class Orders:
    """Publishes the restrictions of a world; ``waiting_trains`` counts its trains."""

    def __init__(
        self, world: World, reporter: Reporter, conditions: Conditions, waiting_trains: WaitingTrains
    ) -> None:
        self._world = world
        self._reporter = reporter
        self._conditions = conditions
        self._waiting_trains = waiting_trains
        self._claims: dict[tuple[str, str], Record] = {}

    def schedule(self, later: Callable[[int, Callable[[], None]], None]) -> None:
        """Put every order and count on the agenda."""
        for closure in self._conditions.closures:
            later(closure.announced, lambda closure=closure: self._close(closure))  # type: ignore[misc]
        for stop in self._conditions.stops:
            later(stop.start - 3 * HOUR, lambda stop=stop: self._stop(stop))  # type: ignore[misc]
        for count in self._conditions.counts:
            later(count.at, lambda count=count: self._count(count))  # type: ignore[misc]

    def _close(self, closure: Closure) -> None:
        """The order, open-ended as it was given, and the end of it a day before the border opens."""
        details = {"place": f"crossing:{closure.crossing}", "kind": "BORDER_CLOSED", "direction": "BOTH"}
        order = {**details, "order_number": f"SIM-{closure.fact}", "from": closure.start}
        record = self._report(closure.by, closure.announced, order)
        self._lift(closure.by, record, closure.end - DAY, closure.end)

    def _stop(self, stop: LoadingStop) -> None:
        self._report(
            stop.by,
            stop.start - 3 * HOUR,
            {
                "place": f"crossing:{stop.crossing}",
                "kind": "ACCEPTANCE_BAN",
                "direction": stop.direction,
                "order_number": f"SIM-{stop.fact}",
                "from": stop.start,
                "to": stop.end,
            },
        )

    def _count(self, count: Count) -> None:
        """Somebody's own claim about the closed border, with his own count of the trains there."""
        closure = next(
            c
            for c in self._conditions.closures
            if c.crossing == count.crossing and c.start <= count.at < c.end
        )
        at_border, all_of_them = self._waiting_trains(count.crossing, count.at)
        own = at_border if "railway" in PARTIES[count.by].roles else all_of_them
        details = {
            "place": f"crossing:{count.crossing}",
            "kind": "BORDER_CLOSED",
            "direction": "WEST",
            "from": closure.start,
            "remark": f"simulated: {own} trains standing by our count; reported on the day: {count.reported} ({count.fact})",
        }
        record = self._report(count.by, count.at, details)
        self._lift(count.by, record, max(count.at + HOUR, closure.end + 30 * MINUTE), closure.end)

    def _report(self, party: str, at: int, details: dict[str, Any]) -> Record | None:
        if at > self._world.now:
            return None
        crossing = str(details["place"]).removeprefix("crossing:")
        restriction = Order(
            party, crossing, details["kind"], details["direction"], details["from"], details.get("to")
        )
        self._world.orders.append(restriction)
        return self._reporter.report(party, _RESTRICTED, at, self._reporter.writer.dated(party, details))

    def _lift(self, party: str, record: Record | None, at: int, end: int) -> None:
        """The order that was published last ends; ``record`` is its record."""
        if record is None or at > self._world.now:
            return
        self._world.orders[-1] = replace(self._world.orders[-1], end=end)
        details = {"restriction": {"source": PARTIES[party].source, "id": record["id"]}, "at": end}
        self._reporter.report(party, _LIFTED, at, self._reporter.writer.dated(party, details))
