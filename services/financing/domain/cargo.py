"""The financed cargo: a consignment's view as a lender reads it, its corroboration, the goods under a pledge and their value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind
from schemas.events.document_trade import InvoiceIssued
from schemas.events.finance import Applied
from services.documents.domain.originals import ControlledOriginal
from services.domain.claim_groups import answers
from services.domain.evidence import GroupEvidence, consignment_groups, engaged_parties, founding_parties
from services.domain.facts import FOREVER, FREEING, Assurance, Claim, EventId, Facts, Link, LinkKind, Micros
from services.domain.links import RIDES, Network
from services.domain.liveness import judge
from services.domain.objects import Thing
from services.domain.rules import rules
from services.domain.view import Arrival, ClaimStatus, OpenException, View
from services.financing.domain.fingerprints import normalise_1
from services.financing.domain.money import Money
from services.financing.domain.statements import Statement, of_type

DELIVERED = catalogue.spec("cre.movement.delivered.v1").number
GATED_OUT = catalogue.spec("cre.movement.gated_out.v1").number
RECONSIGNED = catalogue.spec("cre.movement.reconsigned.v1").number
ARRIVED_AT_DESTINATION = catalogue.spec("cre.movement.arrived_at_destination.v1").number
TRANSIT_OPENED = catalogue.spec("cre.customs.transit_opened.v1").number
TRANSIT_CLOSED = catalogue.spec("cre.customs.transit_closed.v1").number

LEFT = (GATED_OUT, DELIVERED)
"""Milestones after which the cargo is out of the carriers' hands."""


@dataclass(frozen=True, slots=True)
class Cargo:
    """One consignment as of a moment; only counted claims are in it.

    ``joined_by`` are the links that declare its members one; ``originals`` the issued documents whose surrender its delivery needs.
    """

    consignment: str
    members: frozenset[str]
    engaged: frozenset[str]
    things: frozenset[Thing]
    counted: tuple[Arrival, ...]
    exceptions: tuple[OpenException, ...]
    silent: bool
    joined_by: tuple[EventId, ...] = ()
    originals: tuple[ControlledOriginal, ...] = ()

    @classmethod
    def of(cls, view: View, gathered: GroupEvidence, links: Iterable[Link]) -> Cargo:
        """The cargo of a view and of the evidence behind it, among ``links`` of all kinds."""
        leading = (path.thing for path in gathered.paths if path.counted)
        joining = (
            link.event
            for link in links
            if link.kind is LinkKind.SAME_CONSIGNMENT
            and {link.left, link.right} <= gathered.members
            and gathered.liveness.live(link.event)
        )
        counted = tuple(a for a in view.arrivals if a.status is ClaimStatus.COUNTED)
        named = (a.claim.thing for a in counted if not a.claim.thing.rides)
        boxes = (box.container for box in view.boxes if box.counted)
        return cls(
            consignment=view.consignment.key,
            members=frozenset(member.key for member in view.members),
            engaged=view.engaged,
            things=frozenset({*view.members, *boxes, *named, *(t for t in leading if not t.rides)}),
            counted=counted,
            exceptions=view.exceptions,
            silent=view.silent,
            joined_by=tuple(sorted(set(joining))),
        )

    @property
    def notes(self) -> frozenset[str]:
        """The keys of its consignment notes."""
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
class Attestation:
    """One publisher's current answer on a fact."""

    publisher: str
    assurance: Assurance
    happened: Micros
    event: EventId


@dataclass(frozen=True, slots=True)
class CorroboratedFact:
    """One fact with the attestation of each publisher."""

    milestone: str
    thing: Thing
    place: str
    jurisdiction: str
    statements: tuple[Attestation, ...]
    disputed: bool

    @property
    def assurance(self) -> Assurance:
        """The highest assurance among the attestations."""
        return max(statement.assurance for statement in self.statements)

    @property
    def publisher_count(self) -> int:
        """The number of different publishers."""
        return len({statement.publisher for statement in self.statements})


def corroboration(cargo: Cargo) -> tuple[CorroboratedFact, ...]:
    """Every fact of the cargo with its attestations, by time."""
    facts = [a.claim for a in cargo.counted if a.claim.classifier is Classifier.ACT]
    found = []
    for question, given in answers(facts).items():
        tolerance = rules()[question.milestone].tolerance
        statements = tuple(Attestation(c.publisher, c.assurance, c.happened, c.event) for c in given.current)
        found.append(
            CorroboratedFact(
                milestone=rules()[question.milestone].name,
                thing=question.thing,
                place=given.current[0].place,
                jurisdiction=given.current[0].jurisdiction,
                statements=statements,
                disputed=tolerance is not None and given.spread() > tolerance,
            )
        )
    return tuple(sorted(found, key=lambda c: (c.statements[0].happened, c.milestone, c.thing, c.place)))


