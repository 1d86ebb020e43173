"""Three shippers with a past: one who keeps his word, one who does not, and one of whom little is known.

Their cargoes of the year before are told beside the world's own; no train, box or paper of the world is spoken of. What a bank
reads of them later is the platform's business: nothing here knows how conduct is judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from services.testbed.simulator.reports import Message

GOOD, BAD, THIN = "huaqing", "luohe", "xinyuan"
OPERATOR, RAILWAY, CUSTOMS, CONSIGNEE, BANK = "xianport", "cr", "gacc", "ruhr", "silkbank"
CARGOES = {GOOD: 22, BAD: 22, THIN: 3}
EVERY = timedelta(days=12)
ORIGIN = "railnet:xian-intl-port"
Said = tuple[str, float, str, dict[str, Any]]
"""Who says it, how many days after the booking, of which type, with which words."""
_AMOUNT = {"minor_units": 40_000_000, "currency_code": "CNY"}


def histories(until: int, sent: int) -> Iterator[Message]:
    """What was told of all their cargoes by ``until`` (UTC microseconds), all of it handed over at ``sent``."""
    end = datetime.fromtimestamp(until // 1_000_000, UTC)
    for shipper, cargoes in CARGOES.items():
        for number in range(cargoes):
            start = end - timedelta(days=50) - EVERY * (cargoes - 1 - number)
            bad = shipper == BAD and number % 2 == 1
            for n, (by, day, type_, words) in enumerate(_cargo(shipper, number, start, bad)):
                said_at = start + timedelta(days=day)
                record = {
                    "id": f"past-{shipper}-{number:02}-{n:02}",
                    "type": f"cre.{type_}.v1",
                    "time": said_at.isoformat(),
                    "data": words,
                }
                yield Message(sent, by, record)


def leave(sent: int, at: int, until: datetime) -> Iterator[Message]:
    """All three let the bank read everything, to assess their credit, until ``until``; no other bank may."""
    words = {
        "bank": BANK,
        "purpose": "CREDIT_ASSESSMENT",
        "scope": ["SCORE", "SIGNALS", "EVIDENCE"],
        "from": _text(at),
        "to": until.isoformat(),
    }
    for shipper in CARGOES:
        record = {
            "id": f"leave-{shipper}",
            "type": "cre.credit.consent_granted.v1",
            "time": _text(at),
            "data": words,
        }
        yield Message(sent, shipper, record)


def _text(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).isoformat()


def _cargo(shipper: str, number: int, start: datetime, bad: bool) -> Iterator[Said]:
    reference, booking = f"PAST-{shipper}-{number:02}", f"{OPERATOR}/B-{shipper}-{number:02}"
    cargo = [{"kind": "consignment", "id": f"{OPERATOR}/{reference}"}]

    def at(day: float) -> str:
        return (start + timedelta(days=day)).isoformat()

    def fact(by: str, day: float, type_: str, about: list[dict[str, str]] = cargo, **words: Any) -> Said:
        return by, day, type_, {"classifier": "ACT", "happened": at(day), "objects": about, **words}

    booked = [{"kind": "booking", "id": booking}]
    parties = ((shipper, "shipper"), (CONSIGNEE, "consignee"), (RAILWAY, "railway"))
    founding = {
        "from": at(0),
        "reference": reference,
        "bookings": [booking],
        "parties": [{"party": party, "role": role} for party, role in parties],
    }
    yield OPERATOR, 0, "link.consignment_opened", founding
    yield fact(OPERATOR, 0, "movement.booking_confirmed", booked)
    yield fact(OPERATOR, 0, "credit.cut_off_set", booked, of="DOCUMENTS", cut_off=at(4))
    yield fact(OPERATOR, 6 if bad else 3, "credit.documents_completed", booked)
    yield fact(OPERATOR, 3, "customs.export_lodged", jurisdiction="CN")
    if bad:
        yield fact(CUSTOMS, 3.5, "customs.rejected", jurisdiction="CN", reason="DESCRIPTION")
    if number % 3 == 1:
        yield fact(CUSTOMS, 4, "customs.inspection_passed", jurisdiction="CN")
    yield fact(RAILWAY, 7, "movement.departed", place=ORIGIN)
    yield fact(CONSIGNEE, 24, "movement.delivered")
    due = at(30)[:10]
    yield fact(
        OPERATOR,
        1,
        "credit.freight_invoiced",
        invoice_number=reference,
        debtor=shipper,
        payment_due_date=due,
    )
    yield fact(OPERATOR, 46 if bad else 28, "credit.freight_paid", invoice_number=reference)
    if number % 4 == 1:
        yield from _loan(shipper, reference, cargo, at, bad)


def _loan(shipper: str, reference: str, cargo: list[dict[str, str]], at: Any, bad: bool) -> Iterator[Said]:
    applied = {
        "reference": reference,
        "bank": BANK,
        "product": "EXPORT_RECEIVABLE",
        "interest": "RECEIVABLE",
        "objects": cargo,
        "requested_amount": _AMOUNT,
        "value_amount": _AMOUNT,
    }
    financing = {"financing": f"{BANK}/{reference}"}
    terms = {
        "application": f"{shipper}/{reference}",
        "approved_amount": _AMOUNT,
        "advance_rate": 6_000,
        "matures_on": at(40)[:10],
    }
    yield shipper, 1, "finance.applied", {"happened": at(1), **applied}
    yield BANK, 2, "finance.approved", {"happened": at(2), **financing, **terms}
    if bad:
        yield BANK, 49, "finance.defaulted", {"happened": at(49), **financing}
    else:
        repaid = {"repaid_amount": _AMOUNT, "extent": "FULL"}
        yield BANK, 38, "finance.repaid", {"happened": at(38), **financing, **repaid}
