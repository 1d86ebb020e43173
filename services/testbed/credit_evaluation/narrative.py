"""What the parties of a simulated firm would publish: real events, read by the same code as those of real partners."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.envelope import event_id
from schemas.events.base import Role
from schemas.events.decode import DECODER
from schemas.rfc3339 import parse_micros
from services.credit.domain import statements
from services.credit.domain.statements import CreditFacts
from services.domain.facts import Facts
from services.domain.interpretation import Attribution, interpret
from services.domain.publisher import Publisher
from services.testbed.credit_evaluation.population import Firm, Shipment

BEGINNING = datetime(2024, 11, 1, 8, tzinfo=UTC)
ORIGINS = {True: "railnet:xian-intl-port", False: "railnet:qingdao-port"}
"""Where inland and coastal firms load."""
PARTIES = {
    "operator": Publisher("operator", frozenset({Role.OPERATOR, Role.FORWARDER})),
    "railway": Publisher("railway", frozenset({Role.RAILWAY}), managers=frozenset({"cr"})),
    "terminal": Publisher("terminal", frozenset({Role.TERMINAL}), places=frozenset(ORIGINS.values())),
    "customs": Publisher("customs", frozenset({Role.CUSTOMS}), frozenset({"CN"})),
    "transit": Publisher("transit", frozenset({Role.CUSTOMS}), frozenset({"RU"})),
    "consignee": Publisher("consignee", frozenset({Role.CONSIGNEE})),
    "insurer": Publisher("insurer", frozenset({Role.INSURER})),
    "bank": Publisher("bank", frozenset({Role.BANK})),
}
Json = dict[str, Any]
PlannedEvent = tuple[str, int, str, Json]
"""Publisher, day, event type, payload."""
_AMOUNT = {"minor_units": 5_000_000, "currency_code": "CNY"}
_PACKED: Json = {"commodities": ["847130"], "package_quantity": 400, "gross_weight_kg": 20_000}


def facts_of(firm: Firm, shipment: Shipment) -> tuple[Facts, CreditFacts]:
    """The facts of all events of one shipment."""
    shipper = Publisher(firm.code, frozenset({Role.SHIPPER}))
    facts, extras = [], []
    for n, (by, day, type_, data) in enumerate(_events(firm, shipment)):
        publisher = shipper if by == "shipper" else PARTIES[by]
        at = _time(day)
        payload = DECODER.read(f"cre.{type_}.v1", {"salt": "00" * 16, **data})
        source = f"urn:simulated:{publisher.code}"
        id_ = event_id(source, f"{firm.code}/{shipment.number}/{n}")
        statement = Attribution(id_, source, publisher, parse_micros(at))
        facts.append(interpret(statement, id_, payload))
        extras.append(statements.read(statement, payload))
    return Facts.union(facts), CreditFacts.union(extras)


def _time(day: int) -> str:
    return (BEGINNING + timedelta(days=day)).isoformat()


def _events(firm: Firm, one: Shipment) -> Iterator[PlannedEvent]:
    reference, start = f"{firm.code}-{one.number}", one.day
    cargo = [{"kind": "consignment", "id": f"operator/{reference}"}]
    booking = [{"kind": "booking", "id": f"operator/B-{reference}"}]
    box = [{"kind": "container", "id": f"SIMU{firm.number:05}{one.number:03}"}]

    def fact(by: str, day: int, type_: str, about: list[Json] = cargo, **data: Any) -> PlannedEvent:
        return (
            by,
            start + day,
            type_,
            {"classifier": "ACT", "happened": _time(start + day), "objects": about, **data},
        )

    named = (
        (firm.code, "shipper"),
        ("consignee", "consignee"),
        ("insurer", "insurer"),
        ("railway", "railway"),
    )
    founding = {
        "from": _time(start),
        "reference": reference,
        "bookings": [booking[0]["id"]],
        "containers": [box[0]["id"]],
        "parties": [{"party": party, "role": role} for party, role in named],
    }
    yield "operator", start, "link.consignment_opened", founding
    yield fact("operator", 0, "movement.booking_confirmed", booking)
    for of in ("DOCUMENTS", "CANCELLATION"):
        yield fact("operator", 0, "credit.cut_off_set", booking, of=of, cut_off=_time(start + 4))
    if one.given_back_late:
        yield fact("operator", 5, "movement.booking_cancelled", booking, reason="CUSTOMER")
        return
    yield fact("operator", 6 if one.papers_late else 3, "credit.documents_completed", booking)
    yield fact("operator", 3, "customs.export_lodged", jurisdiction="CN")
    yield from _control(fact, one, box, firm)
    yield fact("railway", 7, "movement.departed", place=ORIGINS[firm.inland])
    yield fact("operator", 3, "credit.particulars_declared", jurisdiction="CN", filing="EXPORT", **_PACKED)
    entry: Json = {**_PACKED, "package_quantity": 380} if one.filings_differ else _PACKED
    yield fact("consignee", 24, "credit.particulars_declared", jurisdiction="DE", filing="IMPORT", **entry)
    yield fact("consignee", 26, "movement.delivered")
    if one.claimed:
        data: Json = {
            "claim_number": reference,
            "against": firm.code,
            "ground": "PACKING",
            "decision": "UPHELD",
        }
        yield fact("insurer", 60, "credit.claim_decided", **data)
    yield from _money(fact, firm, one, reference)


def _control(fact: Any, one: Shipment, box: list[Json], firm: Firm) -> Iterator[PlannedEvent]:
    if one.rejected:
        yield fact("customs", 3, "customs.rejected", jurisdiction="CN", reason="DESCRIPTION")
    if one.inspected:
        yield fact("customs", 4, "customs.selected_for_inspection", jurisdiction="CN")
        if one.found:
            yield fact("customs", 5, "customs.inspection_finding", jurisdiction="CN", finding="QUANTITY")
        else:
            yield fact("customs", 5, "customs.inspection_passed", jurisdiction="CN")
    yield fact("shipper", 4, "movement.stuffed", box, verified_gross_mass_kg=24_000)
    scale = 30_500 if one.mass_off else 24_150
    yield fact("terminal", 5, "movement.gated_in", box, place=ORIGINS[firm.inland], gross_weight_kg=scale)
    if one.held_by_policy:
        yield fact("transit", 12, "customs.detained", jurisdiction="RU", ground="DUAL_USE")
        yield fact("transit", 22, "customs.detention_lifted", jurisdiction="RU", outcome="SEIZED")


def _money(fact: Any, firm: Firm, one: Shipment, reference: str) -> Iterator[PlannedEvent]:
    due = {"invoice_number": reference, "debtor": firm.code, "payment_due_date": _time(one.day + 30)[:10]}
    yield fact("operator", 1, "credit.freight_invoiced", **due)
    yield fact("operator", 30 + one.paid_days_late, "credit.freight_paid", invoice_number=reference)
    if one.loan_days_late is None:
        return
    applied = {
        "reference": reference,
        "bank": "bank",
        "product": "EXPORT_RECEIVABLE",
        "interest": "RECEIVABLE",
        "objects": [{"kind": "consignment", "id": f"operator/{reference}"}],
        "requested_amount": _AMOUNT,
        "value_amount": _AMOUNT,
    }
    terms = {"advance_rate": 6_000, "matures_on": _time(one.day + 60)[:10], "approved_amount": _AMOUNT}
    financing = {"financing": f"bank/{reference}"}
    application = {"application": f"{firm.code}/{reference}"}
    for by, day, name, data in (
        ("shipper", 1, "applied", applied),
        ("bank", 2, "approved", {**financing, **application, **terms}),
        (
            "bank",
            60 + one.loan_days_late,
            "repaid",
            {**financing, "repaid_amount": _AMOUNT, "extent": "FULL"},
        ),
    ):
        yield by, one.day + day, f"finance.{name}", {**data, "happened": _time(one.day + day)}
