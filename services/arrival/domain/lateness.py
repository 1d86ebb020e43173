"""Whether a forecast is later than a date that somebody counts on, with memory: a forecast that moves a little raises and lifts nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from schemas import railnet
from schemas.events.base import Classifier
from services.arrival.domain.forecast import Forecast
from services.arrival.domain.legs import ARRIVED
from services.arrival.domain.tables import Tables
from services.domain.facts import EventId, Micros
from services.domain.rules import HOUR
from services.domain.view import ClaimStatus, View

PROMISE = "PROMISE"
"""The subject of a judgment about the date that the carrier gave; otherwise it is the name of a financing."""


class Lateness(StrEnum):
    """What a forecast means for a date; the names are those of the event."""

    IN_TIME = "IN_TIME"
    LIKELY_LATE = "LIKELY_LATE"  # P50 is behind it
    LATE = "LATE"  # P10 is behind it
    OVER = "OVER"  # it has arrived, or nobody counts on a date any more

    @property
    def raised(self) -> bool:
        """Whether somebody has to know."""
        return self in (Lateness.LIKELY_LATE, Lateness.LATE)


class Due(NamedTuple):
    """A date that somebody counts on: for ``subject``, by the ``event`` that states it (empty: a decision)."""

    subject: str
    moment: Micros
    event: EventId = b""


class Judgment(NamedTuple):
    """What a forecast as of ``at`` meant for a date; recorded once, and never taken again.

    ``before`` is the number of the one before it about the same consignment and subject. The bounds are None where there is no forecast.
    """

    number: int
    consignment: str
    subject: str
    before: int | None
    at: Micros
    position: int
    due: Micros
    due_event: EventId
    lateness: Lateness
    p10: Micros | None
    p50: Micros | None
    p90: Micros | None
    model: str
    evidence: tuple[EventId, ...]


def promise(view: View) -> Due | None:
    """The arrival at the destination as the carriers have planned it, by the plan that was published first; None where there is none."""
    if view.route is None or not view.route.places:
        return None
    end = railnet.canonical(view.route.places[-1])
    plans = [
        a.claim
        for a in view.arrivals
        if a.status is ClaimStatus.COUNTED
        and a.claim.classifier is Classifier.PLN
        and a.claim.milestone == ARRIVED
        and railnet.canonical(a.claim.place) == end
    ]
    if not plans:
        return None
    first = min(plans, key=lambda claim: (claim.published, claim.event))
    return Due(PROMISE, first.happened, first.event)


def until_now(last: Judgment | None, due: Due) -> Lateness:
    """What the latest judgment means for ``due``: nothing where it was about another date."""
    same = last is not None and (last.due, last.due_event) == (due.moment, due.event)
    return last.lateness if last is not None and same else Lateness.IN_TIME


def lateness(before: Lateness, found: Forecast, due: Micros, table: Tables) -> Lateness:
    """What ``found`` means for ``due``, where it meant ``before`` until now.

    It is raised once a bound lies behind the date by a margin, and lifted once that lies before it. Where a border has no announced
    end there is no middle: then only the lower bound counts, and what is raised stays.
    """
    margin = table.late_margin_hours * HOUR
    certain = due if before is Lateness.LATE else due + margin
    if found.arrival.p10 > certain:
        return Lateness.LATE
    middle = found.arrival.p50
    if middle is None:
        return Lateness.LIKELY_LATE if before.raised else Lateness.IN_TIME
    return Lateness.LIKELY_LATE if middle > (due if before.raised else due + margin) else Lateness.IN_TIME
