"""Booking lists (订舱明细, 委托书): requested slots, by booking number; a later list states everything again.

Where the partner declares each edition full, a later one that speaks of a booking states all its boxes and its route
anew; that it was booked, confirmed or cancelled happened and stays.

The list's own time is its date of making (制表日期). A day alone counts from its beginning, so that a list of the same
day with a time comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import event_builder, labels, places
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.section import Entry, Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "bookingReference", "booking.status", "train.serviceCode", "train.operationalNumber",
        "train.plannedDeparture", "train.direction", "train.line", "place.origin", "place.destination",
        "place.border", "container.id", "container.type", "container.count", "container.consolidation",
        "container.owner", "goods.packages", "goods.grossMass", "goods.description", "remarks", CREATED,
    }
)  # fmt: skip
_MOST_BOXES: Final = 1_000
_STATUS: Final = {
    "confirmed": "1 已确认 审核通过 已通过 confirmed подтвержден подтверждена подтверждено",
    "rejected": "2 拒绝 已拒绝 退回 已退回 不通过 未通过 审核不通过 审核未通过 rejected refused отказ отказано отклонен отклонена",
    "withdrawn": "3 退舱 已退舱 撤舱 已撤舱 取消 已取消 作废 已作废 canceled cancelled withdrawn отмена отменен отменена "
    "аннулирован аннулирована",
    "draft": "5 草稿 draft черновик",
    "booked": "0 4 新建 待审 待审核 审核中 已提交 new pending новая новый нарассмотрении",
}
"""Status words, and the codes of one operator's system; a cell is one of them as a whole."""
_STANDING: Final = {labels.fold(word): name for name, words in _STATUS.items() for word in words.split()}
_SHARED: Final = {
    labels.fold(word): True for word in ("拼箱", "拼", "LCL", "сборный", "сборная", "сборный груз")
}
_SHARED.update({labels.fold(word): False for word in ("整箱", "整", "FCL", "полный", "полная", "整柜", "")})


@dataclass(slots=True)
class _Booking:
    """The rows of one booking number."""

    reference: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def first(self) -> Entry:
        """The row that stands for the booking."""
        return self.entries[0]


def _likeness(section: Section) -> int:
    if not section.has("bookingReference") or section.has("wagon.id"):
        return 0
    extra = sum(
        section.has(meaning)
        for meaning in (
            "place.origin",
            "place.destination",
            "container.count",
            "container.type",
            "goods.packages",
        )
    )
    return 45 + 6 * extra + (25 if section.mentions("订舱", "委托", "booking", "заявк", "букинг") else 0)


def _records(document: Document) -> Iterator[Record]:
    created = document.created()
    bookings: dict[str, _Booking] = {}
    for section in document.sections:
        before: _Booking | None = None
        for entry in section.entries():
            try:
                outcome = _sort(document, entry, bookings, before)
            except Refusal as refusal:
                yield unread(entry.here, refusal)
                continue
            if isinstance(outcome, PassedOver):
                yield outcome
            else:
                before = outcome
    for booking in bookings.values():
        try:
            yield from list(_of_booking(document, booking, created))
        except Refusal as refusal:
            yield unread(booking.first.here, refusal)


def _sort(
    document: Document, entry: Entry, bookings: dict[str, _Booking], before: _Booking | None
) -> _Booking | PassedOver:
    """The booking that a row belongs to: its own, or the one above where its number is blank (another line of goods)."""
    event_builder.require_visible(document, entry)
    reference = entry.text("bookingReference")
    if not reference:
        if before is None or not (entry.values("goods.description") or entry.values("container.id")):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "The row has no booking number.",
                str(entry.where("bookingReference")),
                "Give every booking its number (委托书编号, № букинга, Booking No).",
            )
        before.entries.append(entry)
        return before
    if not event_builder.name(reference):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"{reference[:40]!r} cannot be a booking number: it has a blank, a slash or more than 40 characters.",
            str(entry.where("bookingReference")),
            "Give the number alone.",
        )
    booking = bookings.setdefault(reference, _Booking(reference))
    booking.entries.append(entry)
    return booking


