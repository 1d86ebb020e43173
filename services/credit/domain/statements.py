"""What events state to credit beyond their claims, as values in a grow-only set, and how it is read from an admitted event.

A ``Detail`` is found by the event id of its claim (``services.domain.interpretation``). Pure: the same event gives the same values
in every replay.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from schemas.envelope import event_id
from schemas.events.base import CustomsMilestone, Payload, Role
from schemas.events.correction import Corrected
from schemas.events.credit import (
    CauseStated,
    ClaimDecided,
    ConsentGranted,
    ConsentRevoked,
    CutOffSet,
    DisputeOpened,
    DisputeResolved,
    DocumentsCompleted,
    FreightDisputed,
    FreightFellOverdue,
    FreightInvoiced,
    FreightPaid,
    ParticularsDeclared,
)
from schemas.events.customs import Accepted, Cancelled, Detained, DetentionLifted, Rejected
from schemas.events.customs_control import FindingSettled, InspectionFinding
from schemas.events.customs_filing import Filing
from schemas.events.document_trade import TradeParty
from schemas.events.finance import Applied, Approved, Defaulted, FellOverdue, Repaid
from schemas.events.finance_decision import Decided
from schemas.events.finance_terms import FinanceFact, OfFinancing, own_key
from schemas.events.link import ConsignmentOpened
from schemas.events.movement_origin import BookingCancelled, DangerousGoodsRejected, GatedIn, Stuffed
from schemas.events.trade import DatasetStated
from services.credit.domain.signals import Signal, by_code
from services.domain.facts import EventId, Micros
from services.domain.interpretation import Attribution
from services.domain.objects import Thing, consignment

DAY: Micros = 86_400_000_000


class Detail(NamedTuple):
    """The typed detail of one event. ``disinterested``: its publisher has a role that is an authority for the type."""

    event: EventId
    disinterested: bool
    code: str = ""  # reason, ground, outcome, decision, cause, or what a deadline or filing is of
    moment: Micros | None = None  # a deadline; a due date is the end of its UTC day
    party: str = ""  # whom it is about: debtor, or against whom a claim was decided
    reference: str = ""  # the number of an invoice or claim
    concerns: EventId | None = None
    commodities: tuple[str, ...] = ()
    packages: int | None = None
    kilograms: int | None = None
    value: tuple[str, int] | None = None  # currency and minor units
    seller: tuple[str, str] | None = None  # scheme and number
    buyer: tuple[str, str] | None = None


class Shipper(NamedTuple):
    """A founding's statement of who ships the consignment."""

    event: EventId
    consignment: Thing
    party: str


class Consent(NamedTuple):
    """A shipper's consent for one bank and purpose in [start, end)."""

    event: EventId
    shipper: str
    bank: str
    purpose: str
    scope: frozenset[str]
    start: Micros
    end: Micros


class Revocation(NamedTuple):
    """The end of a consent, for good."""

    event: EventId
    consent: EventId
    published: Micros


class Dispute(NamedTuple):
    """A shipper's dispute of what one event contributes to one signal."""

    event: EventId
    shipper: str
    signal: Signal
    concerns: EventId
    ground: str
    published: Micros


class Resolution(NamedTuple):
    """An answer to a dispute; it counts from the publisher of the disputed event."""

    event: EventId
    dispute: EventId
    publisher: str
    outcome: str
    published: Micros


class FinancingStatement(NamedTuple):
    """A statement on a financing or its application that reflects the applicant's conduct.

    ``financing`` is ``bank/reference``, ``application`` ``applicant/reference``; either may be "" where the event leaves it out.
    """

    event: EventId
    code: str  # APPLIED, APPROVED, REPAID, OVERDUE, DEFAULTED, or the guard that refused a reservation
    financing: str
    application: str
    happened: Micros
    moment: Micros | None = None  # when it matures, or was due
    request: EventId | None = None


@dataclass(frozen=True, slots=True)
class TradeStatement:
    """A version of a trade's data, or what became of a declaration, as it was signed. Equal where the event is: one event says one thing.

    ``agent``: its publisher may state data for a shipper.
    """

    event: EventId
    publisher: str = field(compare=False)
    agent: bool = field(compare=False)
    payload: DatasetStated | CustomsMilestone = field(compare=False)


