"""Observations of a shipper's conduct, and their integer counts per (shipper, signal, UTC day).

There is at most one observation per signal and unit of a subject, dated by the fact that decides it; observations are a pure
function of the facts. Counts are sums over them, so adding the difference of a batch gives exactly what counting anew gives, in
any order and any batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.credit.domain.cargo import Cargo, CargoFact
from services.credit.domain.signals import WHOLE, Signal
from services.credit.domain.statements import DAY
from services.domain.facts import EventId, Micros

Day = int
"""UTC days since 1970-01-01."""


class Observation(NamedTuple):
    """One trial of one signal: ``bad`` thousandths of it failed; ``events`` are its evidence."""

    shipper: str
    signal: Signal
    subject: str  # the consignment's or financing's key
    unit: str  # what was tried within it: a booking, an invoice, an inspection ("" where it is the whole)
    day: Day
    bad: int
    events: tuple[EventId, ...]


def day_of(at: Micros) -> Day:
    """The UTC day in which ``at`` lies."""
    return at // DAY


def observed(
    cargo: Cargo, signal: Signal, unit: str, at: Micros, rests_on: Iterable[CargoFact], bad: int = 0
) -> Observation:
    """An observation of the shipper of ``cargo``; ``bad`` is 0 or up to WHOLE."""
    if not 0 <= bad <= WHOLE:
        raise ValueError(f"{bad} is no share of an observation in thousandths")
    events = tuple(sorted({each.claim.event for each in rests_on}))
    return Observation(cargo.shipper, signal, cargo.consignment.key, unit, day_of(at), bad, events)


class Cell(NamedTuple):
    """The key of a count."""

    shipper: str
    signal: Signal
    day: Day


class Count(NamedTuple):
    """Number of trials, and thousandths of trials that failed; in a difference either may be negative."""

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
