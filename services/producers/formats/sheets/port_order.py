"""Orders to a port or terminal (поручение, export manifest): the containers of an order, each over several lines of goods.

The first line of a container names it; lines below with a blank cell are more goods of the same one. Gross mass of goods and
tare are compared with the container's mass; the order itself is a booking and moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import event_builder
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.quantities import kilograms, plain
from services.producers.formats.sheets.section import Entry, Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "bookingReference", "billOfLadingNumber", "container.id", "container.type",
        "container.isoCode", "container.owner", "container.tare", "container.grossMass", "seal.number",
        "goods.description", "goods.packages", "goods.packageType", "goods.grossMass", "goods.dangerous",
        "wagon.loadMass",
        "place.origin", "place.destination", "party.consignor", "party.consignee", "remarks", CREATED,
    }
)  # fmt: skip
_GOODS_MASS: Final = ("goods.grossMass", "wagon.loadMass")
"""Вес груза, кг is a wagon's load in other lists; an order has no wagons."""
_TOLERATED: Final = 1
"""Kilograms by which a box's mass may differ from its goods and tare, for rounding."""


@dataclass(slots=True)
class _Order:
    """One order: its lines by container, in order; lines before the first container are under ""."""

    reference: str
    boxes: dict[str, list[Entry]] = field(default_factory=dict)

    @property
    def first(self) -> Entry:
        return next(iter(self.boxes.values()))[0]


def _likeness(section: Section) -> int:
    if not section.has("container.id") or not any(map(section.has, ("goods.packages", *_GOODS_MASS))):
        return 0
    if not (section.has("bookingReference") or section.gives("bookingReference")):
        return 0
    if any(section.has(m) for m in ("wagon.id", "wagon.typeAndId", "event.gateInDate", "event.operation")):
        return 0
    named = section.mentions(
        "поручени", "port order", "export manifest", "export order", "港口委托", "出口委托", "港务"
    )
    ours = sum(
        section.has(meaning)
        for meaning in ("billOfLadingNumber", "container.tare", "goods.packageType", "container.grossMass")
    )
    return 62 + 30 * named + 5 * ours if named or ours > 1 else 0


def _records(document: Document) -> Iterator[Record]:
    created = document.created()
    orders: dict[str, _Order] = {}
    for section in document.sections:
        current: tuple[_Order, str] | None = None
        for entry in section.entries():
            try:
                event_builder.require_visible(document, entry)
                if event_builder.withdrawn(entry):
                    yield PassedOver(entry.here, "a cancelled line")
                    continue
                current = _sort(document, entry, orders, current)
            except Refusal as refusal:
                yield unread(entry.here, refusal)
    for order in orders.values():
        try:
            yield from list(_of_order(document, order, created))
        except Refusal as refusal:
            yield unread(order.first.here, refusal)


def _sort(
    document: Document, entry: Entry, orders: dict[str, _Order], current: tuple[_Order, str] | None
) -> tuple[_Order, str]:
    """Put a line to its order and box; blank ones are those of the line above."""
    given = document.given("bookingReference", entry.section)
    reference = entry.text("bookingReference") or (plain(given[0]) if given else "")
    boxes = event_builder.boxes(entry)
    if len(boxes) > 1:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The line names several boxes, so it is not known which goods are in which.",
            str(entry.where("container.id")),
            "Give each box lines of its own.",
        )
    if not reference and current is not None:
        reference = current[0].reference
    if not event_builder.name(reference):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The line has no number of its order."
            if not reference
            else f"{reference[:40]!r} is no order number.",
            str(entry.where("bookingReference")),
            "Give НОМЕР ПОРУЧЕНИЯ, Booking No or 委托编号 above the table or in the line.",
        )
    order = orders.setdefault(reference, _Order(reference))
    same = current is not None and current[0] is order
    box = boxes[0] if boxes else (current[1] if same and current is not None else "")
    if not box:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The line names no box, and none stands above it.",
            str(entry.where("container.id")),
            "Give the number of the box in the first line of its goods.",
        )
    order.boxes.setdefault(box, []).append(entry)
    return order, box


def _of_order(document: Document, order: _Order, created: str) -> Iterator[Record]:
    first = order.first
    about = event_builder.objects("booking", [f"{document.settings.party}/{order.reference}"])
    lading = first.joined("billOfLadingNumber")
    booked: dict[str, Any] = {
        "classifier": "ACT",
        "happened": created,
        "objects": about,
        "place_of_receipt": event_builder.place(document, first, "place.origin"),
        "place_of_delivery": event_builder.place(document, first, "place.destination"),
        "container_quantity": len(order.boxes),
        "remark": event_builder.remark(f"bill of lading {lading}" if lading else ""),
    }
    for lines in order.boxes.values():
        _weigh(lines)
    remarks = [remark for lines in order.boxes.values() for line in lines for remark in line.remarks]
    yield event_builder.draft(
        document, first.here, order.reference, created, "movement.booked", booked, remarks=remarks
    )
    link = {"from": created, "containers": list(order.boxes), "carries": about}
    yield event_builder.draft(
        document, first.here, order.reference, created, "link.containers_assigned", link
    )


def _weigh(lines: list[Entry]) -> None:
    """Remark where goods and tare of a box do not make up its mass; what is not told is not compared."""
    goods = [
        next((mass for each in _GOODS_MASS if (mass := _kilograms(line, each)) is not None), None)
        for line in lines
    ]
    tare, whole = (
        next((mass for line in lines if (mass := _kilograms(line, meaning)) is not None), None)
        for meaning in ("container.tare", "container.grossMass")
    )
    if tare is None or whole is None or any(mass is None for mass in goods):
        return
    stated = sum(mass for mass in goods if mass is not None) + tare
    if abs(stated - whole) > _TOLERATED * len(lines):
        lines[0].remark(
            "container.grossMass",
            f"Goods and tare are {stated} kg, the mass of the box is {whole} kg.",
            "Compare the lines of the box with its mass.",
        )


def _kilograms(line: Entry, meaning: str) -> int | None:
    value = line.value(meaning)
    return None if value is None else kilograms(value, line.section.units.get(meaning, ""))


KIND: Final = Kind("port_order", "order to a port or terminal (поручение)", MEANINGS, _likeness, _records)
