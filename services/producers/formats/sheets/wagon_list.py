"""Wagon lists: departure lists (发车清单) and loading lists (装车清单, 配载), which containers are on which wagon.

They carry the links wagon -> container and train -> wagon. A departure list states when the train left; a loading list only
that the containers are on their wagons; a loading plan (配载计划) that they will be. The list's time is its date of making
(制表时间), else the latest time in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Position, Record, Remark
from services.producers.formats.sheets import equipment, event_builder, places
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.section import Entry, Section

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
    if section.mentions("交接单", "передаточн", "hand-over", "handover"):
        return 0
    departs = section.gives("train.actualDeparture") is not None or section.has("train.actualDeparture")
    named = section.mentions("装车清单", "装箱清单", "配载", "装车计划", "loading", "погруз")
    if loading:
        return 70 + 20 * named if not departs else 30 + 10 * named
    return 75 + 20 * section.mentions("发车清单", "发运", "departure", "отправл") if departs else 40


def _records(document: Document, loading: bool) -> Iterator[Record]:
    trains: dict[tuple[str, str], Train] = {}
    carried: dict[str, tuple[str, Position]] = {}
    for section in document.sections:
        before: str | None = None
        for entry in section.entries():
            train: Train | None = None
            try:
                event_builder.require_visible(document, entry)
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


def _departs(document: Document, entry: Entry) -> tuple[Moment | None, Position]:
    meaning = "train.actualDeparture"
    given = document.given(meaning, entry.section)
    if given is not None:
        return document.moment(given.value, meaning, given.where, given.stated), given[1]
    head = Position(entry.section.table.sheet.name, entry.section.table.header_row)
    return document.moment_of(entry, meaning), entry.where(meaning) if entry.value(meaning) else head


def _load(entry: Entry, train: Train, before: str | None, carried: dict[str, tuple[str, Position]]) -> str:
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
    load.boxes.update(zip(boxes, _documents(entry, boxes), strict=True))
    load.remarks += entry.remarks
    return named


def _documents(entry: Entry, boxes: list[str]) -> list[str]:
    """The note and seals of each box in words; several boxes and as many notes or seals go together by their order."""
    notes = [part for part in re.split(r"[\s;、；,]+", entry.joined("consignmentNoteNumber")) if part]
    seals = event_builder.seals(entry)
    if len(boxes) > 1 and (len(notes) == len(boxes) or len(seals) == len(boxes)):
        entry.remark(
            "container.id", "Notes and seals of several boxes in one cell were paired by their order."
        )
    documents = []
    for index in range(len(boxes)):
        note = notes[index : index + 1] if len(notes) == len(boxes) else notes
        seal = seals[index : index + 1] if len(boxes) > 1 and len(seals) == len(boxes) else seals
        documents.append(
            " ".join(
                part
                for part in (f"note {' '.join(note)}" * bool(note), f"seals {' '.join(seal)}" * bool(seal))
                if part
            )
        )
    return documents


def _of_train(document: Document, train: Train, loading: bool) -> Iterator[Record]:
    where = Position(train.section.table.sheet.name, train.section.table.header_row)
    loaded_at = document.given_moment("event.loadedAt", train.section)
    arrivals = list(gated(document, train))
    created = document.created(
        train.departs, loaded_at, *(m for _, m, _ in arrivals if isinstance(m, Moment)), among=train.section
    )
    origin = _origin(document, train)
    key = f"{train.number or '-'}/{train.departs.day}" if train.departs else train.number or "-"
    boxes = [box for load in train.loads.values() for box in load.boxes]
    plan = loading and (document.choice("stage") == "plan" or train.section.mentions(*_PLAN))
    if plan:
        yield from planned(document, train, where, key, created, origin)
        return
    since = next((m.instant for m in (loaded_at, train.departs) if m is not None and m.timed), created)
    for load in train.loads.values():
        if load.boxes:
            yield loaded(document, load, key, created, since, origin)
    if boxes and (loading or loaded_at is not None) and origin is not None:
        yield from on_wagon(document, where, key, created, origin, boxes, loaded_at)
    for entry, moment, named in arrivals:
        yield gate(document, entry, moment, named, key, created, origin)
    yield from bookings(document, train, key, created, since, origin)
    if not loading or train.departs is not None:
        yield from event_builder.train_events(
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


@dataclass(slots=True)
class Load:
    """A wagon with its boxes, in the order of the list."""

    wagon: str
    where: Position
    boxes: dict[str, str] = field(default_factory=dict)  # each with its note and seals in words
    remarks: list[Remark] = field(default_factory=list)


@dataclass(slots=True)
class Train:
    """What the list says of one train."""

    section: Section
    number: str
    departs: Moment | None
    departs_at: Position
    loads: dict[str, Load] = field(default_factory=dict)
    rows: list[Entry] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    unread: int = 0


def loaded(document: Document, load: Load, key: str, created: str, since: str, origin: str | None) -> Record:
    """The link of one wagon to its boxes; notes and seals stand in its remark."""
    words = [
        f"{box} {documents}" if len(load.boxes) > 1 else documents
        for box, documents in load.boxes.items()
        if documents
    ]
    link = {
        "from": since,
        "place": origin,
        "wagon": load.wagon,
        "containers": list(load.boxes),
        "remark": event_builder.remark(*words),
    }
    if len("; ".join(words)) > len(event_builder.remark(*words)):
        text = "Notes and seals of the wagon are longer than a remark; the last ones were cut off."
        load.remarks.append(Remark(load.where, text))
    return event_builder.draft(
        document, load.where, key, created, "link.wagon_loaded", link, about=load.wagon, remarks=load.remarks
    )


def on_wagon(
    document: Document,
    where: Position,
    key: str,
    created: str,
    origin: str,
    boxes: list[str],
    at: Moment | None,
) -> Iterator[Record]:
    """That the boxes were loaded: when the list says, else by the time it was made."""
    known = at is not None and at.timed and not event_builder.is_future(created, at)
    when = (
        event_builder.time_fields(at)
        if at is not None and known
        else {"classifier": "ACT", "happened": created}
    )
    for part, some in enumerate(event_builder.parts(boxes), start=1):
        data = {**when, "place": origin, "objects": event_builder.objects("container", some)}
        about = "" if part == 1 else str(part)
        yield event_builder.draft(
            document, where, key, created, "movement.loaded_on_wagon", data, about=about
        )


def planned(
    document: Document,
    train: Train,
    where: Position,
    key: str,
    created: str,
    origin: str | None,
) -> Iterator[Record]:
    """A plan makes no links: a box is on a wagon once somebody says that it is."""
    if origin is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The plan does not say at which station it will be loaded.",
            str(where),
            "Give 发站, Станция отправления or Origin above the table.",
        )
    when = document.given_moment("event.loadedAt", train.section) or document.given_moment(
        "train.plannedDeparture", train.section
    )
    time_fields = (
        event_builder.time_fields(when, "PLN") if when else {"classifier": "PLN", "happened": created}
    )
    for load in train.loads.values():
        data = {
            **time_fields,
            "place": origin,
            "objects": event_builder.objects("container", load.boxes),
            "remark": event_builder.remark(f"planned on wagon {load.wagon}"),
        }
        if load.boxes:
            yield event_builder.draft(
                document, load.where, key, created, "movement.loaded_on_wagon", data,
                about=f"planned/{load.wagon}", remarks=load.remarks,
            )  # fmt: skip


def gated(document: Document, train: Train) -> Iterator[tuple[Entry, Moment | Refusal, list[str]]]:
    """The rows that tell when their boxes came in, with the moment or why it cannot be read."""
    for entry in train.rows:
        try:
            moment = document.moment_of(entry, "event.gateInDate", "event.gateInTime")
            named = event_builder.boxes(entry) if moment is not None else []
        except Refusal as refusal:
            yield entry, refusal, []
            continue
        if moment is not None and named:
            yield entry, moment, named


def gate(
    document: Document,
    entry: Entry,
    moment: Moment | Refusal,
    named: list[str],
    key: str,
    created: str,
    origin: str | None,
) -> Record:
    """The gate-in of a row, or why there is none."""
    where = entry.where("event.gateInDate")
    try:
        if isinstance(moment, Refusal):
            raise moment
        at = event_builder.require_past(
            created, event_builder.require_time(document, moment, where, "a gate-in"), where, "the gate-in"
        )
        if origin is None:
            raise Refusal(
                Reason.INVALID_SCHEMA, "The gate-in has no place.", str(where), "Give 发站 above the table."
            )
        data = {
            **event_builder.time_fields(at),
            "place": origin,
            "objects": event_builder.objects("container", named),
            "seals": event_builder.seals(entry) if len(named) == 1 else [],
            "gross_weight_kg": event_builder.mass(entry, "goods.grossMass") if len(named) == 1 else None,
        }
        return event_builder.draft(
            document, where, key, created, "movement.gated_in", data, about="+".join(named)
        )
    except Refusal as refusal:
        return unread(where, refusal)


def bookings(
    document: Document, train: Train, key: str, created: str, since: str, origin: str | None
) -> Iterator[Record]:
    """Where the list names the booking of a box: the box carries it, and the note covers it where its form is declared."""
    for entry in train.rows:
        reference = entry.joined("bookingReference")
        if not event_builder.name(reference):
            continue
        booking = event_builder.objects("booking", [f"{document.settings.party}/{reference}"])
        named = event_builder.boxes(entry)
        if named:
            link: dict[str, Any] = {"from": since, "containers": named, "carries": booking}
            yield event_builder.draft(
                document,
                entry.here,
                key,
                created,
                "link.containers_assigned",
                link,
                about=f"{reference}/{'+'.join(named)}",
            )
        number = plain(entry.value("consignmentNoteNumber")).upper()
        note = event_builder.note(document, number, origin, since[:4])
        if note is not None:
            link = {"from": since, "note": note, "covers": booking}
            yield event_builder.draft(
                document, entry.here, key, created, "link.note_covers", link, about=f"{number}/{reference}"
            )
