"""Pledged goods that another founded consignment names too, and the facts that only that one leads to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from schemas.events.base import Classifier, ObjectKind
from services.domain.evidence import consignment_groups, engaged_parties
from services.domain.exceptions import open_exceptions
from services.domain.facts import FOREVER, Claim, EventId, Link, LinkKind, Micros, counts
from services.domain.links import Path
from services.domain.objects import Thing
from services.domain.view import Arrival, ClaimStatus
from services.financing.domain.cargo import ARRIVED_AT_DESTINATION, Cargo, Report, in_order
from services.financing.domain.pledged_goods import KnownFacts, PledgedGoods, Window, consolidated, left


class Naming(NamedTuple):
    """A box or note of pledged goods named for another consignment: by whom, since when, and by which events."""

    thing: Thing
    publisher: str
    since: Micros
    events: tuple[EventId, ...]


@dataclass(frozen=True, slots=True)
class NamedElsewhere:
    """Another consignment that shares something with pledged goods, and the facts that it alone leads to them.

    ``stands`` is False where it names them no longer: the facts that were known while it did stay.
    """

    namings: tuple[Naming, ...]
    cargo: Cargo
    stands: bool = True

    @property
    def shared(self) -> Thing:
        """The first of what is shared, boxes before notes."""
        return in_order(naming.thing for naming in self.namings)[0]


def named_elsewhere(goods: PledgedGoods, restowed: Mapping[Thing, Micros]) -> Iterator[NamedElsewhere]:
    """Each other consignment that names a box or note of ``goods`` at the time of the pledge, in order.

    Cargo of one consolidated box is no contradiction, nor is a box on another journey: goods left it between the starts of both
    namings. A master note over the consignments of one consolidated box is rightly shared, too. ``restowed`` are boxes that the goods
    left for others.
    """
    founded = goods.known.founded
    groups = consignment_groups(founded, goods.known.network.same)
    own = goods.members.union(*(groups.get(member, ()) for member in goods.members))
    for consignment in sorted(founded.keys() - own):
        other = _Other(goods, consignment, restowed)
        namings = tuple(other.namings())
        if namings:
            yield NamedElsewhere(namings, other.cargo(namings))


def named_before(
    goods: PledgedGoods, reports: Sequence[Report], restowed: Mapping[Thing, Micros]
) -> Iterator[NamedElsewhere]:
    """Other consignments as they named ``goods`` until somebody took that back, with the facts that were known then and count still.

    Whoever delivers the goods under a second founding does not undo that by retracting the founding.
    """
    known = goods.known
    for moment in sorted(_taken_back(goods)):
        before = KnownFacts((report for report in reports if report.known < moment), goods.pledge)
        for other in named_elsewhere(goods.as_known(before), restowed):
            counted = tuple(a for a in other.cargo.counted if known.live(a.claim.event))
            if counted:
                cargo = replace(other.cargo, counted=counted, exceptions=open_exceptions(counted))
                yield replace(other, cargo=cargo, stands=False)


def _taken_back(goods: PledgedGoods) -> set[Micros]:
    """When something that named a box or note of the goods for another consignment, or such a founding, was withdrawn."""
    known, pledge = goods.known, goods.pledge
    naming = [
        link for link in known.facts.links if link.left in goods.windows and link.right not in goods.members
    ]
    others = {link.right for link in naming}
    events = {link.event for link in naming}
    events |= {f.event for f in known.facts.foundings if f.consignment in others}
    moments = {known.since([w.event]) for w in known.facts.withdrawals if w.target in events}
    moments |= {max(known.contents[event].values()) for event in events & known.now.equivocated}
    return {moment for moment in moments if moment > pledge.since}


class _Other:
    """One other consignment: the ways that lead to it, and those of them that begin with something of the goods."""

    def __init__(self, goods: PledgedGoods, consignment: Thing, restowed: Mapping[Thing, Micros]) -> None:
        known = goods.known
        self._goods, self._consignment, self._restowed = goods, consignment, restowed
        members = frozenset({consignment})
        self._engaged = engaged_parties(known.founded[consignment], known.network, members)
        self._paths = [path for path in known.network.paths(members, self._engaged) if path.counted]
        meeting = [path for path in self._paths if path.thing in goods.windows]
        fellow = any(
            consolidated(path) and window.shared and self._meet(path, window)
            for path in meeting
            for window in goods.windows[path.thing]
        )
        self._meeting = [
            path
            for path in meeting
            if not (fellow and path.thing.kind is ObjectKind.NOTE)
            and any(self._contradict(path, window) for window in goods.windows[path.thing])
        ]

    def namings(self) -> Iterator[Naming]:
        """What is shared, by whom; those of the time of the pledge, and of its past."""
        goods, known = self._goods, self._goods.known
        founding = known.since(f.event for f in known.foundings if f.consignment == self._consignment)
        found: dict[tuple[Thing, str], tuple[Micros, frozenset[EventId]]] = {}
        for path in self._meeting:
            for link in self._links(path):
                since = max(goods.pledge.since, founding, known.since([link.event]), path.start)
                if since < goods.pledge.until and since <= goods.as_of:
                    key = path.thing, link.publisher
                    earliest, events = found.get(key, (since, frozenset()))
                    found[key] = min(since, earliest), events | {link.event}
        for (thing, publisher), (since, events) in sorted(found.items()):
            yield Naming(thing, publisher, since, tuple(sorted(events)))

    def cargo(self, namings: Iterable[Naming]) -> Cargo:
        """The facts about what is shared, or about the whole consignment while it names that, which do not reach the goods anyway."""
        goods = self._goods
        shared = frozenset(naming.thing for naming in namings)
        arrivals = tuple(
            Arrival(claim, ClaimStatus.COUNTED, False, False, True, frozenset())
            for claim in sorted(self._claims(), key=_order)
            if claim not in goods.reached
            and claim.happened <= goods.as_of
            and any(path.holds(claim.happened) for path in self._meeting if path.thing in shared)
            and any(self._concerns(path, shared) for path in self._ways(claim))
        )
        return Cargo(
            consignment=self._consignment.key,
            members=frozenset({self._consignment.key}),
            engaged=self._engaged,
            things=frozenset({*shared, *(arrival.claim.thing for arrival in arrivals)}),
            counted=arrivals,
            exceptions=open_exceptions(arrivals),
            silent=False,
        )

    def _contradict(self, path: Path, window: Window) -> bool:
        if (window.shared and consolidated(path)) or not self._meet(path, window):
            return False
        if path.thing.kind is not ObjectKind.CONTAINER:
            return True
        if path.start >= window.start:
            return self._goods.gone(path.thing) > path.start
        return not any(
            (left(claim) or claim.milestone == ARRIVED_AT_DESTINATION)
            and path.start <= claim.happened <= window.start
            and self._ways(claim)
            for claim in self._claims()
        )

    def _meet(self, path: Path, window: Window) -> bool:
        start = max(path.start, window.start)
        end = min(path.end, window.end, self._restowed.get(path.thing, FOREVER))
        return start < end and end > self._goods.pledge.since

    def _links(self, path: Path) -> Sequence[Link]:
        if path.thing.kind is ObjectKind.CONTAINER:
            return [path.spans[0].link]
        ours = {each.thing for each in self._paths}
        return [
            link
            for link in self._goods.known.links
            if link.left == path.thing and link.right in ours and counts(link, self._engaged)
        ]

    def _claims(self) -> Iterator[Claim]:
        known = self._goods.known
        for claim in known.facts.claims:
            if (
                claim.classifier is Classifier.ACT
                and (claim.territorial or claim.publisher in self._engaged)
                and known.live(claim.event)
            ):
                yield claim

    def _ways(self, claim: Claim) -> list[Path]:
        return [path for path in self._paths if path.thing == claim.thing and path.holds(claim.happened)]

    @staticmethod
    def _concerns(path: Path, shared: frozenset[Thing]) -> bool:
        """Whether what is said of ``path`` is said of all of the consignment, or of a box that is shared."""
        boxes = {span.link.left for span in path.spans if span.link.kind is LinkKind.CONTAINER_CARRIES}
        return not boxes or not boxes.isdisjoint(shared)


def _order(claim: Claim) -> tuple[Micros, Micros, EventId, Thing]:
    return claim.happened, claim.published, claim.event, claim.thing
