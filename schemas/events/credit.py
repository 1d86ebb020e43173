"""Consent to read credit signals, disputes (numbers 7000 to 7099), and facts that only they rest on (numbers 7100 to 7199).

Consent names one bank, one purpose, the scope and the end; without it only the shipper has access, even to the existence of a
record. The facts are deadlines of documents and bookings, content of declarations, causes, claims and freight invoices: none
moves a position or opens an exception. An authority here has no interest of its own: the operator for its own deadlines,
customs for declarations, insurers and courts for claims.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import CustomsMilestone, EventRef, Interval, Milestone, PartyCode, Payload, Time
from schemas.events.declare import CARGO, DOCUMENTED, event
from schemas.events.document_trade import Amount, TradeParty
from schemas.events.vocabulary import ObjectKind, Region, Role, Territory
from schemas.events.wire import Commodity, Count, Date, Identifier, Kilograms
from schemas.rfc3339 import parse_micros

Purpose = Literal["CREDIT_ASSESSMENT", "FINANCING_APPLICATION", "PORTFOLIO_MONITORING"]
Readable = Literal["SCORE", "SIGNALS", "EVIDENCE"]
"""SCORE: the number, its band and status; SIGNALS: each rate with its reasons; EVIDENCE: the event ids behind them."""
SignalCode = Literal["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12"]

_shipper = partial(event, region=Region.CREDIT, by=(Role.SHIPPER,), about=())


@_shipper("credit.consent_granted.v1", 7000, document="letter of consent")
class ConsentGranted(Interval):
    """A shipper allowed one bank to read its credit signals for one purpose, until the consent expires.

    Each bank, purpose and period is a consent of its own; ``to`` is always given, because a consent without an end is none.
    """

    bank: PartyCode
    purpose: Purpose
    scope: Annotated[tuple[Readable, ...], Field(strict=False, min_length=1, max_length=3)]
    to: Time


@_shipper(
    "credit.consent_revoked.v1", 7001, answers=("credit.consent_granted.v1",), document="letter of revocation"
)
class ConsentRevoked(Payload):
    """A shipper took a consent back; reading ends at once and for good, and only a new consent opens it again."""

    consent: EventRef


@_shipper("credit.dispute_opened.v1", 7010, document="objection")
class DisputeOpened(Payload):
    """A shipper objected to one event on which one of its credit signals rests.

    From then on the score is shown with and without what the event contributes; its publisher has 20 days to answer. An
    objection is withdrawn by retracting it.
    """

    signal: SignalCode
    concerns: EventRef
    ground: Literal[
        "NOT_MINE", "DID_NOT_HAPPEN", "WRONG_VALUE", "CAUSED_BY_ANOTHER", "POLICY_MEASURE", "OTHER"
    ]


@_shipper(
    "credit.dispute_resolved.v1",
    7011,
    by=frozenset(Role) - {Role.SHIPPER},
    answers=("credit.dispute_opened.v1",),
    document="answer to an objection",
)
class DisputeResolved(Payload):
    """The publisher of a disputed event answered the objection of the shipper.

    ACCEPTED: the event no longer counts for that signal. REJECTED: it stands. An answer by anybody else has no effect.
    """

    dispute: EventRef
    outcome: Literal["ACCEPTED", "REJECTED"]


_fact = partial(event, region=Region.CREDIT, about=DOCUMENTED)
_freight = partial(
    _fact,
    by=(Role.OPERATOR, Role.FORWARDER, Role.RAILWAY),
    authority=(Role.OPERATOR, Role.FORWARDER, Role.RAILWAY),
    document="freight invoice",
)
_DECLARED = CARGO | {ObjectKind.DECLARATION}


@_fact(
    "credit.cut_off_set.v1",
    7100,
    by=(Role.OPERATOR, Role.RAILWAY),
    authority=(Role.OPERATOR, Role.RAILWAY),
    document="booking conditions",
)
class CutOffSet(Milestone):
    """The operator set the time until which papers of a booking must be complete, or it may be cancelled freely.

    Another time set later by the same operator moves the cut-off.
    """

    of: Literal["DOCUMENTS", "CANCELLATION"]
    cut_off: Time

    @cached_property
    def cut_off_micros(self) -> int:
        """``cut_off`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.cut_off, "/cut_off")

    def check(self) -> None:
        super().check()
        self.cut_off_micros  # noqa: B018 - computed once, cached


@_fact(
    "credit.documents_completed.v1",
    7101,
    by=(Role.OPERATOR, Role.RAILWAY),
    authority=(Role.OPERATOR, Role.RAILWAY),
    document="checklist of papers",
)
class DocumentsCompleted(Milestone):
    """The operator had all papers of a booking."""


@_fact(
    "credit.particulars_declared.v1",
    7102,
    by=(Role.CUSTOMS, Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER, Role.OPERATOR),
    about=_DECLARED,
    authority=(Role.CUSTOMS,),
    territory=Territory.JURISDICTION,
    also=(Role.FORWARDER,),
    document="customs declaration",
)
class ParticularsDeclared(CustomsMilestone):
    """A declaration said what the goods are, how much they weigh, what they are worth and whose they are.

    The filings of one cargo before two administrations are compared by these (one dataset, two declarations).
    """

    filing: Literal["EXPORT", "IMPORT"]
    commodities: Annotated[tuple[Commodity, ...], Field(strict=False, min_length=1, max_length=256)]
    package_quantity: Count | None = None
    gross_weight_kg: Kilograms | None = None
    value_amount: Amount | None = None
    seller_party: TradeParty | None = None
    buyer_party: TradeParty | None = None


@_fact(
    "credit.cause_stated.v1",
    7103,
    by=frozenset(Role) - {Role.SHIPPER, Role.CONSIGNEE},
    about=_DECLARED,
    document="statement of cause",
)
class CauseStated(Milestone):
    """The publisher of an event stated who or what had caused it.

    It counts for events of the same source only, so that nobody explains away, or blames on the shipper, what another said.
    """

    concerns: EventRef
    cause: Literal[
        "SHIPPER",
        "DECLARANT",
        "OPERATOR",
        "CARRIER",
        "CUSTOMS",
        "BANK",
        "SYSTEM_OUTAGE",
        "MEASURING_ERROR",
        "POLICY",
    ]


@_fact(
    "credit.claim_decided.v1",
    7104,
    by=(Role.INSURER, Role.AUTHORITY, Role.OPERATOR, Role.RAILWAY, Role.FORWARDER),
    about=CARGO,
    authority=(Role.INSURER, Role.AUTHORITY),
    document="decision on a claim",
)
class ClaimDecided(Milestone):
    """A claim for harm to cargo, or caused by it, was decided against or for a party."""

    claim_number: Identifier
    against: PartyCode
    ground: Literal["PACKING", "LABELLING", "STOWAGE", "DESCRIPTION", "CARRIAGE", "DELAY", "OTHER"]
    decision: Literal["UPHELD", "REJECTED", "WITHDRAWN"]


@_freight("credit.freight_invoiced.v1", 7110)
class FreightInvoiced(Milestone):
    """Freight was invoiced to a party of the consignment, payable until a date."""

    invoice_number: Identifier
    debtor: PartyCode
    payment_due_date: Date


@_freight("credit.freight_paid.v1", 7111, answers=("credit.freight_invoiced.v1",))
class FreightPaid(Milestone):
    """A freight invoice was paid in full, as its issuer says."""

    invoice_number: Identifier


@_freight(
    "credit.freight_disputed.v1",
    7112,
    by=(Role.SHIPPER, Role.CONSIGNEE, Role.OPERATOR, Role.FORWARDER, Role.RAILWAY),
    authority=(),
    answers=("credit.freight_invoiced.v1",),
)
class FreightDisputed(Milestone):
    """The debtor of a freight invoice objected to it."""

    invoice_number: Identifier


@_freight("credit.freight_fell_overdue.v1", 7113, answers=("credit.freight_invoiced.v1",))
class FreightFellOverdue(Milestone):
    """A freight invoice was still unpaid after its term, as its issuer says; ``happened`` is when it looked."""

    invoice_number: Identifier
