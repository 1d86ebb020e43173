"""Offshore deals: what class a deal is of by where its goods were seen, and what confirms it along three lines: carriage, boxes, goods.

A deal is of its class by facts alone, the same in any order of them: lodged for export from or import to home territory, it touches it; under a
transit procedure there, it passes through it; seen there with nothing that explains it, it touches it as well; bought to go home and sold
elsewhere, it was resold in transit; else nothing contradicts that it is offshore. No line says that a deal is genuine: it says what confirms it,
who published that, and what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from schemas import railnet
from schemas.events.base import ObjectKind
from schemas.events.trade_offshore import ContractRole, DealKind, OffshoreDealStated
from schemas.events.vocabulary import Region
from services.domain.facts import Assurance, EventId, Micros
from services.domain.objects import Thing, offshore_deal

HOME: Final = "CN"
MERCHANTING: Final = "122010"
BONDED: Final = "121030"
_DECLARED: Final = frozenset({"EXPORT", "IMPORT", "WAREHOUSE", "RE_EXPORT"})


class DealClass(StrEnum):
    """What the facts make of a deal."""

    OFFSHORE = "OFFSHORE"
    RESOLD_IN_TRANSIT = "RESOLD_IN_TRANSIT"
    TRANSIT_THROUGH_CHINA = "TRANSIT_THROUGH_CHINA"
    TOUCHES_HOME_TERRITORY = "TOUCHES_HOME_TERRITORY"


class Line(StrEnum):
    """What a deal is confirmed along."""

    CARRIAGE = "CARRIAGE"
    BOXES = "BOXES"
    GOODS = "GOODS"


class Missing(StrEnum):
    """What would confirm a line and is not here."""

    VESSEL_TRACK = "VESSEL_TRACK"
    TRAIN = "TRAIN"
    BOX_NAMED = "BOX_NAMED"
    BOX_SEEN = "BOX_SEEN"
    FOREIGN_CUSTOMS = "FOREIGN_CUSTOMS"
    TRANSPORT_DOCUMENT = "TRANSPORT_DOCUMENT"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A fact about the goods that somebody published: of which object, where, under which customs procedure ("" for none); ``rides``: by the train or wagon."""

    event: EventId
    by: str
    at: Micros
    milestone: str
    region: Region
    thing: Thing
    boxes: frozenset[Thing]
    jurisdiction: str
    place: str
    procedure: str
    assurance: Assurance
    rides: bool

    @property
    def order(self) -> tuple[Micros, EventId, Thing]:
        """By time, then by what does not depend on arrival."""
        return self.at, self.event, self.thing

    @property
    def at_home(self) -> bool:
        """Whether it was before home customs or in home territory; a border crossing lies on both sides."""
        return self.jurisdiction == HOME or HOME in railnet.countries_of(self.place)


@dataclass(frozen=True)
class Deal:
    """What one event states of a deal of ``owner``, who published it as ``id`` of ``source``."""

    event: EventId
    owner: str
    published: Micros
    source: str
    id: str
    stated: OffshoreDealStated

    @property
    def name(self) -> str:
        """The owner's code, a slash, the owner's reference."""
        return f"{self.owner}/{self.stated.reference}"

    @property
    def thing(self) -> Thing:
        """Under which the deal is found."""
        return offshore_deal(self.owner, self.stated.reference)

    @cached_property
    def boxes(self) -> frozenset[Thing]:
        """The containers that it names."""
        return frozenset(each for each in self.objects if each.kind is ObjectKind.CONTAINER)

    @cached_property
    def objects(self) -> frozenset[Thing]:
        """What the goods travel in or under."""
        return frozenset(Thing(each.kind, each.key) for each in self.stated.objects)

    @property
    def counterparties(self) -> frozenset[str]:
        """The codes under which the other sides of its contracts are registered here, as far as it names them so."""
        named = (each.counterparty for each in self.stated.contracts)
        return frozenset(each.number for each in named if each.scheme == "PARTY")

    def destinations(self, role: ContractRole) -> frozenset[str]:
        """The countries that the goods go to by the contracts of that role."""
        return frozenset(
            each.destination for each in self.stated.contracts if each.role is role and each.destination
        )

    def subheadings(self, role: ContractRole) -> frozenset[str]:
        """The subheadings of the goods in the contracts of that role."""
        return frozenset(
            each.subheading for each in self.stated.contracts if each.role is role and each.subheading
        )


