"""Borders as queues: so many trains a day in each direction, none while closed, and cranes that lift one train at a time."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from random import Random

from schemas import railnet
from services.testbed.simulator.conditions import Conditions
from services.testbed.simulator.world import DAY, HOUR, MINUTE, SECOND

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
