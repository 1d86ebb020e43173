"""From one admitted event to what it says to credit: reasons, deadlines, weights, debtors; consents, objections, loans.

The claims themselves are read by the heart (``services.domain.interpretation``); a ``Detail`` is found by the same event id.
Pure: the same event says the same in every replay.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date

from schemas.envelope import event_id
from schemas.events.base import Payload, Role
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
from schemas.events.customs import Detained, DetentionLifted, Rejected
from schemas.events.customs_control import FindingSettled, InspectionFinding
from schemas.events.document_trade import TradeParty
from schemas.events.finance import Applied, Approved, Defaulted, FellOverdue, Repaid
from schemas.events.finance_decision import Decided
from schemas.events.finance_terms import FinanceFact, OfFinancing, own_key
from schemas.events.link import ConsignmentOpened
from schemas.events.movement_origin import BookingCancelled, DangerousGoodsRejected, GatedIn, Stuffed
from services.credit.domain.signals import by_code
from services.credit.domain.statements import (
    DAY,
    Consent,
    CreditFacts,
    Detail,
    Dispute,
    FinancingSaid,
    Resolution,
    Revocation,
    Shipper,
)
from services.domain.facts import Micros
from services.domain.interpretation import Statement
from services.domain.objects import consignment


def read(statement: Statement, payload: Payload) -> CreditFacts:
    """What ``payload`` says to credit under ``statement``; a correction says what its replacement says."""
    if isinstance(payload, Corrected):
        return read(statement, payload.replacement.payload)
    said = _governance(statement, payload)
    detail = _detail(statement, payload)
    return said._replace(
        details=frozenset(() if detail is None else (detail,)),
        publishers=frozenset({(statement.event, statement.publisher.code)}),
    )


def _governance(statement: Statement, payload: Payload) -> CreditFacts:
    me, event = statement.publisher.code, statement.event
    match payload:
        case ConsignmentOpened():
            thing = consignment(me, payload.reference)
            named = (each.party for each in payload.parties if each.role is Role.SHIPPER)
            return CreditFacts(shippers=frozenset(Shipper(event, thing, party) for party in named))
        case ConsentGranted():
            end = payload.to_micros
            assert end is not None  # the type requires it
            leave = Consent(
                event, me, payload.bank, payload.purpose, frozenset(payload.scope), payload.from_micros, end
            )
            return CreditFacts(consents=frozenset({leave}))
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
            said = _financing(statement, payload)
            return CreditFacts(financings=frozenset(() if said is None else (said,)))
        case _:
            return CreditFacts()


def _financing(statement: Statement, payload: FinanceFact) -> FinancingSaid | None:
    """A word on a financing counts from the bank that its key names, one on reservations from the platform."""
    me, event, at = statement.publisher.code, statement.event, payload.happened_micros
    if isinstance(payload, Applied):
        return FinancingSaid(event, "APPLIED", "", own_key(f"{me}/{payload.reference}"), at)
    if isinstance(payload, Decided):
        if payload.action != "RESERVE" or payload.outcome != "REFUSED" or payload.guard is None:
            return None
        asked = None if payload.request is None else event_id(payload.request.source, payload.request.id)
        financing = "" if payload.financing is None else own_key(payload.financing)
        return FinancingSaid(event, payload.guard, financing, "", at, request=asked)
    if not isinstance(payload, OfFinancing) or payload.financing_key.partition("/")[0] != me:
        return None
    bare = FinancingSaid(event, "", payload.financing_key, "", at)
    match payload:
        case Approved():
            matures = _end_of(payload.matures_on)
            return bare._replace(word="APPROVED", application=payload.application_key, moment=matures)
        case Repaid() if payload.extent == "FULL":
            return bare._replace(word="REPAID")
        case FellOverdue():
            return bare._replace(word="OVERDUE", moment=_end_of(payload.due_on))
        case Defaulted():
            return bare._replace(word="DEFAULTED")
        case _:
            return None


def _detail(statement: Statement, payload: Payload) -> Detail | None:
    bare = Detail(statement.event, bool(statement.publisher.roles & payload.spec.authority))
    match payload:
        case Rejected() | BookingCancelled() | DangerousGoodsRejected():
            return bare._replace(word=payload.reason)
        case Detained():
            return bare._replace(word=payload.ground)
        case DetentionLifted() | FindingSettled():
            return bare._replace(word=payload.outcome)
        case InspectionFinding():
            return bare._replace(word=payload.finding)
        case Stuffed():
            return bare._replace(kilograms=payload.verified_gross_mass_kg)
        case GatedIn():
            return bare._replace(kilograms=payload.gross_weight_kg)
        case DocumentsCompleted():
            return bare
        case CutOffSet():
            return bare._replace(word=payload.of, moment=payload.cut_off_micros)
        case ClaimDecided() if payload.decision == "UPHELD":
            return bare._replace(word=payload.ground, party=payload.against, reference=payload.claim_number)
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
            return bare._replace(word=payload.cause, concerns=concerns)
        case _:
            return None


def _particulars(bare: Detail, payload: ParticularsDeclared) -> Detail:
    amount = payload.value_amount
    return bare._replace(
        word=payload.filing,
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