class CreditFacts(NamedTuple):
    """A grow-only set of what accepted events state to credit; ``|`` merges two of them."""

    details: frozenset[Detail] = frozenset()
    shippers: frozenset[Shipper] = frozenset()
    consents: frozenset[Consent] = frozenset()
    revocations: frozenset[Revocation] = frozenset()
    disputes: frozenset[Dispute] = frozenset()
    resolutions: frozenset[Resolution] = frozenset()
    publishers: frozenset[tuple[EventId, str]] = frozenset()
    financings: frozenset[FinancingStatement] = frozenset()
    trades: frozenset[TradeStatement] = frozenset()

    def __or__(self, other: CreditFacts) -> CreditFacts:
        return CreditFacts.union((self, other))

    @classmethod
    def union(cls, parts: Iterable[CreditFacts]) -> CreditFacts:
        """The merge of all ``parts``, in one pass."""
        every = tuple(parts)
        return cls(
            frozenset().union(*(part.details for part in every)),
            frozenset().union(*(part.shippers for part in every)),
            frozenset().union(*(part.consents for part in every)),
            frozenset().union(*(part.revocations for part in every)),
            frozenset().union(*(part.disputes for part in every)),
            frozenset().union(*(part.resolutions for part in every)),
            frozenset().union(*(part.publishers for part in every)),
            frozenset().union(*(part.financings for part in every)),
            frozenset().union(*(part.trades for part in every)),
        )


def read(statement: Attribution, payload: Payload) -> CreditFacts:
    """What ``payload`` states to credit under ``statement``; a correction states its replacement."""
    if isinstance(payload, Corrected):
        return read(statement, payload.replacement.payload)
    facts = _governance(statement, payload)
    detail = _detail(statement, payload)
    return facts._replace(
        details=frozenset(() if detail is None else (detail,)),
        publishers=frozenset({(statement.event, statement.publisher.code)}),
        trades=_trades(statement, payload),
    )


_OF_TRADES = (DatasetStated, Filing, Accepted, Cancelled, Rejected)
"""By which it is known what declarations there are of a trade, and what they state; where each stands besides changes no signal."""


def _trades(statement: Attribution, payload: Payload) -> frozenset[TradeStatement]:
    if not isinstance(payload, _OF_TRADES):
        return frozenset()
    publisher = statement.publisher
    agent = Role.FORWARDER in publisher.roles
    return frozenset({TradeStatement(statement.event, publisher.code, agent, payload)})


def _governance(statement: Attribution, payload: Payload) -> CreditFacts:
    me, event = statement.publisher.code, statement.event
    match payload:
        case ConsignmentOpened():
            thing = consignment(me, payload.reference)
            named = (each.party for each in payload.parties if each.role is Role.SHIPPER)
            return CreditFacts(shippers=frozenset(Shipper(event, thing, party) for party in named))
        case ConsentGranted():
            end = payload.to_micros
            assert end is not None  # the type requires it
            permission = Consent(
                event, me, payload.bank, payload.purpose, frozenset(payload.scope), payload.from_micros, end
            )
            return CreditFacts(consents=frozenset({permission}))
        case ConsentRevoked() if payload.consent.source == statement.source:
            consent = event_id(payload.consent.source, payload.consent.id)
            return CreditFacts(revocations=frozenset({Revocation(event, consent, statement.published)}))
        case DisputeOpened():
            concerns = event_id(payload.concerns.source, payload.concerns.id)
            signal = by_code(payload.signal)
            opened = Dispute(event, me, signal, concerns, payload.ground, statement.published)
            return CreditFacts(disputes=frozenset({opened}))
        case DisputeResolved():
            dispute = event_id(payload.dispute.source, payload.dispute.id)
            answer = Resolution(event, dispute, me, payload.outcome, statement.published)
            return CreditFacts(resolutions=frozenset({answer}))
        case FinanceFact():
            facts = _financing(statement, payload)
            return CreditFacts(financings=frozenset(() if facts is None else (facts,)))
        case _:
            return CreditFacts()


