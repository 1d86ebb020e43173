"""Financing in the world: one cargo on which a bank lends before the border closes and which its shipper offers to another bank
as well, and three shippers with a credit history.

It is chosen among those that waited at a closed border and were delivered in the end. Financing is published beside the
world's own messages; it changes nothing of where the cargo is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.testbed.simulator.reports import Message
from services.testbed.simulator.simulate import Simulation

BANK, OTHER_BANK = "silkbank", "ostbank"
VALUE, ASKED, CURRENCY = 417_500_000, 250_000_000, "CNY"
"""Value of the goods and amount of the loan, minor units."""
_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The right decision for ``by`` on the financed cargo: DONE, REFUSED because of ``guard``, or UNKNOWN.

    A request on another's business is UNKNOWN and discloses nothing.
    """

    by: str
    action: str
    outcome: str
    guard: str = ""


ANSWERS = (
    Answer(BANK, "RESERVE", "DONE"),
    Answer(BANK, "PLEDGE", "DONE"),
    Answer(BANK, "DRAW", "DONE"),
    # The shipper offers the cargo once more, under numbers that look alike.
    Answer(OTHER_BANK, "RESERVE", "REFUSED", "INTEREST_FREE"),
    # The other bank requests on an application to the first, and on the first one's loan: nothing is disclosed.
    Answer(OTHER_BANK, "RESERVE", "UNKNOWN"),
    Answer(OTHER_BANK, "PLEDGE", "UNKNOWN"),
    Answer(OTHER_BANK, "RELEASE", "UNKNOWN"),
    # And the first bank pledges what it has pledged.
    Answer(BANK, "PLEDGE", "REFUSED", "NOT_PLEDGED_BEFORE"),
)
"""The decisions in the order of their requests, before the consignee requests the cargo."""


@dataclass(frozen=True, slots=True)
class Financed:
    """The cargo, and what is on its papers; times are UTC microseconds, ``waits`` and ``leaves`` those at the border."""

    consignment: str
    founder: str
    shipper: str
    consignee: str
    box: str
    note: str
    carrier: str
    origin: str
    loaded_on: date
    waits: int
    leaves: int
    place: str

    @property
    def invoice(self) -> str:
        """The number of the commercial invoice."""
        return f"INV-{self.consignment.rpartition('-')[2]}"

    @property
    def reference(self) -> str:
        """The shipper's number of its application; the other bank's has a letter more."""
        return f"AP-{self.consignment.rpartition('-')[2]}"


