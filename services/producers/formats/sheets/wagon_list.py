"""Lists of what stands on which wagon: departure lists (发车清单) and loading lists (装车清单, 配载).

They carry the links wagon -> container and train -> wagon. A departure list tells when the train left; a loading list
only that the boxes stand on their wagons; a loading plan (配载计划) that they shall. The list's own time is its date of
making (制表时间), else the latest time that it tells of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record, Where
from services.producers.formats.sheets import equipment, event_builder, places, train_events, wagon_events
from services.producers.formats.sheets.document import CREATED, Document, Kind
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.records import unread
from services.producers.formats.sheets.section import Entry, Section
from services.producers.formats.sheets.wagon_events import Load, Train

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "wagon.position", "wagon.type", "wagon.id", "wagon.typeAndId", "container.id",
        "container.type", "container.isoCode", "container.owner", "container.loadState", "seal.number", "seal.new",
        "goods.description", "goods.packages", "goods.grossMass", "consignmentNoteNumber", "bookingReference",
        "place.origin", "place.destination", "place.border", "train.serviceCode", "train.operationalNumber",
        "train.actualDeparture", "train.plannedDeparture", "event.gateInDate", "event.gateInTime",
        "event.loadedAt", "remarks", CREATED,
    }
)  # fmt: skip
_PLAN: Final = ("配载计划", "装车计划", "预配", "配载", "loading plan", "план погрузки")
_NOT_HERE: Final = ("wagon.id1520", "event.transshippedAt", "event.handoverDate")


def _likeness(section: Section, loading: bool) -> int:
    if not section.has("container.id") or not (section.has("wagon.id") or section.has("wagon.typeAndId")):
        return 0
    if any(section.has(meaning) or section.gives(meaning) for meaning in _NOT_HERE):
        return 0
    if section.speaks_of("交接单", "передаточн", "hand-over", "handover"):
        return 0
    departs = section.gives("train.actualDeparture") is not None or section.has("train.actualDeparture")
    named = section.speaks_of("装车清单", "装箱清单", "配载", "装车计划", "loading", "погруз")
    if loading:
        return 70 + 20 * named if not departs else 30 + 10 * named
    return 75 + 20 * section.speaks_of("发车清单", "发运", "departure", "отправл") if departs else 40


def _records(document: Document, loading: bool) -> Iterator[Record]:
    trains: dict[tuple[str, str], Train] = {}
    carried: dict[str, tuple[str, Where]] = {}
    for section in document.sections:
        before: str | None = None
        for entry in section.entries():
            train: Train | None = None
            try:
                event_builder.shown(document, entry)
                if event_builder.withdrawn(entry):
                    yield PassedOver(entry.here, "a cancelled line")
                    continue
                train = _train_of(document, entry, trains)
                before = _load(entry, train, before, carried)
            except Refusal as refusal:
                if train is not None:
                    train.unread += 1
                yield unread(entry.here, refusal)
    for train in trains.values():
        try:
            yield from list(_of_train(document, train, loading))
        except Refusal as refusal:
            yield unread(train.departs_at, refusal)


def _train_of(document: Document, entry: Entry, trains: dict[tuple[str, str], Train]) -> Train:
    number = _number(document, entry)
    departs, at = _departs(document, entry)
    key = number, departs.instant if departs else ""
    train = trains.get(key)
    if train is None:
        train = trains[key] = Train(entry.section, number, departs, at)
    train.rows.append(entry)
    origin = places.find(entry.value("place.origin"))
    if origin is not None:
        train.origins.add(origin)
    return train


def _number(document: Document, entry: Entry) -> str:
    """The train's number: the row's, the one above the table, or the title's; else the operator's service code."""
    given = document.given("train.operationalNumber", entry.section)
    own = entry.text("train.operationalNumber"), entry.where("train.operationalNumber")
    for text, where in (own, (plain(given[0]), given[1]) if given else ("", entry.here)):
        try:
            found = equipment.train_numbers(text)
        except Refusal as refusal:
            raise refusal.at(str(where)) from None
        if found:
            return found[0]
    for line in entry.section.table.lines:
        if titled := equipment.train_in_title(line.text):
            return titled
    service = document.given("train.serviceCode", entry.section)
    return entry.text("train.serviceCode") or (plain(service[0]) if service else "")


def _departs(document: Document, entry: Entry) -> tuple[Moment | None, Where]:
    meaning = "train.actualDeparture"
    given = document.given(meaning, entry.section)
    if given is not None:
        return document.moment(given.value, meaning, given.where, given.stated), given[1]
    head = Where(entry.section.table.sheet.name, entry.section.table.header_row)
    return document.moment_of(entry, meaning), entry.where(meaning) if entry.value(meaning) else head


def _load(entry: Entry, train: Train, before: str | None, carried: dict[str, tuple[str, Where]]) -> str:
    """Put the boxes of a row on its wagon, which is the one above where the cell is blank."""
    meaning = "wagon.id" if entry.section.has("wagon.id") else "wagon.typeAndId"
    named = event_builder.wagon(entry, meaning) or before
    boxes = event_builder.boxes(entry)
    if named is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The row names no wagon, and none stands above it.",
            str(entry.where(meaning)),
            "Give the wagon in the first line of its boxes.",
        )
    for box in boxes:
        wagon, where = carried.setdefault(box, (named, entry.here))
        if wagon != named:
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"Container {box} stands on {wagon} at {where} and on {named} here.",
                str(entry.where("container.id")),
                "Keep the line that is right.",
            )
    load = train.loads.setdefault(named, Load(named, entry.here))
    load.boxes.update(zip(boxes, _papers(entry, boxes), strict=True))
    load.remarks += entry.remarks
    return named


def _papers(entry: Entry, boxes: list[str]) -> list[str]:
    """The note and seals of each box in words; several boxes and as many notes or seals go together by their order."""
    notes = [part for part in re.split(r"[\s;、；,]+", entry.joined("consignmentNoteNumber")) if part]
    seals = event_builder.seals(entry)
    if len(boxes) > 1 and (len(notes) == len(boxes) or len(seals) == len(boxes)):
        entry.remark(
            "container.id", "Notes and seals of several boxes in one cell were paired by their order."
        )
    papers = []
    for index in range(len(boxes)):
        note = notes[index : index + 1] if len(notes) == len(boxes) else notes
        seal = seals[index : index + 1] if len(boxes) > 1 and len(seals) == len(boxes) else seals
        papers.append(
            " ".join(
                part
                for part in (f"note {' '.join(note)}" * bool(note), f"seals {' '.join(seal)}" * bool(seal))
                if part
            )
        )
    return papers


def _of_train(document: Document, train: Train, loading: bool) -> Iterator[Record]:
    where = Where(train.section.table.sheet.name, train.section.table.header_row)
    loaded_at = document.given_moment("event.loadedAt", train.section)
    gated = list(wagon_events.gated(document, train))
    created = document.created(
        train.departs, loaded_at, *(m for _, m, _ in gated if isinstance(m, Moment)), among=train.section
    )
    origin = _origin(document, train)
    key = f"{train.number or '-'}/{train.departs.day}" if train.departs else train.number or "-"
    boxes = [box for load in train.loads.values() for box in load.boxes]
    plan = loading and (document.choice("stage") == "plan" or train.section.speaks_of(*_PLAN))
    if plan:
        yield from wagon_events.planned(document, train, where, key, created, origin)
        return
    since = next((m.instant for m in (loaded_at, train.departs) if m is not None and m.timed), created)
    for load in train.loads.values():
        if load.boxes:
            yield wagon_events.loaded(document, load, key, created, since, origin)
    if boxes and (loading or loaded_at is not None) and origin is not None:
        yield from wagon_events.on_wagon(document, where, key, created, origin, boxes, loaded_at)
    for entry, moment, named in gated:
        yield wagon_events.gate(document, entry, moment, named, key, created, origin)
    yield from wagon_events.bookings(document, train, key, created, since, origin)
    if not loading or train.departs is not None:
        yield from train_events.of_train(
            document, where, key, created, train.number, train.departs, train.departs_at, origin,
            list(train.loads), boxes, since, unread_rows=train.unread,
        )  # fmt: skip


def _origin(document: Document, train: Train) -> str | None:
    given = document.given("place.origin", train.section)
    found = places.find(given[0]) if given is not None else None
    if found is None and len(train.origins) == 1:
        (found,) = train.origins
    return None if found is None or found.startswith("crossing:") else found


DEPARTURE: Final = Kind(
    "departure_list",
    "departure list (发车清单)",
    MEANINGS,
    lambda section: _likeness(section, False),
    lambda document: _records(document, False),
    whole=True,
    facts=True,
)
LOADING: Final = Kind(
    "loading_list",
    "loading list or plan (装车清单, 配载)",
    MEANINGS,
    lambda section: _likeness(section, True),
    lambda document: _records(document, True),
    whole=True,
)