def _financing(statement: Attribution, payload: FinanceFact) -> FinancingStatement | None:
    """A statement on a financing counts from the bank that its key names, one on reservations from the platform."""
    me, event, at = statement.publisher.code, statement.event, payload.happened_micros
    if isinstance(payload, Applied):
        return FinancingStatement(event, "APPLIED", "", own_key(f"{me}/{payload.reference}"), at)
    if isinstance(payload, Decided):
        if payload.action != "RESERVE" or payload.outcome != "REFUSED" or payload.guard is None:
            return None
        asked = None if payload.request is None else event_id(payload.request.source, payload.request.id)
        financing = "" if payload.financing is None else own_key(payload.financing)
        return FinancingStatement(event, payload.guard, financing, "", at, request=asked)
    if not isinstance(payload, OfFinancing) or payload.financing_key.partition("/")[0] != me:
        return None
    bare = FinancingStatement(event, "", payload.financing_key, "", at)
    match payload:
        case Approved():
            matures = _end_of(payload.matures_on)
            return bare._replace(code="APPROVED", application=payload.application_key, moment=matures)
        case Repaid() if payload.extent == "FULL":
            return bare._replace(code="REPAID")
        case FellOverdue():
            return bare._replace(code="OVERDUE", moment=_end_of(payload.due_on))
        case Defaulted():
            return bare._replace(code="DEFAULTED")
        case _:
            return None


def _detail(statement: Attribution, payload: Payload) -> Detail | None:
    bare = Detail(statement.event, bool(statement.publisher.roles & payload.spec.authority))
    match payload:
        case Rejected() | BookingCancelled() | DangerousGoodsRejected():
            return bare._replace(code=payload.reason)
        case Detained():
            return bare._replace(code=payload.ground)
        case DetentionLifted() | FindingSettled():
            return bare._replace(code=payload.outcome)
        case InspectionFinding():
            return bare._replace(code=payload.finding)
        case Stuffed():
            return bare._replace(kilograms=payload.verified_gross_mass_kg)
        case GatedIn():
            return bare._replace(kilograms=payload.gross_weight_kg)
        case DocumentsCompleted():
            return bare
        case CutOffSet():
            return bare._replace(code=payload.of, moment=payload.cut_off_micros)
        case ClaimDecided() if payload.decision == "UPHELD":
            return bare._replace(code=payload.ground, party=payload.against, reference=payload.claim_number)
        case ClaimDecided():
            return bare._replace(party=payload.against, reference=payload.claim_number)
        case FreightInvoiced():
            due = _end_of(payload.payment_due_date)
            return bare._replace(moment=due, party=payload.debtor, reference=payload.invoice_number)
        case FreightPaid() | FreightDisputed() | FreightFellOverdue():
            return bare._replace(reference=payload.invoice_number)
        case ParticularsDeclared():
            return _particulars(bare, payload)
        case CauseStated() if payload.concerns.source == statement.source:
            concerns = event_id(payload.concerns.source, payload.concerns.id)
            return bare._replace(code=payload.cause, concerns=concerns)
        case _:
            return None


def _particulars(bare: Detail, payload: ParticularsDeclared) -> Detail:
    amount = payload.value_amount
    return bare._replace(
        code=payload.filing,
        commodities=payload.commodities,
        packages=payload.package_quantity,
        kilograms=payload.gross_weight_kg,
        value=None if amount is None else (amount.currency_code, amount.minor_units),
        seller=_party(payload.seller_party),
        buyer=_party(payload.buyer_party),
    )


def _party(party: TradeParty | None) -> tuple[str, str] | None:
    return None if party is None else (party.scheme, party.id.upper())


def _end_of(day: str) -> Micros:
    """The end of the UTC day ``day``; a day that its month does not have is the month's last."""
    year, month, number = (int(part) for part in day.split("-"))
    known = date(year, month, min(number, monthrange(year, month)[1]))
    return (known - date(1970, 1, 1)).days * DAY + DAY