def _of_booking(document: Document, booking: _Booking, created: str) -> Iterator[Record]:
    statuses = [(entry, _status(document, entry)) for entry in booking.entries]
    live = [entry for entry, status in statuses if status not in ("withdrawn", "draft")]
    if not live:
        yield _cancelled(document, booking, created, statuses[0][1])
        return
    for entry, status in statuses:
        if status in ("withdrawn", "draft"):
            yield PassedOver(entry.here, f"a {status} line of booking {booking.reference}")
    booking.entries = live
    first = booking.first
    about = event_builder.objects("booking", [f"{document.settings.party}/{booking.reference}"])
    common = {"classifier": "ACT", "happened": created, "objects": about}
    origin, destination = (
        event_builder.place(document, first, "place.origin"),
        event_builder.place(document, first, "place.destination"),
    )
    boxes = list(dict.fromkeys(box for entry in live for box in event_builder.boxes(entry)))
    quantity = _quantity(live, boxes)
    planned = _planned(document, first)
    noted = [remark for entry in live for remark in entry.remarks]
    status = next(status for entry, status in statuses if entry is first)
    if status == "confirmed":
        # One instant for both would leave open which of the two the booking has come to; confirmed says both.
        words = f"{quantity} containers" if quantity is not None else ""
        data: dict[str, Any] = {**common, "remark": event_builder.remark(planned, words)}
        yield _draft(document, booking, created, "movement.booking_confirmed", data, noted)
    else:
        data = {
            **common,
            "place_of_receipt": origin,
            "place_of_delivery": destination,
            "container_quantity": quantity,
            "remark": event_builder.remark(planned),
        }
        yield _draft(document, booking, created, "movement.booked", data, noted)
    if status == "rejected":
        yield _draft(document, booking, created, "movement.booking_rejected", {**common, "reason": "OTHER"})
    if boxes:
        shared = True in [_shared(entry) for entry in live]
        link = {"from": created, "containers": boxes, "carries": about, "shared": shared}
        yield _draft(document, booking, created, "link.containers_assigned", link)
    route = list(dict.fromkeys(place for place in (origin, _border(first), destination) if place))
    if len(route) > 1:
        yield _draft(
            document,
            booking,
            created,
            "link.route_planned",
            {"from": created, "objects": about, "places": route},
        )


def _cancelled(document: Document, booking: _Booking, created: str, status: str) -> Record:
    if status == "draft":
        return PassedOver(booking.first.here, "a draft, not yet a booking")
    data = {
        "classifier": "ACT",
        "happened": created,
        "objects": event_builder.objects("booking", [f"{document.settings.party}/{booking.reference}"]),
        "reason": "OTHER",
    }
    return _draft(document, booking, created, "movement.booking_cancelled", data)


def _draft(
    document: Document,
    booking: _Booking,
    created: str,
    what: str,
    data: Mapping[str, Any],
    noted: object = (),
) -> Record:
    remarks = noted if isinstance(noted, list) else []
    return event_builder.draft(
        document,
        booking.first.here,
        booking.reference,
        created,
        what,
        data,
        remarks=remarks,
        lasting=what.startswith("movement."),
    )


def _status(document: Document, entry: Entry) -> str:
    """withdrawn, draft, confirmed, rejected or booked; raises Refusal for a status that is not known."""
    if event_builder.withdrawn(entry):
        return "withdrawn"
    status = entry.text("booking.status")
    if not status:
        return "booked"
    chosen = document.choice(f"status:{status}")
    if chosen in ("withdrawn", "draft", "confirmed", "rejected", "booked"):
        return chosen
    found = _STANDING.get(labels.fold_cell(status))
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The status {status[:40]!r} is not known.",
            str(entry.where("booking.status")),
            f'Declare the choice "status:{status[:40]}" as booked, confirmed, rejected, withdrawn or draft.',
        )
    return found


def _shared(entry: Entry) -> bool:
    """Whether others' goods are in the box too (拼箱, LCL); raises Refusal for a word that is not known."""
    text = entry.text("container.consolidation")
    shared = _SHARED.get(labels.fold_cell(text))
    if shared is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"It is not clear from {text[:40]!r} whether the box is shared.",
            str(entry.where("container.consolidation")),
            "Give 整箱 or 拼箱, FCL or LCL.",
        )
    return shared


def _quantity(live: list[Entry], boxes: list[str]) -> int | None:
    """How many boxes: those named, else the one count that is told; of several counts none is the sure one."""
    counts = [(entry, entry.value("container.count")) for entry in live]
    stated = [(entry, value) for entry, value in counts if value is not None]
    if boxes and all(entry.values("container.id") for entry in live):
        return len(boxes)
    if len(stated) == 1:
        entry, value = stated[0]
        number = event_builder.count(entry, "container.count")
        if number is not None and number > _MOST_BOXES:
            entry.remark("container.count", f"{str(value)[:40]!r} is no count of boxes; it was left out.")
            return None
        return number
    if stated:
        text = "Several lines of the booking tell a count of boxes; it was left out."
        stated[0][0].remark("container.count", text, "Give the count once, or the numbers of the boxes.")
    return None


def _border(entry: Entry) -> str | None:
    return places.find(entry.value("place.border"))


def _planned(document: Document, entry: Entry) -> str:
    """The train that the booking is for, and its day: for people, because a booking's train is fixed by its confirmation."""
    service = entry.joined("train.serviceCode") or entry.joined("train.operationalNumber")
    day = ""
    try:
        moment = document.moment_of(entry, "train.plannedDeparture")
        day = "" if moment is None else moment.instant if moment.timed else moment.day
    except Refusal as refusal:
        entry.remark(
            "train.plannedDeparture", f"The planned day was left out. {refusal.detail}", refusal.remedy
        )
    return " ".join(
        part for part in ("train" if service or day else "", service, "planned" if day else "", day) if part
    )


KIND: Final = Kind("booking_list", "booking list (订舱明细)", MEANINGS, _likeness, _records, whole=True)
