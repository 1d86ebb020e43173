"""Integer counts per (shipper, signal, UTC day), and the differences that change them.

Counting is a sum over observations, so adding the difference between what was observed before and after a batch gives
exactly what counting everything anew gives, in any order and any batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.credit.domain.observations import Day, Observation
from services.credit.domain.signals import Signal


class Cell(NamedTuple):
    """Where a count stands."""

    shipper: str
    signal: Signal
    day: Day


class Count(NamedTuple):
    """How often it was tried, and thousandths of trials that went wrong; in a difference either may be negative."""

    trials: int = 0
    bad: int = 0


Counts = Mapping[Cell, Count]


def count(observations: Iterable[Observation]) -> dict[Cell, Count]:
    """The counts of ``observations``, each counted once."""
    return difference((), observations)


def difference(before: Iterable[Observation], after: Iterable[Observation]) -> dict[Cell, Count]:
    """What has to be added to counts that hold ``before`` so that they hold ``after``; without zeros."""
    old, new = frozenset(before), frozenset(after)
    sums: dict[Cell, list[int]] = defaultdict(lambda: [0, 0])
    for sign, changed in ((-1, old - new), (1, new - old)):
        for seen in changed:
            cell = sums[Cell(seen.shipper, seen.signal, seen.day)]
            cell[0] += sign
            cell[1] += sign * seen.bad
    return {cell: Count(*both) for cell, both in sums.items() if any(both)}


def added(counts: Counts, change: Counts) -> dict[Cell, Count]:
    """``counts`` with ``change`` added; ValueError where a count would become negative, which no order of facts allows."""
    total = dict(counts)
    for cell, (trials, bad) in change.items():
        present = total.get(cell, Count())
        new = Count(present.trials + trials, present.bad + bad)
        if new.trials < 0 or new.bad < 0:
            raise ValueError(f"the count of {cell} would become {new}")
        total[cell] = new
        if new == Count():
            del total[cell]
    return total


def of_shipper(counts: Counts, shipper: str) -> dict[Cell, Count]:
    """The part of ``counts`` that is about ``shipper``."""
    return {cell: found for cell, found in counts.items() if cell.shipper == shipper}
