"""DCSA Track & Trace 3.0 (and 2.x): transport, equipment and shipment events as JSON."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.dcsa import document, event_types
from services.producers.formats.dcsa import event as events
from services.producers.formats.dcsa.document import Item, loads, objects, require_not_cancelled, unknown
from services.producers.formats.dcsa.event import Event, version_id
from services.producers.formats.messages import Notes, declaration_hint, identity, validated
from services.producers.formats.model import (
    EventDraft,
    Format,
    PassedOver,
    Position,
    ReadOutcome,
    Record,
    Settings,
    Unread,
)
from services.producers.formats.text import decode

_HEAD = 65_536
_NAMES = re.compile(r'"(eventClassification|eventTypeCode|eventClassifierCode)"\s*:')


def recognise(raw: bytes) -> int:
    """How sure it is, 0 to 100, that ``raw`` is JSON of Track & Trace events; never raises."""
    try:
        text = decode(raw[:_HEAD], partial=True).lstrip("\ufeff \t\r\n")
    except Refusal:
        return 0
    if not text.startswith(("{", "[")):
        return 0
    return 90 if '"eventID"' in text and _NAMES.search(text) else 0


def read(raw: bytes, settings: Settings) -> ReadOutcome:
    """Read the events in ``raw``, up to 8 MiB; raises Refusal where the file as a whole cannot be read."""
    items = _items(loads(raw))
    notes = Notes(events.FORMAT, settings)
    records = tuple(_records(items, notes))
    return ReadOutcome(events.FORMAT, tuple(notes.interpretations), iter(records), tuple(notes.remarks))


def _items(value: object) -> tuple[Item, ...]:
    """The events of a request or answer, of a bare array, or one event alone."""
    if isinstance(value, dict) and "eventID" not in value:
        if "events" not in value:
            raise Refusal(
                Reason.INVALID_SCHEMA, "The file holds no events.", "/events", 'Send {"events": [...]}.'
            )
        return objects(value["events"], "/events")
    return objects(value if isinstance(value, list) else [value], "")


def _records(items: tuple[Item, ...], notes: Notes) -> Iterator[Record]:
    known: list[tuple[Item, Event | Refusal]] = []
    versions: dict[str, set[int]] = defaultdict(set)
    for item in items:
        try:
            require_not_cancelled(item)
            if document.is_version_2(item):
                one = events.read(document.as_version_3(item), notes)
            else:
                notes.remarks.extend(unknown(item))
                one = events.read(item, notes)
        except Refusal as refusal:
            known.append((item, refusal))
            continue
        versions[one.key].add(one.updated.micros)
        known.append((item, one))
    seen: set[tuple[str, int]] = set()
    for item, found in known:
        where = Position(path=item.pointer or "/")
        if isinstance(found, Refusal):
            yield Unread(where, found)
            continue
        version = (found.key, found.updated.micros)
        if version in seen:
            yield PassedOver(where, "The same version of the event stands in the file before.")
        elif found.updated.micros < max(versions[found.key]):
            yield PassedOver(where, "A later version of the event stands in the file.")
        else:
            yield from map(validated, _version(found, versions[found.key], where))
        seen.add(version)


def _version(event: Event, versions: set[int], where: Position) -> Iterator[Record]:
    """The records of the newest version, preceded by the retractions of what earlier versions stated."""
    try:
        earlier = sorted({*versions, *_declared(event)} - {event.updated.micros})
        if event.retracted and not earlier:
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "The event is retracted, but which version was published before is not known from this file.",
                event.at("isRetracted"),
                declaration_hint(
                    events.FORMAT,
                    f"earlier {event.item.text('eventID')[:60]}",
                    "its earlier eventUpdatedDateTime, or several parted by blanks",
                ),
            )
        drafts = () if event.retracted else tuple(event_types.records(event))
    except Refusal as refusal:
        yield Unread(where, refusal)
        return
    for micros in earlier:
        for record in _parts(event):
            target = version_id(event.key, micros, *record)
            yield EventDraft(
                where,
                identity(target, "withdrawn", f"{event.updated.micros}"),
                "cre.correction.retracted.v1",
                event.updated.text,
                {"target": target, "reason": "OTHER"},
            )
    yield from drafts


def _parts(event: Event) -> tuple[tuple[str, ...], ...]:
    """The record keys that an earlier version may have used: the event itself, and the link that comes with a loading."""
    loading = event.item.text("eventClassification/equipmentEventTypeCode") == "LOAD"
    return ((), (event_types.LINK,)) if loading or event.retracted else ((),)


def _declared(event: Event) -> Iterator[int]:
    """The times of earlier versions that the partner declares to have published from another file."""
    label = f"earlier {event.item.text('eventID')}"
    for text in (event.notes.choice(label) or "").split():
        event.interpret("eventID", label, text, "choice")
        zone = instants.zone_of(event.notes.settings, events.FORMAT, "eventUpdatedDateTime")
        yield instants.read(text, zone, event.at("eventID")).micros


FORMATS: tuple[Format, ...] = (
    Format(
        events.FORMAT,
        "DCSA Track & Trace 3.0 events: transport, equipment, shipment (2.x is raised to it)",
        recognise,
        read,
    ),
)