def current(deals: Iterable[Deal]) -> Deal | None:
    """Of live statements of one deal the one that counts: the latest published; of equals the greatest source and id."""
    return max(deals, key=lambda each: (each.published, each.source, each.event), default=None)


class KnownDeal(NamedTuple):
    """A deal with what was seen of its goods."""

    deal: Deal
    sightings: tuple[Sighting, ...] = ()


class Classified(NamedTuple):
    """The class of a deal, and the sightings that it follows from, in the order of their times; none where it follows from the contracts."""

    deal_class: DealClass
    follows_from: tuple[Sighting, ...] = ()


def classify(known: KnownDeal) -> Classified:
    """The class of a deal; a function of the set of sightings."""
    at_home = sorted({each for each in known.sightings if each.at_home}, key=lambda each: each.order)
    declared = tuple(each for each in at_home if each.jurisdiction == HOME and each.procedure in _DECLARED)
    if declared:
        return Classified(DealClass.TOUCHES_HOME_TERRITORY, declared)
    if any(each.jurisdiction == HOME and each.procedure == "TRANSIT" for each in at_home):
        return Classified(DealClass.TRANSIT_THROUGH_CHINA, tuple(at_home))
    if at_home:
        return Classified(DealClass.TOUCHES_HOME_TERRITORY, tuple(at_home))
    deal = known.deal
    bought_for_home = HOME in deal.destinations(ContractRole.BUYS)
    sold_elsewhere = deal.destinations(ContractRole.SELLS) - {HOME}
    if deal.stated.kind is DealKind.RESALE and bought_for_home and sold_elsewhere:
        return Classified(DealClass.RESOLD_IN_TRANSIT)
    return Classified(DealClass.OFFSHORE)


class Confirmation(NamedTuple):
    """A line of the report: what confirms it, and what is missing; of boxes, those that nobody saw."""

    line: Line
    by: tuple[Sighting, ...]
    missing: tuple[Missing, ...]
    unseen: tuple[Thing, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether something confirms it and nothing is missing."""
        return bool(self.by) and not self.missing


def report(known: KnownDeal) -> tuple[Confirmation, ...]:
    """The three lines. What the owner itself published confirms none of them."""
    others = sorted(
        {each for each in known.sightings if each.by != known.deal.owner}, key=lambda each: each.order
    )
    return _carriage(known.deal, others), _boxes(known.deal, others), _goods(others)


def _carriage(deal: Deal, sightings: Sequence[Sighting]) -> Confirmation:
    by = tuple(each for each in sightings if each.region is Region.MOVEMENT and each.rides)
    if deal.stated.vessels:
        at_sea = tuple(each for each in sightings if each.milestone in _AT_SEA)
        return Confirmation(Line.CARRIAGE, (*by, *at_sea), () if at_sea else (Missing.VESSEL_TRACK,))
    return Confirmation(Line.CARRIAGE, by, () if by else (Missing.TRAIN,))


_AT_SEA: Final = frozenset({"movement.loaded_on_vessel", "movement.discharged_from_vessel"})


def _boxes(deal: Deal, sightings: Sequence[Sighting]) -> Confirmation:
    by = tuple(
        each
        for each in sightings
        if each.region is Region.MOVEMENT
        and not each.rides
        and not deal.boxes.isdisjoint(each.boxes | {each.thing})
    )
    if not deal.boxes:
        return Confirmation(Line.BOXES, by, (Missing.BOX_NAMED,))
    seen = frozenset[Thing]().union(*(each.boxes | {each.thing} for each in by))
    unseen = tuple(sorted(deal.boxes - seen))
    return Confirmation(Line.BOXES, by, (Missing.BOX_SEEN,) if unseen else (), unseen)


def _goods(sightings: Sequence[Sighting]) -> Confirmation:
    abroad = [each for each in sightings if each.region is Region.CUSTOMS and each.jurisdiction != HOME]
    papers = [each for each in sightings if each.region is Region.DOCUMENT]
    missing = (
        *(() if abroad else (Missing.FOREIGN_CUSTOMS,)),
        *(() if papers else (Missing.TRANSPORT_DOCUMENT,)),
    )
    return Confirmation(Line.GOODS, (*abroad, *papers), missing)
