"""Lists of consignment notes (运单清单, перечень накладных): a note issued for carriage, its booking, containers and wagon.

A note's number is a key only with form, country, station and year; the form is the partner's choice, because lists contain
bare numbers. The waybill of China's domestic leg has no such form: only its wagons and bookings are stated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import event_builder, sightings
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.section import Entry, Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "demandNumber", "consignmentNoteNumber", "bookingReference", "place.origin",
        "place.destination", "wagon.id", "wagon.typeAndId", "wagon.payload", "container.id", "container.type",
        "seal.number", "goods.description", "goods.packages", "goods.grossMass", "party.consignor",
        "party.consignee", "issueDate", "remarks", CREATED,
    }
)  # fmt: skip
_DOMESTIC: Final = "DOMESTIC"


@dataclass(slots=True)
class _Note:
    """The lines of one note, and what stands on each of its wagons."""

    number: str
    lines: list[Entry] = field(default_factory=list)
    loads: dict[str, dict[str, None]] = field(default_factory=dict)


def _likeness(section: Section) -> int:
    if not section.has("consignmentNoteNumber") or section.has("event.operation"):
        return 0
    if any(
        section.has(meaning) or section.gives(meaning)
        for meaning in ("wagon.id1520", "event.transshippedAt", "event.handoverDate", "train.actualDeparture")
    ):
        return 0
    named = section.mentions("运单", "货票", "накладн", "waybill", "consignment note", "rail notes")
    if not section.has("issueDate") and not (
        named and section.has("place.origin") and section.has("place.destination")
    ):
        return 0
    return 78 + 15 * named


def _records(document: Document) -> Iterator[Record]:
    notes: dict[str, _Note] = {}
    for section in document.sections:
        before: _Note | None = None
        for entry in section.entries():
            try:
                event_builder.require_visible(document, entry)
                if event_builder.withdrawn(entry):
                    yield PassedOver(entry.here, "a cancelled line")
                    continue
                before = _sort(entry, notes, before)
            except Refusal as refusal:
                yield unread(entry.here, refusal)
    for note in notes.values():
        try:
            yield from list(_of_note(document, note))
        except Refusal as refusal:
            yield unread(note.lines[0].here, refusal)


def _sort(entry: Entry, notes: dict[str, _Note], before: _Note | None) -> _Note:
    number = re.sub(r"\s+", "", entry.text("consignmentNoteNumber")).upper()
    if not number and before is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The row has no number of a note, and none stands above it.",
            str(entry.where("consignmentNoteNumber")),
            "Give 运单号, № накладной or Waybill No in the first line of the note.",
        )
    note = notes.setdefault(number, _Note(number)) if number else before
    assert note is not None
    wagon = event_builder.wagon(entry, "wagon.id" if entry.section.has("wagon.id") else "wagon.typeAndId")
    boxes = event_builder.boxes(entry)
    if wagon is None and note.loads:
        wagon = next(reversed(note.loads))
    note.lines.append(entry)
    if wagon is not None:
        note.loads.setdefault(wagon, {}).update(dict.fromkeys(boxes))
    return note


def _of_note(document: Document, note: _Note) -> Iterator[Record]:
    first = note.lines[0]
    issued = sightings.at(document, first, "issueDate", "the issue of the note")
    origin = event_builder.place(document, first, "place.origin")
    created = document.created(issued, among=first.section)
    issued = event_builder.require_past(created, issued, first.where("issueDate"), "the issue of the note")
    domestic = document.choice("note.form").upper() == _DOMESTIC
    key = None if domestic else event_builder.note(document, note.number, origin, issued.day[:4])
    remarks = [remark for line in note.lines for remark in line.remarks]
    if key is not None:
        data = _issued(document, note, key, issued, origin)
        yield event_builder.draft(
            document, first.here, note.number, created, "document.note_issued", data, remarks=remarks
        )
    elif not domestic:
        yield unread(
            first.where("consignmentNoteNumber"),
            Refusal(
                Reason.INVALID_SCHEMA,
                f"The note {note.number[:32]} cannot be named: a number is a note's key only with its form and its "
                "station of departure.",
                str(first.where("consignmentNoteNumber")),
                'Declare the choice "note.form" as SMGS, CIM, CIMSMGS or DOMESTIC, and give 发站 with a known station.',
            ),
        )
    reference = next((text for line in note.lines if (text := line.joined("bookingReference"))), "")
    if key is not None and event_builder.name(reference):
        covers = event_builder.objects("booking", [f"{document.settings.party}/{reference}"])
        link: dict[str, Any] = {"from": issued.instant, "note": key, "covers": covers}
        yield event_builder.draft(
            document, first.here, note.number, created, "link.note_covers", link, about=reference
        )
    named = list(dict.fromkeys(box for line in note.lines for box in event_builder.boxes(line)))
    if event_builder.name(reference) and named:
        carries = event_builder.objects("booking", [f"{document.settings.party}/{reference}"])
        link = {"from": issued.instant, "containers": named, "carries": carries}
        yield event_builder.draft(
            document, first.here, note.number, created, "link.containers_assigned", link, about=reference
        )
    if document.choice("wagons") != "say":
        return
    for wagon, boxes in note.loads.items():
        if boxes:
            link = {
                "from": issued.instant,
                "place": origin,
                "wagon": wagon,
                "containers": list(boxes),
                "remark": event_builder.remark(f"note {note.number}"),
            }
            yield event_builder.draft(
                document, first.here, note.number, created, "link.wagon_loaded", link, about=wagon
            )


def _issued(document: Document, note: _Note, key: str, issued: Moment, origin: str | None) -> dict[str, Any]:
    """The note as issued: masses, packages and seals of all its lines, left out where one of them does not tell."""
    first = note.lines[0]
    masses = [event_builder.mass(line, "goods.grossMass") for line in note.lines]
    packages = [event_builder.count(line, "goods.packages") for line in note.lines]
    mass, quantity = (
        sum(each for each in found if each is not None) if all(each is not None for each in found) else None
        for found in (masses, packages)
    )
    seals = list(dict.fromkeys(seal for line in note.lines for seal in event_builder.seals(line)))
    return {
        **event_builder.time_fields(issued),
        "place": origin,
        "objects": event_builder.objects("note", [key]),
        "form": key.partition("/")[0],
        "place_of_delivery": event_builder.place(document, first, "place.destination"),
        "gross_weight_kg": mass if mass is not None and mass <= event_builder.MOST_KILOGRAMS else None,
        "package_quantity": quantity,
        "seals": seals if len(seals) <= 16 else [],
        "remark": event_builder.remark(plain(first.value("demandNumber"))),
    }


KIND: Final = Kind("waybill_list", "list of consignment notes (运单清单)", MEANINGS, _likeness, _records)