UNSEEN: Micros = 15 * 60 * 1_000_000
"""What reached the broker so shortly before a pledge may not have been seen by it, and counts as later."""
_ORDER = (ObjectKind.CONTAINER, ObjectKind.NOTE, ObjectKind.DECLARATION, ObjectKind.CONSIGNMENT)
NAMING = frozenset(LinkKind) - RIDES - FREEING - {LinkKind.SAME_TRAIN}


class Report(NamedTuple):
    """The facts of one accepted event, and since when the platform knows it (UTC microseconds).

    ``aside``: its key turned out stolen since; views count it as if it had never been accepted.
    """

    known: Micros
    facts: Facts
    aside: bool = False


def goods(reports: Iterable[Report], consignments: Collection[Thing], *moments: Micros) -> frozenset[Thing]:
    """What identifies the goods of ``consignments`` from any of ``moments`` on: boxes, notes, declarations, consignments.

    An interest is in goods, not in a number. What identifies them when they are reserved or pledged does so until the pledge ends: no
    later statement that withdraws or ends a link or moves a box takes anything away; later links add. Links count that are live as of
    the moment or now and published by engaged parties, unless they ended by then. The result does not depend on the order of ``reports``.
    """
    every = tuple(reports)
    facts = Facts.union(report.facts for report in every)
    return frozenset[Thing]().union(*(_goods(every, facts, consignments, since) for since in moments))


def _goods(
    every: Iterable[Report], facts: Facts, consignments: Collection[Thing], since: Micros
) -> frozenset[Thing]:
    then = Facts.union(report.facts for report in every if report.known <= since - UNSEEN)
    now, before = judge(facts.withdrawals, facts.equivocated), judge(then.withdrawals, then.equivocated)

    def stands(event: EventId) -> bool:
        return now.live(event) or before.live(event)

    links = (link for link in facts.links if link.kind in NAMING and stands(link.event))
    network = Network(link._replace(end=FOREVER) if link.end is None else link for link in links)
    founded = founding_parties(f for f in facts.foundings if stands(f.event))
    groups = consignment_groups(founded, network.same)
    members = frozenset(consignments).union(*(groups[thing] for thing in consignments if thing in groups))
    parties = frozenset[str]().union(*(founded.get(member, frozenset()) for member in members))
    paths = network.paths(members, engaged_parties(parties, network, members))
    return frozenset(
        path.thing for path in paths if path.counted and path.end > since and path.thing.kind in _ORDER
    )


def in_order(things: Iterable[Thing]) -> tuple[Thing, ...]:
    """Boxes first, then notes, declarations and consignments, each by its key."""
    return tuple(sorted(things, key=lambda thing: (_ORDER.index(thing.kind), thing.key)))


@dataclass(frozen=True, slots=True)
class VerifiedValue:
    """A value with its evidence; ``missing`` counts invoices that too few publishers state."""

    value: Money | None
    publishers: frozenset[str]
    missing: int
    events: tuple[EventId, ...]


def verified(
    statements: Iterable[Statement], engaged: frozenset[str], currency: str, publishers: int
) -> VerifiedValue:
    """The value in ``currency``: for each invoice the least amount stated, where ``publishers`` or more engaged parties state it.

    Never more than the applicant itself stated. Invoices of another currency do not count and are not converted.
    """
    known = tuple(statements)
    invoices: dict[str, dict[str, tuple[Statement, InvoiceIssued]]] = defaultdict(dict)
    for statement, invoice in of_type(known, InvoiceIssued):
        if statement.publisher in engaged and invoice.grand_total_amount.currency_code == currency:
            invoices[normalise_1(invoice.document_id)][statement.publisher] = (statement, invoice)
    total, missing = 0, 0
    stating: set[str] = set()
    events: list[EventId] = []
    for by in invoices.values():
        if len(by) < publishers:
            missing += 1
            continue
        total += min(invoice.grand_total_amount.minor_units for _, invoice in by.values())
        stating |= by.keys()
        events += [statement.event for statement, _ in by.values()]
    if not events:
        return VerifiedValue(None, frozenset(), missing, ())
    stated = [Money.of(applied.value_amount) for _, applied in of_type(known, Applied)]
    total = min([total, *(money.minor for money in stated if money.currency == currency)])
    return VerifiedValue(Money(total, currency), frozenset(stating), missing, tuple(sorted(events)))
