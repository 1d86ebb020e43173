"""Status lists of an operator's containers (集装箱状态表): documents, station and customs before the train departs.

One field mixes stages; each makes its own event. A customs decision is stated only with its own time (关务时间): at the time of
the list it would contradict the customs' own events. Documents make no event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from schemas.identifiers import MalformedIdentifier, gacc_declaration
from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import customs_receipts, event_builder
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.section import Entry, Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "container.id", "container.type", "container.count", "container.consolidation",
        "bookingReference", "booking.note", "train.serviceCode", "train.plannedDeparture", "train.line",
        "place.origin", "place.border", "place.destination", "event.gateInDate", "event.gateInTime",
        "event.stationInDate", "event.stationInTime", "document.accompanying", "customs.agent",
        "customs.declarationNumber", "customs.status", "customs.statusTime", "customs.entryCount", "customs.note",
        "party.booker", "goods.description", "gate.pickupTime", "remarks", CREATED,
    }
)  # fmt: skip
_SYSTEMS: Final = ("cn-operator-out", "cn-operator-in")


def _likeness(section: Section) -> int:
    if not section.has("container.id") or section.has("wagon.id") or section.has("event.operation"):
        return 0
    come = section.has("event.gateInDate") or section.has("event.stationInDate")
    ours = sum(
        section.has(meaning)
        for meaning in ("customs.status", "document.accompanying", "bookingReference", "event.stationInDate")
    )
    if not come or ours < 2:
        return 0
    named = section.mentions("状态", "集装箱", "status", "состояни", "статус")
    return 70 + 5 * ours + 5 * named


def _records(document: Document) -> Iterator[Record]:
    created = document.created(*_times(document))
    return event_builder.row_by_row(document, lambda entry: _of_row(document, entry, created))


def _times(document: Document) -> Iterator[Moment]:
    for section in document.sections:
        for entry in section.entries():
            try:
                found = _came_in(document, entry), document.moment_of(entry, "customs.statusTime")
            except Refusal:
                continue  # the row says it again, with its place
            yield from (moment for moment in found if moment is not None)


def _came_in(document: Document, entry: Entry) -> Moment | None:
    """When the box came into the terminal; where only its coming into the station is told, that."""
    return document.moment_of(entry, "event.gateInDate", "event.gateInTime") or document.moment_of(
        entry, "event.stationInDate", "event.stationInTime"
    )


def _of_row(document: Document, entry: Entry, created: str) -> Iterator[Record]:
    boxes = event_builder.boxes(entry)
    if not boxes:
        yield PassedOver(entry.here, "a row without a container")
        return
    if event_builder.withdrawn(entry, "remarks", "booking.note"):
        yield PassedOver(entry.here, "a cancelled line")
        return
    key, count = "+".join(boxes), 0
    meaning = "event.gateInDate" if entry.value("event.gateInDate") is not None else "event.stationInDate"
    for reader in (_gated, _customs):
        try:
            for record in reader(document, entry, boxes, key, created):
                count += 1
                yield record
        except Refusal as refusal:
            count += 1
            yield unread(entry.where(meaning if reader is _gated else "customs.status"), refusal)
    reference = entry.joined("bookingReference")
    if event_builder.name(reference):
        booking = event_builder.objects("booking", [f"{document.settings.party}/{reference}"])
        link: dict[str, Any] = {"from": created, "containers": boxes, "carries": booking}
        yield event_builder.draft(
            document, entry.here, key, created, "link.containers_assigned", link, about=reference,
            remarks=entry.remarks,
        )  # fmt: skip
    elif not count:
        yield PassedOver(entry.here, "a box of which nothing has happened yet")


def _gated(document: Document, entry: Entry, boxes: list[str], key: str, created: str) -> Iterator[Record]:
    came = _came_in(document, entry)
    if came is None:
        return
    meaning = "event.gateInDate" if entry.value("event.gateInDate") is not None else "event.stationInDate"
    where = entry.where(meaning)
    came = event_builder.require_past(
        created, event_builder.require_time(document, came, where, "a gate-in"), where, "the gate-in"
    )
    place = event_builder.place(document, entry, "place.origin") or event_builder.terminal(document)
    if place is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The gate-in has no place.",
            str(where),
            'Give 发站 or 上货站, or declare the choice "terminal" once.',
        )
    data = {
        **event_builder.time_fields(came),
        "place": place,
        "objects": event_builder.objects("container", boxes),
    }
    yield event_builder.draft(document, where, key, created, "movement.gated_in", data, remarks=entry.remarks)


def _customs(document: Document, entry: Entry, boxes: list[str], key: str, created: str) -> Iterator[Record]:
    words = entry.joined("customs.status")
    if not words:
        return
    system = document.choice("system")
    code = customs_receipts.by_text([system] if system else _SYSTEMS[:1], words) or (
        customs_receipts.by_code(system or _SYSTEMS[0], words)
    )
    where = entry.where("customs.status")
    if code is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The status {words[:40]!r} is not known.",
            str(where),
            'Declare the choice "system" as cn-operator-out or cn-operator-in.',
        )
    if code.effect.startswith("none"):
        return
    moment = document.moment_of(entry, "customs.statusTime")
    if moment is None:
        text = f"What customs did ({words[:20]}) has no time of its own; it was not said."
        entry.remark("customs.status", text, "Give 回执时间 in a column, or send customs' receipts.")
        return
    moment = event_builder.require_time(
        document, moment, entry.where("customs.statusTime"), "a decision of customs"
    )
    moment = event_builder.require_past(created, moment, entry.where("customs.statusTime"), "it")
    procedure = "IMPORT" if code.system.endswith("-in") else "EXPORT"
    for each in code.effect.split("+"):
        name, _, detail = each.partition(":")
        what, fields = f"customs.{name}", {}
        if name == "lodged":
            what = f"customs.{procedure.lower()}_lodged"
        elif name == "released":
            fields = {"procedure": procedure}
        elif name in ("held", "inspection_finding"):
            fields = {"reason" if name == "held" else "finding": detail or "OTHER"}
        data = {
            **event_builder.time_fields(moment),
            "jurisdiction": "CN",
            "objects": [*_declared(entry), *event_builder.objects("container", boxes)],
            **fields,
            "remark": event_builder.remark(words),
        }
        yield event_builder.draft(document, where, key, created, what, data, about=code.code or words)


def _declared(entry: Entry) -> list[dict[str, str]]:
    """The declaration of a row where its number can be read whole; what it lost in a number cell is remarked."""
    value = entry.value("customs.declarationNumber")
    if value is None:
        return []
    try:
        number = gacc_declaration.parse(entry.text("customs.declarationNumber")).text
    except MalformedIdentifier as problem:
        entry.remark("customs.declarationNumber", f"It was left out: {problem}")
        return []
    return event_builder.objects("declaration", [f"CN/{number}"])


KIND: Final = Kind(
    "container_status",
    "status list of an operator's boxes (集装箱状态表)",
    MEANINGS,
    _likeness,
    _records,
    facts=True,
)
