"""Lists of what stands on which wagon: departure lists (发车清单) and loading lists (装车清单, 配载).

They carry the links wagon -> container and train -> wagon. A departure list tells when the train left; a loading list
only that the boxes stand on their wagons; a loading plan (配载计划) that they shall. The list's own time is its date of
making (制表时间), else the latest time that it tells of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record, Remarked, Where
from services.producers.formats.sheets import equipment, places, says
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import kilograms, plain
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
_CANCELLED: Final = re.compile(r"取消|作废|退舱|未装|不装|отмен|аннулир|снят|не погруж|cancel", re.IGNORECASE)
_PLAN: Final = ("配载计划", "装车计划", "预配", "配载", "loading plan", "план погрузки")
_NOT_HERE: Final = ("wagon.id1520", "event.transshippedAt", "event.handoverDate")


@dataclass(slots=True)
class Load:
    """A wagon with its boxes, in the order of the list."""

    wagon: str
    where: Where
    boxes: dict[str, str] = field(default_factory=dict)  # each with its note and seals in words
    remarks: list[Remarked] = field(default_factory=list)


@dataclass(slots=True)
class _Train:
    """What the list says of one train."""

    section: Section
    number: str
    departs: Moment | None
    departs_at: Where
    loads: dict[str, Load] = field(default_factory=dict)
    rows: list[Entry] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    unread: int = 0


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
    trains: dict[tuple[str, str], _Train] = {}
    carried: dict[str, tuple[str, Where]] = {}
    for section in document.sections:
        before: str | None = None
        for entry in section.entries():
            train: _Train | None = None
            try:
                says.shown(document, entry)
                if _CANCELLED.search(entry.joined("remarks")):
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


def _train_of(document: Document, entry: Entry, trains: dict[tuple[str, str], _Train]) -> _Train:
    number = _number(document, entry)
    departs, at = _departs(document, entry)
    key = number, departs.instant if departs else ""
    train = trains.get(key)
    if train is None:
        train = trains[key] = _Train(entry.section, number, departs, at)
    train.rows.append(entry)
    origin = places.find(entry.value("place.origin"))
    if origin is not None:
        train.origins.add(origin)
    return train


def _number(document: Document, entry: Entry) -> str:
    """The train's number: the row's, the one above the table, or the title's; else the operator's service code."""
    given = document.given("train.operationalNumber", entry.section)
    for text in (entry.text("train.operationalNumber"), plain(given[0]) if given else ""):
        if found := equipment.train_numbers(text):
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
        return document.moment(given[0], meaning, given[1]), given[1]
    head = Where(entry.section.table.sheet.name, entry.section.table.header_row)
    return document.moment_of(entry, meaning), entry.where(meaning) if entry.value(meaning) else head


def _load(entry: Entry, train: _Train, before: str | None, carried: dict[str, tuple[str, Where]]) -> str:
    """Put the boxes of a row on its wagon, which is the one above where the cell is blank."""
    meaning = "wagon.id" if entry.section.has("wagon.id") else "wagon.typeAndId"
    named = says.wagon(entry, meaning) or before
    boxes = says.boxes(entry)
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
    seals = says.seals(entry)
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


def _of_train(document: Document, train: _Train, loading: bool) -> Iterator[Record]:
    where = Where(train.section.table.sheet.name, train.section.table.header_row)
    loaded_at = document.given_moment("event.loadedAt", train.section)
    gated = list(_gated(document, train))
    created = document.created(
        train.departs, loaded_at, *(m for _, m, _ in gated if isinstance(m, Moment)), among=train.section
    )
    origin = _origin(document, train)
    key = f"{train.number or '-'}/{train.departs.day}" if train.departs else train.number or "-"
    boxes = [box for load in train.loads.values() for box in load.boxes]
    plan = loading and (document.choice("stage") == "plan" or train.section.speaks_of(*_PLAN))
    if plan:
        yield from _planned(document, train, where, key, created, origin)
        return
    since = next((m.instant for m in (loaded_at, train.departs) if m is not None and m.timed), created)
    for load in train.loads.values():
        if load.boxes:
            yield _loaded(document, load, key, created, since, origin)
    if boxes and (loading or loaded_at is not None) and origin is not None:
        yield from _on_wagon(document, where, key, created, origin, boxes, loaded_at)
    for entry, moment, named in gated:
        yield _gate(document, entry, moment, named, key, created, origin)
    yield from _bookings(document, train, key, created, since, origin)
    if not loading or train.departs is not None:
        yield from of_train(
            document, where, key, created, train.number, train.departs, train.departs_at, origin,
            list(train.loads), boxes, since, unread_rows=train.unread,
        )  # fmt: skip


def of_train(
    document: Document,
    where: Where,
    key: str,
    created: str,
    number: str,
    departs: Moment | None,
    departs_at: Where,
    origin: str | None,
    wagons: list[str],
    boxes: list[str],
    since: str,
    *,
    unread_rows: int = 0,
    note: str = "",
) -> Iterator[Record]:
    """The wagons of a train as a link, and its departure; where the train cannot be named, the departure of its boxes."""
    remarks = []
    if unread_rows:
        text = f"{unread_rows} rows could not be read; the wagons are those of the others."
        remarks.append(Remarked(where, text, "Mend the rows and send the list again."))
    try:
        named = says.train(document, number, departs.day if departs else "", origin, where)
    except Refusal as refusal:
        yield unread(where, refusal)
        named = None
    if named is not None:
        for part, some in enumerate(_parts(wagons), start=1):
            link = {
                "from": since,
                "place": origin,
                "train": named,
                "wagons": some,
                "remark": says.remark(note),
            }
            about = "" if part == 1 else str(part)
            yield says.said(
                document, where, key, created, "link.train_composed", link, about=about, remarks=remarks
            )
    if departs is None:
        return
    if origin is None:
        return
    try:
        left = says.timed(document, departs, departs_at, "a departure")
    except Refusal as refusal:
        yield unread(departs_at, refusal)
        return
    ahead = says.told_ahead(created, left)
    early = [
        Remarked(departs_at, "The list was made before the train left; the departure is said as planned.")
    ]
    about_it = says.objects("train", [named]) if named is not None else says.objects("container", boxes)
    for part, objects in enumerate(_parts(about_it), start=1):
        data = {
            **says.happening(left, "PLN" if ahead else "ACT"),
            "place": origin,
            "objects": objects,
            "remark": says.remark(note),
        }
        about = "/".join(
            each for each in ("planned" if ahead else "", "" if part == 1 else str(part)) if each
        )
        remarks = early if ahead else []
        yield says.said(
            document, departs_at, key, created, "movement.departed", data, about=about, remarks=remarks
        )


def _parts(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), says.MOST_OBJECTS):
        yield items[start : start + says.MOST_OBJECTS]


def _origin(document: Document, train: _Train) -> str | None:
    given = document.given("place.origin", train.section)
    found = places.find(given[0]) if given is not None else None
    if found is None and len(train.origins) == 1:
        (found,) = train.origins
    return None if found is None or found.startswith("crossing:") else found


def _loaded(document: Document, load: Load, key: str, created: str, since: str, origin: str | None) -> Record:
    words = [
        f"{box} {papers}" if len(load.boxes) > 1 else papers for box, papers in load.boxes.items() if papers
    ]
    link = {
        "from": since,
        "place": origin,
        "wagon": load.wagon,
        "containers": list(load.boxes),
        "remark": says.remark(*words),
    }
    if len("; ".join(words)) > len(says.remark(*words)):
        text = "Notes and seals of the wagon are longer than a remark; the last ones were cut off."
        load.remarks.append(Remarked(load.where, text))
    return says.said(
        document, load.where, key, created, "link.wagon_loaded", link, about=load.wagon, remarks=load.remarks
    )


def _on_wagon(
    document: Document, where: Where, key: str, created: str, origin: str, boxes: list[str], at: Moment | None
) -> Iterator[Record]:
    known = at is not None and at.timed and not says.told_ahead(created, at)
    when = says.happening(at) if at is not None and known else {"classifier": "ACT", "happened": created}
    for part, some in enumerate(_parts(boxes), start=1):
        data = {**when, "place": origin, "objects": says.objects("container", some)}
        about = "" if part == 1 else str(part)
        yield says.said(document, where, key, created, "movement.loaded_on_wagon", data, about=about)


def _planned(
    document: Document,
    train: _Train,
    where: Where,
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
    happening = says.happening(when, "PLN") if when else {"classifier": "PLN", "happened": created}
    for load in train.loads.values():
        data = {
            **happening,
            "place": origin,
            "objects": says.objects("container", load.boxes),
            "remark": says.remark(f"planned on wagon {load.wagon}"),
        }
        if load.boxes:
            yield says.said(
                document, load.where, key, created, "movement.loaded_on_wagon", data,
                about=f"planned/{load.wagon}", remarks=load.remarks,
            )  # fmt: skip


def _gated(document: Document, train: _Train) -> Iterator[tuple[Entry, Moment | Refusal, list[str]]]:
    for entry in train.rows:
        try:
            moment = document.moment_of(entry, "event.gateInDate", "event.gateInTime")
            named = says.boxes(entry) if moment is not None else []
        except Refusal as refusal:
            yield entry, refusal, []
            continue
        if moment is not None and named:
            yield entry, moment, named


def _gate(
    document: Document,
    entry: Entry,
    moment: Moment | Refusal,
    named: list[str],
    key: str,
    created: str,
    origin: str | None,
) -> Record:
    where = entry.where("event.gateInDate")
    try:
        if isinstance(moment, Refusal):
            raise moment
        at = says.fact(created, says.timed(document, moment, where, "a gate-in"), where, "the gate-in")
        if origin is None:
            raise Refusal(
                Reason.INVALID_SCHEMA, "The gate-in has no place.", str(where), "Give 发站 above the table."
            )
        data = {
            **says.happening(at),
            "place": origin,
            "objects": says.objects("container", named),
            "seals": says.seals(entry) if len(named) == 1 else [],
            "gross_weight_kg": _mass(entry) if len(named) == 1 else None,
        }
        return says.said(document, where, key, created, "movement.gated_in", data, about="+".join(named))
    except Refusal as refusal:
        return unread(where, refusal)


def _mass(entry: Entry) -> int | None:
    value = entry.value("goods.grossMass")
    mass = None if value is None else kilograms(value, entry.section.units.get("goods.grossMass", ""))
    return mass if mass is not None and mass <= 200_000 else None


def _bookings(
    document: Document, train: _Train, key: str, created: str, since: str, origin: str | None
) -> Iterator[Record]:
    """Where the list names the booking of a box: the box carries it, and the note covers it where its form is declared."""
    for entry in train.rows:
        reference = entry.joined("bookingReference")
        if not says.name(reference):
            continue
        booking = says.objects("booking", [f"{document.settings.party}/{reference}"])
        named = says.boxes(entry)
        if named:
            link: dict[str, Any] = {"from": since, "containers": named, "carries": booking}
            yield says.said(
                document,
                entry.here,
                key,
                created,
                "link.containers_assigned",
                link,
                about=f"{reference}/{'+'.join(named)}",
            )
        number = plain(entry.value("consignmentNoteNumber")).upper()
        note = says.note(document, number, origin, since[:4])
        if note is not None:
            link = {"from": since, "note": note, "covers": booking}
            yield says.said(
                document, entry.here, key, created, "link.note_covers", link, about=f"{number}/{reference}"
            )


DEPARTURE: Final = Kind(
    "departure_list",
    "departure list (发车清单)",
    MEANINGS,
    lambda section: _likeness(section, False),
    lambda document: _records(document, False),
)
LOADING: Final = Kind(
    "loading_list",
    "loading list or plan (装车清单, 配载)",
    MEANINGS,
    lambda section: _likeness(section, True),
    lambda document: _records(document, True),
)
