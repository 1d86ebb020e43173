"""What was observed of a shipper in one cargo: at most one observation per signal and unit, dated by the fact that decides it.

Observations are a pure function of the facts that reach a consignment. Counts are their sums, so the counts of a state and
the counts reached by differences are the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.credit.domain.cargo import Cargo, Heard
from services.credit.domain.signals import WHOLE, Signal
from services.credit.domain.statements import DAY
from services.domain.facts import EventId, Micros

Day = int
"""UTC days since 1970-01-01."""


class Observation(NamedTuple):
    """One trial of one signal: ``bad`` thousandths of it went wrong; ``events`` are what it rests on."""

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
    cargo: Cargo, signal: Signal, unit: str, at: Micros, rests_on: Iterable[Heard], bad: int = 0
) -> Observation:
    """An observation of the shipper of ``cargo``; ``bad`` is 0 or up to WHOLE."""
    if not 0 <= bad <= WHOLE:
        raise ValueError(f"{bad} is no share of an observation in thousandths")
    events = tuple(sorted({heard.claim.event for heard in rests_on}))
    return Observation(cargo.shipper, signal, cargo.consignment.key, unit, day_of(at), bad, events)
