"""Observations: what one consignment or pledge contributes to one definition. The only thing that figures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import Classifier
from services.arrival.domain.cargo import cargo, events_of
from services.arrival.domain.legs import ARRIVED, STAGES, Progress
from services.domain.derive import holding
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing
from services.domain.rules import HOUR
from services.domain.view import ClaimStatus, View
from services.statistics.domain.corridors import Corridor, corridor_of

DEPARTED = catalogue.spec("cre.movement.departed.v1").number
TOLERATED: Micros = 24 * HOUR
"""How much later than announced still is on time."""


class Observation(NamedTuple):
    """``value`` of the subject ``of`` (a consignment or financing) for a definition, stated by ``events``.

    ``parties`` are those that could be recognised by it, in the order of the definition. Of a share the value is 0 or 1.
    """

    definition: str
    corridor: Corridor
    part: str  # a crossing or currency, "" where a corridor is not split
    of: str
    parties: tuple[str, ...]
    value: int
    events: tuple[EventId, ...]


class Journey(NamedTuple):
    """A consignment on its corridor: when its first box left and its last one arrived, and what had been announced by then."""

    consignment: str
    shipper: str  # "" where its founding names none, or several
    corridor: Corridor
    departed: Micros
    arrived: Micros | None
    announced: Micros | None
    disputed: bool
    dwells: tuple[tuple[str, Micros], ...]  # crossing, duration
    events: tuple[EventId, ...]


def journey_of(view: View, shipper: str) -> Journey | None:
    """The journey that ``view`` shows; None where nothing has left yet, or its route leads over no change of gauge."""
    route = () if view.route is None else view.route.places
    corridor = corridor_of(route)
    if corridor is None or view.route is None:
        return None
    counted = [a for a in view.arrivals if a.status is ClaimStatus.COUNTED]
    origin = railnet.canonical(route[0])
    held: list[Thing | None] = [box.container for box in holding(view.boxes)]
    left = [
        event.at
        for box in held or [None]
        for event in events_of(counted, box)
        if event.milestone == DEPARTED and railnet.canonical(event.place) == origin
    ]
    if not left:
        return None
    departed = min(left)
    boxes = cargo(view).boxes
    arrivals = [box.arrived for box in boxes if box.arrived is not None]
    estimates = list(_estimates(view, railnet.canonical(route[-1]), departed))
    stating = {
        a.claim.event
        for a in counted
        if a.claim.classifier is Classifier.ACT
        and (a.claim.milestone in STAGES or a.claim.milestone == ARRIVED)
    }
    announced = max(estimates, default=None)
    contradicting = {claim.event for answers in view.disputes for claim in answers.current}
    events = stating | contradicting | {view.route.event} | ({announced[1]} if announced else set())
    return Journey(
        view.consignment.key,
        shipper,
        corridor,
        departed,
        max(arrivals) if len(arrivals) == len(boxes) else None,
        None if announced is None else announced[2],
        bool(view.disputes),
        tuple(_dwells(boxes)),
        tuple(sorted(events)),
    )


def _estimates(view: View, end: str, departed: Micros) -> Iterator[tuple[Micros, EventId, Micros]]:
    """(published, event, arrival): the plans and estimates of the arrival that were published before the departure."""
    for arrival in view.arrivals:
        claim = arrival.claim
        if (
            arrival.status is not ClaimStatus.UNENGAGED
            and claim.milestone == ARRIVED
            and claim.classifier is not Classifier.ACT
            and railnet.canonical(claim.place) == end
            and claim.published <= departed
        ):
            yield claim.published, claim.event, claim.happened


def _dwells(boxes: Sequence[Progress]) -> Iterator[tuple[str, Micros]]:
    """How long all boxes together stood at each change of gauge, where both ends are known of every box."""
    spans: dict[tuple[str, str], list[tuple[Micros | None, Micros | None]]] = {}
    for box in boxes:
        for near, far in {(o.leg.first, o.leg.last) for o in box.observed if o.leg.stage.segment in (2, 3)}:
            here = [o for o in box.observed if (o.leg.first, o.leg.last) == (near, far)]
            came = [o.start for o in here if o.leg.stage.segment == 2]
            left = [o.end for o in here if o.leg.stage.segment == 3 and o.end is not None]
            spans.setdefault((near, far), []).append((min(came, default=None), max(left, default=None)))
    for (near, far), of in sorted(spans.items()):
        one, other = railnet.resolve(near), railnet.resolve(far)
        crossing = (
            "" if one is None or other is None else railnet.crossing_of_pair().get((one.id, other.id), "")
        )
        if not crossing or not railnet.crossings()[crossing].gauge_change:
            continue
        starts, ends = [a for a, _ in of if a is not None], [b for _, b in of if b is not None]
        if len(starts) == len(ends) == len(boxes) and max(ends) >= min(starts):
            yield crossing, max(ends) - min(starts)


def of_journey(journey: Journey) -> Iterator[Observation]:
    """What a journey contributes."""

    def observed(definition: str, value: int, part: str = "") -> Observation:
        parties = (journey.shipper,)
        return Observation(
            definition, journey.corridor, part, journey.consignment, parties, value, journey.events
        )

    yield observed("under_way", int(journey.arrived is None))
    yield observed("disputes", int(journey.disputed))
    for crossing, lasted in journey.dwells:
        yield observed("dwell", lasted, crossing)
    if journey.arrived is not None:
        yield observed("transit_time", max(0, journey.arrived - journey.departed))
        if journey.announced is not None:
            yield observed("on_time", int(journey.arrived <= journey.announced + TOLERATED))


class Pledge(NamedTuple):
    """A pledge by a signed decision of the platform; ``cargo`` are the consignments that its reservation names."""

    financing: str
    bank: str
    shipper: str
    amount: int  # minor units
    currency: str
    cargo: tuple[str, ...]
    released: bool
    events: tuple[EventId, ...]


def of_pledge(pledge: Pledge, corridors: Iterable[Corridor | None]) -> Iterator[Observation]:
    """What a pledge contributes, its cargo being on these corridors."""
    on = set(corridors)
    (corridor,) = on if len(on) == 1 else (None,)
    if corridor is None:
        return
    parties = (pledge.bank, pledge.shipper)
    for definition, part, value in (
        ("financed_value", pledge.currency, pledge.amount),
        ("released", "", int(pledge.released)),
    ):
        yield Observation(definition, corridor, part, pledge.financing, parties, value, pledge.events)
