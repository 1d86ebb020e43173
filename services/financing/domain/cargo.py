"""What a lender reads of a consignment's view: who is engaged, what was delivered, who said each fact and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind
from services.domain.claim_groups import answers
from services.domain.evidence import Gathered
from services.domain.facts import Assurance, Claim, EventId, Link, LinkKind, Micros
from services.domain.objects import Thing
from services.domain.rules import rules
from services.domain.view import Arrival, OpenException, Standing, View

DELIVERED = catalogue.spec("cre.movement.delivered.v1").number
GATED_OUT = catalogue.spec("cre.movement.gated_out.v1").number
RECONSIGNED = catalogue.spec("cre.movement.reconsigned.v1").number
ARRIVED_AT_DESTINATION = catalogue.spec("cre.movement.arrived_at_destination.v1").number
TRANSIT_OPENED = catalogue.spec("cre.customs.transit_opened.v1").number
TRANSIT_CLOSED = catalogue.spec("cre.customs.transit_closed.v1").number

LEFT = (GATED_OUT, DELIVERED)
"""What says that the cargo is out of the carriers' hands."""


@dataclass(frozen=True, slots=True)
class Cargo:
    """One consignment as a lender sees it as of a moment; nothing unengaged counts in it.

    ``joined_by`` are the links that say that its members are one.
    """

    consignment: str
    members: frozenset[str]
    engaged: frozenset[str]
    things: frozenset[Thing]
    counted: tuple[Arrival, ...]
    exceptions: tuple[OpenException, ...]
    silent: bool
    joined_by: tuple[EventId, ...] = ()

    @classmethod
    def of(cls, view: View, gathered: Gathered, links: Iterable[Link]) -> Cargo:
        """The cargo of a view and of what was ``gathered`` for it, among ``links`` of all kinds."""
        leading = (path.thing for path in gathered.paths if path.counted)
        joining = (
            link.event
            for link in links
            if link.kind is LinkKind.SAME_CONSIGNMENT
            and {link.left, link.right} <= gathered.members
            and gathered.liveness.live(link.event)
        )
        counted = tuple(a for a in view.arrivals if a.standing is Standing.COUNTED)
        spoken = (a.claim.thing for a in counted if not a.claim.thing.rides)
        boxes = (box.container for box in view.boxes if box.counted)
        return cls(
            consignment=view.consignment.key,
            members=frozenset(member.key for member in view.members),
            engaged=view.engaged,
            things=frozenset({*view.members, *boxes, *spoken, *(t for t in leading if not t.rides)}),
            counted=counted,
            exceptions=view.exceptions,
            silent=view.silent,
            joined_by=tuple(sorted(set(joining))),
        )

    @property
    def notes(self) -> frozenset[str]:
        """The keys of the consignment notes that were spoken of."""
        return frozenset(thing.key for thing in self.things if thing.kind is ObjectKind.NOTE)

    def facts(self, *milestones: int) -> list[Claim]:
        """What counts as a fact (ACT) of these milestones, in the order in which it happened."""
        found = {
            a.claim
            for a in self.counted
            if a.claim.milestone in milestones and a.claim.classifier is Classifier.ACT
        }
        return sorted(found, key=lambda c: (c.happened, c.published, c.event, c.thing))

    @property
    def last(self) -> Claim | None:
        """The latest fact of all."""
        facts = (a.claim for a in self.counted if a.claim.classifier is Classifier.ACT)
        return max(facts, key=lambda c: (c.happened, c.published, c.event), default=None)

    @property
    def expected(self) -> Claim | None:
        """The latest estimate of the arrival at destination that no fact answers."""
        if self.facts(ARRIVED_AT_DESTINATION):
            return None
        estimates = (
            a.claim
            for a in self.counted
            if a.claim.milestone == ARRIVED_AT_DESTINATION and a.claim.classifier is Classifier.EST
        )
        return max(estimates, key=lambda c: (c.published, c.event), default=None)


@dataclass(frozen=True, slots=True)
class Sayer:
    """One publisher's answer to what happened."""

    publisher: str
    assurance: Assurance
    happened: Micros
    event: EventId


@dataclass(frozen=True, slots=True)
class Corroborated:
    """One fact with everybody who said it; ``by_authority`` and the number of sayers are for the reader to weigh."""

    milestone: str
    thing: Thing
    place: str
    jurisdiction: str
    words: tuple[Sayer, ...]
    disputed: bool

    @property
    def assurance(self) -> Assurance:
        """The best that anybody offers."""
        return max(word.assurance for word in self.words)

    @property
    def sayers(self) -> int:
        """How many different publishers say it."""
        return len({word.publisher for word in self.words})


def corroboration(cargo: Cargo) -> tuple[Corroborated, ...]:
    """Every fact of the cargo with who said it, in the order of milestones."""
    facts = [a.claim for a in cargo.counted if a.claim.classifier is Classifier.ACT]
    found = []
    for question, given in answers(facts).items():
        tolerance = rules()[question.milestone].tolerance
        words = tuple(Sayer(c.publisher, c.assurance, c.happened, c.event) for c in given.current)
        found.append(
            Corroborated(
                milestone=rules()[question.milestone].name,
                thing=question.thing,
                place=given.current[0].place,
                jurisdiction=given.current[0].jurisdiction,
                words=words,
                disputed=tolerance is not None and given.spread() > tolerance,
            )
        )
    return tuple(sorted(found, key=lambda c: (c.words[0].happened, c.milestone, c.thing, c.place)))
