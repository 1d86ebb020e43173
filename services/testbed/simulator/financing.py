"""One cargo of the world on which a bank lends before the border closes, and which its shipper offers to another bank as well.

It is chosen among those that waited at a closed border and were delivered in the end. What is told of money is told beside the
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
"""Minor units of what the goods are worth and of what is lent."""
_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a right desk says to ``by`` about the financed cargo: DONE, REFUSED because of ``guard``, or UNKNOWN.

    Whoever asks about what is not his business is refused too, and told only that nothing is known to him.
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
    # The other bank reaches for an application that was made to another, and for another's loan: it learns nothing at all.
    Answer(OTHER_BANK, "RESERVE", "UNKNOWN"),
    Answer(OTHER_BANK, "PLEDGE", "UNKNOWN"),
    Answer(OTHER_BANK, "RELEASE", "UNKNOWN"),
    # And the first bank pledges what it has pledged.
    Answer(BANK, "PLEDGE", "REFUSED", "NOT_PLEDGED_BEFORE"),
)
"""The answers at the desk, in the order of asking, before the consignee asks for the cargo."""


@dataclass(frozen=True, slots=True)
class Financed:
    """The cargo, and what is on its papers; times are UTC microseconds, ``waits`` and ``leaves`` those at the border."""

    consignment: str
    founder: str
    shipper: str
    consignee: str
    box: str
    note: str
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


def chosen(simulation: Simulation, after: int) -> Financed | None:
    """The first cargo in one box of its own that came to a closed border after ``after`` and was delivered; None where none was."""
    alone: dict[str, list[str]] = {}
    for lading in simulation.world.ladings:
        alone.setdefault(lading.box, []).append(lading.cargo)
    found: dict[str, dict[str, Any]] = {}
    for heard in simulation.telling.heard:
        happening = heard.happening
        name = {
            "movement.queued": "waits",
            "movement.handed_over": "leaves",
            "movement.loaded_on_wagon": "loads",
        }.get(happening.what)
        for box in happening.boxes if name else ():
            seen = found.setdefault(box, {})
            if name == "waits" and happening.at >= after:
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
                seen["loads"].place,
                loaded,
                seen["waits"].at,
                seen["leaves"].at,
                seen["waits"].place,
            )
    return None


_DELIVERED = ("movement.delivered", "movement.empty_returned")


def papers(financed: Financed, at: int, valid_to: datetime) -> Iterator[Message]:
    """What shipper, founder and banks say of it at ``at``: invoice, control of the note, two applications, one approval.

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
    told = (
        (financed.shipper, "document.invoice_issued", invoice),
        (financed.founder, "document.invoice_issued", invoice),
        (financed.founder, "finance.control_recorded", control),
        (financed.shipper, "finance.applied", applied),
        (financed.shipper, "finance.applied", again),
        (BANK, "finance.approved", approved),
    )
    for n, (party, type_, words) in enumerate(told):
        record = {"id": f"money-{n}", "type": f"cre.{type_}.v1", "time": _text(at), "data": words}
        yield Message(at, party, record)


def _text(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).isoformat()
