"""The journey of a consignment, from its view: box by box, and of the box that is furthest behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas import railnet
from schemas.events.base import Classifier
from services.arrival.domain.legs import (
    ARRIVED,
    STAGES,
    Event,
    Gap,
    Leg,
    Observation,
    Progress,
    Stage,
    progress,
    service_of,
)
from services.domain.derive import holding
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing
from services.domain.view import Arrival, ClaimStatus, View


class Claimed(NamedTuple):
    """A publisher's own forecast of the arrival at ``place``."""

    publisher: str
    event: EventId
    place: str
    arrives: Micros
    published: Micros


class Cargo(NamedTuple):
    """A consignment on its route; ``behind`` is the progress of the box that is furthest behind, ``boxes`` of all."""

    service: str
    route: tuple[str, ...]
    route_event: EventId
    behind: Progress
    boxes: tuple[Progress, ...]
    estimates: tuple[Claimed, ...]

    @property
    def observed(self) -> frozenset[Observation]:
        """All legs of all boxes."""
        return frozenset(each for box in self.boxes for each in box.observed)

    @property
    def gaps(self) -> frozenset[Gap]:
        """All gaps between facts of all boxes."""
        return frozenset(each for box in self.boxes for each in box.gaps)

    @property
    def present(self) -> frozenset[tuple[Leg, Micros]]:
        """The legs on which the boxes are."""
        return frozenset((box.leg, box.since) for box in self.boxes if box.leg is not None)

    @property
    def errors(self) -> frozenset[Gap]:
        """What estimates came to, once all have arrived: claimed (start) and real (end) arrival, by publisher."""
        times = [box.arrived for box in self.boxes]
        arrived = [at for at in times if at is not None]
        if not arrived or len(arrived) < len(times):
            return frozenset()
        end = railnet.canonical(self.route[-1])
        return frozenset(
            Gap(Leg(Stage.RUNNING, "", end), each.publisher, each.arrives, max(arrived))
            for each in self.estimates
            if each.published < max(arrived)
        )


def cargo(view: View) -> Cargo:
    """The journey that ``view`` shows."""
    route = () if view.route is None else view.route.places
    counted = [a for a in view.arrivals if a.status is ClaimStatus.COUNTED]
    held = [box.container for box in holding(view.boxes)]
    boxes = [progress(route, events_of(counted, box)) for box in held] or [
        progress(route, events_of(counted, None))
    ]
    estimates = tuple(
        Claimed(c.publisher, c.event, c.place, c.happened, c.published)
        for a in counted
        if (c := a.claim).classifier is Classifier.EST and c.milestone == ARRIVED
    )
    event = b"" if view.route is None else view.route.event
    behind = min(boxes, key=_advanced)
    return Cargo(service_of(route), route, event, behind, tuple(boxes), tuple(sorted(set(estimates))))


def _advanced(box: Progress) -> tuple[bool, int, Micros]:
    """How far a box is: fewer legs ahead are further, of the same those that are on them for longer."""
    return box.arrived is not None, -len(box.ahead) - (box.leg is None), -box.since


def events_of(counted: Iterable[Arrival], box: Thing | None) -> Iterator[Event]:
    """The facts of one box (None: of the whole cargo); where the authority for a fact has spoken, what others say is left out."""
    found = [
        a.claim
        for a in counted
        if a.claim.classifier is Classifier.ACT
        and (a.claim.milestone in STAGES or a.claim.milestone == ARRIVED)
        and (box in a.containers or not a.containers)
    ]
    settled = {(c.milestone, c.place) for c in found if c.territorial}
    for c in found:
        if c.territorial or (c.milestone, c.place) not in settled:
            yield Event(c.milestone, c.place, c.happened, c.event, c.publisher, c.published)
