"""The platform's own forecast of the arrival as the tracking page shows it: in whole hours, with where each leg ends and what moved it.

The same is shown as ``GET /v1/consignments/{ref}/arrival`` gives, to the same viewers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from schemas.events.base import Classifier
from services.api.access.consignment import VisibleConsignment
from services.arrival.domain.forecast import Bounds, Forecast, Unbounded
from services.arrival.domain.history import Source
from services.arrival.domain.legs import Leg, Stage, crossing_between
from services.arrival.store.reader import ArrivalForecast, read_forecast
from services.domain.facts import Micros
from services.domain.rules import HOUR
from services.domain.view import View
from services.pages.tracking.line import ON_THE_WAY
from services.pages.tracking.words import N_

_EVERY: Micros = 10 * 60 * 1_000_000
ENDS = {
    0: N_("Departure from %(place)s"),
    1: N_("Arrival at %(place)s"),
    2: N_("Hand-over at %(place)s"),
    3: N_("Departure from %(place)s"),
}
"""What the end of a leg is, by its segment."""
SAMPLES = {
    Source.OWN: N_("trains of this service: %(own)s, of all services: %(all)s"),
    Source.POOLED: N_("trains of all services: %(all)s"),
    Source.TABLE: N_("typical times, few trains: %(all)s"),
}
"""On what the duration of a leg mostly rests."""


@dataclass(frozen=True, slots=True)
class LegEnd:
    """When a leg ends, at ``place``, by the clock of ``clock``; ``closed``: a closed border holds it, with so many trains ``ahead``."""

    what: str
    place: str
    clock: str
    ends: Bounds
    sample: str
    own: int
    all: int
    closed: bool
    ahead: int | None


@dataclass(frozen=True, slots=True)
class MovedLeg:
    """By how much a leg moved the middle of the arrival since the day before; positive: later."""

    what: str
    place: str
    by: Micros


@dataclass(frozen=True, slots=True)
class ShownForecast:
    """The interval that holds the arrival at ``place`` four times in five.

    Its upper bounds are None where nobody has announced when a border opens or, for ``loading``, when loading is allowed again, and where
    they are ``beyond`` the days that are counted.
    ``moved`` is None where the day before cannot be compared. ``normal_until``: until when no news is normal by the habits of the leg,
    None where they are not known; ``unusual``: that is over.
    """

    place: str
    arrival: Bounds
    loading: bool
    beyond: bool
    legs: tuple[LegEnd, ...]
    moved: Micros | None
    moved_legs: tuple[MovedLeg, ...]
    normal_until: Micros | None
    unusual: bool


def places_of(shown: VisibleConsignment) -> Sequence[str]:
    """The codes of the planned places, () where the viewer sees none."""
    route = shown.known.view.route
    return route.places if route is not None and shown.body["route"] is not None else ()


def visible_forecast(
    session: Connection[Any], shown: VisibleConsignment, now: Micros
) -> ShownForecast | None:
    """The forecast of what is on its way or still to leave: three statements, none for what has arrived or was never seen."""
    return shown_forecast(read_forecast(session, shown.known, now)) if is_ahead(shown.body) else None


def is_ahead(body: Mapping[str, Any]) -> bool:
    """Whether the arrival of a filtered view lies ahead, and where it goes is shown."""
    movement = body["movement"]
    return movement is not None and int(movement["phase"]) <= ON_THE_WAY and body["route"] is not None


def forecast_moment(view: View, now: Micros) -> Micros:
    """As of when the page of ``view`` forecasts at ``now``: every ten minutes, and as soon as something has happened."""
    last = (a.claim.happened for a in view.arrivals if a.claim.classifier is Classifier.ACT)
    return max(now - now % _EVERY, max(last, default=0))


def shown_forecast(found: ArrivalForecast) -> ShownForecast | None:
    """What the page shows of a forecast; None where there is none, or nothing on its legs was learned from a train."""
    result, quiet = found.forecast, found.silence
    if not isinstance(result, Forecast) or not any(each.own or each.pooled for each in result.legs):
        return None
    learned = quiet is not None and quiet.seen > 0
    return ShownForecast(
        place=found.cargo.route[-1],
        arrival=_in_hours(result.arrival),
        loading=result.legs[0].leg.stage.segment == 0 and result.legs[0].ends.p50 is None,
        beyond=result.unbounded is Unbounded.BEYOND_HORIZON,
        legs=tuple(
            LegEnd(
                *_end(each.leg),
                each.leg.first if each.leg.stage is Stage.AT_BORDER else each.leg.last,
                _in_hours(each.ends),
                SAMPLES[each.source],
                each.own,
                each.pooled,
                each.opening is not None,
                each.ahead,
            )
            for each in result.legs
        ),
        moved=_nearest(sum(part.by for part in found.moved)) if found.moved else None,
        moved_legs=tuple(MovedLeg(*_end(part.leg), by) for part in found.moved if (by := _nearest(part.by))),
        normal_until=quiet.normal_until if learned and quiet is not None else None,
        unusual=learned and quiet is not None and quiet.unusual,
    )


def _end(leg: Leg) -> tuple[str, str]:
    segment = leg.stage.segment
    if segment == Stage.AT_BORDER.segment:
        return ENDS[segment], f"crossing:{crossing_between(leg.first, leg.last)}"
    return ENDS[segment], leg.last


def _in_hours(ends: Bounds) -> Bounds:
    """The interval in whole hours, no narrower than it is: a forecast made some minutes later is the same text."""
    return Bounds(
        ends.p10 // HOUR * HOUR,
        None if ends.p50 is None else _nearest(ends.p50),
        None if ends.p90 is None else -(-ends.p90 // HOUR) * HOUR,
    )


def _nearest(span: Micros) -> Micros:
    return (span + HOUR // 2) // HOUR * HOUR
