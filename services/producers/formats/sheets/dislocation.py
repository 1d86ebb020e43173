"""Dislocation reports of the 1520 railways (дислокация): the last operation of each wagon or container.

Only the last operation is reported, so gaps are normal. КОРВ and ИСКП concern the record, not the cargo, and make no event.
The operation is the containers' where a line names them, else the wagon's. Such reports are in Moscow time, to be declared
as the zone of the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.reasons import Refusal
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import event_builder, sightings
from services.producers.formats.sheets.document import CREATED, Document, Kind
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.section import Entry, Section
from services.producers.formats.sheets.sightings import Sighting

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "wagon.id", "container.id", "consignmentNoteNumber", "train.index",
        "train.operationalNumber", "event.operation", "event.operationTime", "place.operation", "place.railway",
        "place.origin", "place.destination", "goods.description", "goods.etsngCode", "goods.gngCode",
        "wagon.loadMass", "wagon.loadState", "distance.remaining", "train.plannedArrival", "dwell", "wagon.owner",
        "party.consignee", "remarks", "event.reportTime", CREATED,
    }
)  # fmt: skip


def _likeness(section: Section) -> int:
    if not (section.has("wagon.id") or section.has("container.id")):
        return 0
    if not section.has("event.operation", "event.operationTime", "place.operation"):
        return 0
    named = section.mentions("дислокац", "слежени", "dislocation", "справка 2610")
    texts = [value for value in section.sample("event.operation") if isinstance(value, str)]
    russian = sum(map(sightings.is_russian, texts)) * 2 > len(texts)
    return 85 + 14 * named if russian or (named and not texts) else 0


def _records(document: Document) -> Iterator[Record]:
    stated = document.given_moment("event.reportTime")
    created = document.created(*([stated] if stated is not None else []), *_times(document))
    return event_builder.row_by_row(document, lambda entry: _of_row(document, entry, created))


def _times(document: Document) -> Iterator[Moment]:
    for section in document.sections:
        for entry in section.entries():
            try:
                moment = document.moment_of(entry, "event.operationTime")
            except Refusal:
                continue  # the row says it again, with its place
            if moment is not None:
                yield moment


def _of_row(document: Document, entry: Entry, created: str) -> Iterator[Record]:
    if event_builder.withdrawn(entry):
        yield PassedOver(entry.here, "a cancelled line")
        return
    boxes, wagon = event_builder.boxes(entry), event_builder.wagon(entry)
    what = sightings.operation(document, entry)
    if not boxes and wagon is None:
        yield PassedOver(entry.here, "a row without a wagon or container")
        return
    if what.startswith("none"):
        yield PassedOver(entry.here, f"{entry.joined('event.operation')[:60]}: {what[5:]}")
        return
    moment = sightings.at(document, entry, "event.operationTime", "the operation")
    place = sightings.where_of(document, entry, "place.operation")
    about = _about(boxes, wagon, what)
    texts = (entry.joined("event.operation"), *_words(entry, wagon if boxes else None))
    yield sightings.sighted(document, entry, about, what, moment, place, created, words=texts)
    yield from sightings.expected(document, entry, _about(boxes, wagon, ""), created)


def _about(boxes: list[str], wagon: str | None, what: str) -> Sighting:
    """The containers of a line, else its wagon; what happens to a wagon as such is said of the wagon."""
    if wagon is not None and (not boxes or what.startswith("wagon_")):
        return Sighting(wagon.replace("/", "-"), event_builder.objects("wagon", [wagon]))
    return Sighting("+".join(boxes), event_builder.objects("container", boxes))


def _words(entry: Entry, wagon: str | None) -> tuple[str, ...]:
    pairs = (
        ("train", "train.operationalNumber"),
        ("index", "train.index"),
        ("note", "consignmentNoteNumber"),
        ("km left", "distance.remaining"),
    )
    words = (f"{name} {text}" for name, meaning in pairs if (text := entry.joined(meaning)))
    return (*((f"wagon {wagon}",) if wagon else ()), *words)


KIND: Final = Kind("dislocation", "dislocation report (дислокация)", MEANINGS, _likeness, _records)