def chosen(simulation: Simulation, at: int) -> Financed | None:
    """The first cargo in one box of its own that came to a closed border half a day after ``at`` or later and was delivered.

    Its note was issued by ``at``. None where there is none.
    """
    issued = {
        message.record["data"]["objects"][0]["id"]: message.party
        for message in simulation.publication.messages
        if message.record["type"] == _ISSUED and message.sent <= at and not message.refused_as
    }
    alone: dict[str, list[str]] = {}
    for lading in simulation.world.ladings:
        alone.setdefault(lading.box, []).append(lading.cargo)
    found: dict[str, dict[str, Any]] = {}
    for reported in simulation.publication.reported:
        happening = reported.happening
        name = {
            "movement.queued": "waits",
            "movement.handed_over": "leaves",
            "movement.loaded_on_wagon": "loads",
        }.get(happening.what)
        for box in happening.boxes if name else ():
            seen = found.setdefault(box, {})
            if name == "waits" and happening.at >= at + 12 * _HOUR:
                seen.setdefault("waits", happening)
            elif name == "leaves" and "waits" in seen and happening.at >= seen["waits"].at:
                seen.setdefault("leaves", happening)
            elif name == "loads":
                seen.setdefault("loads", happening)
    for consignment, cargo in sorted(simulation.world.cargoes.items()):
        truth = simulation.truths.get(consignment)
        boxes = list(truth.boxes) if truth is not None else []
        if truth is None or truth.movement is None or len(boxes) != 1 or alone[boxes[0]] != [consignment]:
            continue
        if cargo.note not in issued:
            continue
        seen = found.get(boxes[0], {})
        if {"waits", "leaves", "loads"} <= seen.keys() and truth.movement.what in _DELIVERED:
            loaded = datetime.fromtimestamp(seen["loads"].at // 1_000_000, UTC).date()
            return Financed(
                consignment,
                cargo.founder,
                cargo.shipper,
                cargo.consignee,
                boxes[0],
                cargo.note,
                issued[cargo.note],
                seen["loads"].place,
                loaded,
                seen["waits"].at,
                seen["leaves"].at,
                seen["waits"].place,
            )
    return None


_ISSUED = "cre.document.note_issued.v1"
_DELIVERED = ("movement.delivered", "movement.empty_returned")


def papers(financed: Financed, at: int, valid_to: datetime) -> Iterator[Message]:
    """What is published of it at ``at``: invoice by shipper and founder, control of the note by the carrier that issued it, two
    applications, one approval.

    ``valid_to`` is when control ends and the loan falls due: decisions are taken on the platform's own clock.
    """
    cargo = [{"kind": "consignment", "id": financed.consignment}]
    issued = datetime.fromtimestamp(at // 1_000_000, UTC) - timedelta(days=20)
    invoice = {
        "classifier": "ACT",
        "happened": issued.isoformat(),
        "objects": cargo,
        "document_id": financed.invoice,
        "issue_date": f"{issued:%Y-%m-%d}",
        "seller_party": {"scheme": "PARTY", "id": financed.shipper},
        "buyer_party": {"scheme": "PARTY", "id": financed.consignee},
        "grand_total_amount": {"minor_units": VALUE, "currency_code": CURRENCY},
    }
    happened = {"happened": _text(at)}
    control = {
        **happened,
        "note": financed.note,
        "note_type": financed.note.partition("/")[0],
        "duplicate_holder": BANK,
        "consignee_may_dispose": False,
        "ends_at": valid_to.isoformat(),
    }
    applied = {
        **happened,
        "reference": financed.reference,
        "bank": BANK,
        "product": "IN_TRANSIT_GOODS",
        "interest": "GOODS",
        "objects": cargo,
        "requested_amount": {"minor_units": ASKED, "currency_code": CURRENCY},
        "value_amount": {"minor_units": VALUE, "currency_code": CURRENCY},
        "consignee_party": {"scheme": "PARTY", "id": financed.consignee},
    }
    approved = {
        **happened,
        "financing": f"{BANK}/LN-{financed.reference}",
        "application": f"{financed.shipper}/{financed.reference}",
        "approved_amount": {"minor_units": ASKED, "currency_code": CURRENCY},
        "advance_rate": 7_000,
        "matures_on": f"{valid_to:%Y-%m-%d}",
    }
    again = {**applied, "reference": f"{financed.reference}B", "bank": OTHER_BANK}
    messages = (
        (financed.shipper, "document.invoice_issued", invoice),
        (financed.founder, "document.invoice_issued", invoice),
        (financed.carrier, "finance.control_recorded", control),
        (financed.shipper, "finance.applied", applied),
        (financed.shipper, "finance.applied", again),
        (BANK, "finance.approved", approved),
    )
    for n, (party, type_, data) in enumerate(messages):
        record = {"id": f"money-{n}", "type": f"cre.{type_}.v1", "time": _text(at), "data": data}
        yield Message(at, party, record)


def _text(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).isoformat()


# Their cargoes of the year before are published beside the world's own and touch no train, box or document of it. What a bank
# reads of them later is the platform's business: nothing here knows how conduct is judged.

GOOD_SHIPPER, BAD_SHIPPER, THIN_SHIPPER = "huaqing", "luohe", "xinyuan"
OPERATOR, RAILWAY, CUSTOMS, CONSIGNEE = "xianport", "cr", "gacc", "ruhr"
CARGOES = {GOOD_SHIPPER: 22, BAD_SHIPPER: 22, THIN_SHIPPER: 3}
EVERY = timedelta(days=12)
ORIGIN = "railnet:xian-intl-port"
PlannedRecord = tuple[str, float, str, dict[str, Any]]
"""Publisher, days after the booking, event type, payload."""
_AMOUNT = {"minor_units": 40_000_000, "currency_code": "CNY"}


def histories(until: int, sent: int) -> Iterator[Message]:
    """What was published of all their cargoes by ``until`` (UTC microseconds), all of it handed over at ``sent``."""
    end = datetime.fromtimestamp(until // 1_000_000, UTC)
    for shipper, cargoes in CARGOES.items():
        for number in range(cargoes):
            start = end - timedelta(days=50) - EVERY * (cargoes - 1 - number)
            bad = shipper == BAD_SHIPPER and number % 2 == 1
            for n, (by, day, type_, data) in enumerate(_cargo(shipper, number, start, bad)):
                said_at = start + timedelta(days=day)
                record = {
                    "id": f"past-{shipper}-{number:02}-{n:02}",
                    "type": f"cre.{type_}.v1",
                    "time": said_at.isoformat(),
                    "data": data,
                }
                yield Message(sent, by, record)


def leave(sent: int, at: int, until: datetime) -> Iterator[Message]:
    """All three let the bank read everything, to assess their credit, until ``until``; no other bank may."""
    data = {
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
            "data": data,
        }
        yield Message(sent, shipper, record)


def _cargo(shipper: str, number: int, start: datetime, bad: bool) -> Iterator[PlannedRecord]:
    reference, booking = f"PAST-{shipper}-{number:02}", f"{OPERATOR}/B-{shipper}-{number:02}"
    cargo = [{"kind": "consignment", "id": f"{OPERATOR}/{reference}"}]

    def at(day: float) -> str:
        return (start + timedelta(days=day)).isoformat()

    def fact(
        by: str, day: float, type_: str, about: list[dict[str, str]] = cargo, **data: Any
    ) -> PlannedRecord:
        return by, day, type_, {"classifier": "ACT", "happened": at(day), "objects": about, **data}

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


def _loan(
    shipper: str, reference: str, cargo: list[dict[str, str]], at: Any, bad: bool
) -> Iterator[PlannedRecord]:
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
