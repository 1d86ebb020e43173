"""Tracing sheets of forwarders (运踪, tracking): the last position of each container, or one line per place that it passed.

Text is free and times are often days alone. The columns 中方交出日期 and 外方换装日期 are stated with their own time; the hand-over
as the container's departure, because only the railways sign for a hand-over. The list's time is its date of making, else
the latest time in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.reasons import Refusal
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import event_builder, sightings
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.section import Entry, Section
from services.producers.formats.sheets.sightings import Sighting

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "container.id", "container.type", "train.serviceCode", "train.operationalNumber",
        "train.plannedDeparture", "train.actualDeparture", "wagon.id", "wagon.id1520", "place.origin",
        "place.destination", "place.border", "place.handoverFrom", "place.handoverTo", "place.operation",
        "event.operation", "event.operationTime", "event.handoverDate", "event.transshippedAt",
        "event.arrivalDate", "distance.remaining", "train.plannedArrival", "bookingReference", "remarks", CREATED,
    }
)  # fmt: skip
_COLUMNS: Final = (
    ("train.actualDeparture", "departed", ("place.origin",), "the departure"),
    ("event.handoverDate", "departed", ("place.handoverFrom", "place.border"), "the hand-over"),
    ("event.transshippedAt", "transshipped", ("place.handoverTo", "place.border"), "the transfer"),
    ("event.arrivalDate", "arrived_at_destination", ("place.destination",), "the arrival"),
)
"""Columns that tell one fact each: its time, what it is, where, and how it is called."""


def _likeness(section: Section) -> int:
    if not section.has("container.id") or section.has("customs.declarationNumber"):
        return 0
    stated = section.has("event.operation", "event.operationTime")
    dated = sum(section.has(meaning) for meaning, *_ in _COLUMNS)
    named = section.mentions("运踪", "跟踪", "追踪", "tracing", "tracking", "слежени", "в пути")
    if not stated and not (dated and named):
        return 0
    if section.mentions("交接单", "передаточн", "дислокац"):
        return 0
    texts = [value for value in section.sample("event.operation") if isinstance(value, str)]
    if sum(map(sightings.is_russian, texts)) * 2 > len(texts):
        return 0
    return 80 + 15 * named


def _records(document: Document) -> Iterator[Record]:
    created = document.created(*_times(document))
    return event_builder.row_by_row(document, lambda entry: _of_row(document, entry, created))


def _times(document: Document) -> Iterator[Moment]:
    """Every time of a fact in the list."""
    for section in document.sections:
        for entry in section.entries():
            for meaning in ("event.operationTime", *(meaning for meaning, *_ in _COLUMNS)):
                try:
                    moment = document.moment_of(entry, meaning)
                except Refusal:
                    continue  # the row says it again, with its place
                if moment is not None:
                    yield moment


def _of_row(document: Document, entry: Entry, created: str) -> Iterator[Record]:
    if event_builder.withdrawn(entry):
        yield PassedOver(entry.here, "a cancelled line")
        return
    boxes = event_builder.boxes(entry)
    if not boxes:
        yield PassedOver(entry.here, "a row without a container")
        return
    about = Sighting("+".join(boxes), event_builder.objects("container", boxes))
    words = _words(entry)
    if entry.value("event.operation") is not None or entry.value("event.operationTime") is not None:
        try:
            what = sightings.operation(document, entry)
            if what.startswith("none"):
                yield PassedOver(entry.here, f"{entry.joined('event.operation')[:60]}: {what[5:]}")
            else:
                moment = sightings.at(document, entry, "event.operationTime", "it")
                place = sightings.where_of(document, entry, "place.operation")
                texts = (entry.joined("event.operation"), *words)
                yield sightings.sighted(document, entry, about, what, moment, place, created, words=texts)
        except Refusal as refusal:
            yield unread(entry.here, refusal)
    for meaning, what, where, called in _COLUMNS:
        if entry.value(meaning) is None:
            continue
        try:
            moment = sightings.at(document, entry, meaning, called)
            place = sightings.where_of(document, entry, *where)
            yield sightings.sighted(
                document, entry, about, what, moment, place, created, meaning, words=words
            )
            if what == "transshipped":
                yield from _on_wagon(document, entry, about, boxes, moment, place, created)
        except Refusal as refusal:
            yield unread(entry.where(meaning), refusal)
    yield from sightings.expected(document, entry, about, created)


def _words(entry: Entry) -> tuple[str, ...]:
    """What else a line tells, for people: the wagons and the distance that is left."""
    pairs = (
        ("wagon", "wagon.id"),
        ("1520 wagon", "wagon.id1520"),
        ("train", "train.serviceCode"),
        ("km left", "distance.remaining"),
    )
    return tuple(f"{name} {text}" for name, meaning in pairs if (text := entry.joined(meaning)))


def _on_wagon(
    document: Document,
    entry: Entry,
    about: Sighting,
    boxes: list[str],
    moment: Moment,
    place: str,
    created: str,
) -> Iterator[Record]:
    """Which wagon carries the box from its transfer on; said only by parties that may say so (``wagons``)."""
    if document.choice("wagons") != "say":
        return
    wagon = event_builder.wagon(entry, "wagon.id1520")
    if wagon is not None:
        link = {"from": moment.instant, "place": place, "wagon": wagon, "containers": boxes}
        yield event_builder.draft(
            document, entry.where("wagon.id1520"), about.key, created, "link.wagon_loaded", link, about=wagon
        )


KIND: Final = Kind("tracing", "tracing sheet (运踪)", MEANINGS, _likeness, _records)
