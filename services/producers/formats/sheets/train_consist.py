"""Consists of trains: the Chinese order of wagons (列车编组顺序表, 运统1) and the natural list of the 1520 railways (ДУ-1).

Both prove which wagons a train has, and name no containers. A 1520 train is identified by number, day and station of
formation; its index (station, ordinal, station) is stored as text, because it is not unique without the day. The list's time
is its date of making, else the departure that it was made for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Position, Record
from services.producers.formats.sheets import equipment, event_builder, places, qualifiers
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.section import Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "wagon.position", "wagon.type", "wagon.id", "wagon.typeAndId", "wagon.rollers",
        "wagon.loadMass", "wagon.tare", "wagon.equivalentLength", "wagon.tarpaulin", "wagon.loadState",
        "wagon.coverCode", "wagon.oversizeCode", "wagon.owner", "place.origin", "place.destination",
        "place.border", "place.stationCode", "goods.description", "goods.etsngCode", "goods.grossMass",
        "party.consignee", "seal.count", "container.count", "consignmentNoteNumber",
        "train.operationalNumber", "train.index", "train.actualDeparture", "train.lengthUnits",
        "train.grossMass", "train.flags", "remarks", CREATED,
    }
)  # fmt: skip
_INDEX: Final = re.compile(
    r"(?<!\d)(\d{4,6})\s*[-+ ]\s*(\d{1,3})\s*[-+ ]\s*(\d{4,6})(?!\d)|(?<!\d)(\d{6})(\d{3})(\d{6})(?!\d)"
)
_NO_INDEX: Final = re.compile(r"^б\s*/\s*и$", re.IGNORECASE)


def index(text: str) -> tuple[str, str, str] | None:
    """A train index as (station, ordinal, station), stations cut to four digits; None for none and for Б/И.

    Seen are 4-2-4, 4-3-4, 5-3-5 and 6-3-6 digits; cut to one form they compare.
    """
    found = None if _NO_INDEX.match(text.strip()) else _INDEX.search(text)
    if found is None or qualifiers.found(text):
        return None
    origin, ordinal, destination = (part for part in found.groups() if part is not None)
    return origin[:4], ordinal.zfill(3), destination[:4]


def _likeness(section: Section, broad: bool) -> int:
    if section.has("container.id") or section.has("bookingReference"):
        return 0
    meaning = "wagon.id" if section.has("wagon.id") else "wagon.typeAndId"
    if (
        not section.has(meaning)
        or section.has("event.operationTime")
        or section.has("customs.declarationNumber")
    ):
        return 0
    wagons = [wagon for value in section.sample(meaning) if (wagon := _wagon(value))]
    ours = sum(wagon.startswith("1520/" if broad else "CN/") for wagon in wagons)
    if ours * 2 < len(wagons):
        return 0
    if broad:
        named = section.mentions("натурн", "ду-1", "тгнл", "natural list")
        indexed = section.gives("train.index") is not None or section.has("train.index")
        return (45 if wagons else 10) + 30 * named + 20 * indexed
    named = section.mentions("编组顺序表", "编组", "运统", "consist")
    extra = sum(
        section.has(m) for m in ("wagon.equivalentLength", "wagon.tare", "wagon.tarpaulin", "wagon.type")
    )
    return (45 if wagons else 10) + 30 * named + 5 * extra


def _wagon(value: object) -> str:
    try:
        return equipment.wagon_of(value)  # type: ignore[arg-type]
    except Refusal:
        return ""


def _records(document: Document) -> Iterator[Record]:
    for section in document.sections:
        if not section.table.rows:
            continue
        where = Position(section.table.sheet.name, section.table.header_row)
        wagons: list[str] = []
        failed = 0
        for entry in section.entries():
            try:
                event_builder.require_visible(document, entry)
                if event_builder.withdrawn(entry):
                    yield PassedOver(entry.here, "a cancelled line")
                    continue
                named = event_builder.wagon(
                    entry, "wagon.id" if section.has("wagon.id") else "wagon.typeAndId"
                )
            except Refusal as refusal:
                failed += 1
                yield unread(entry.here, refusal)
                continue
            if named is None:
                yield PassedOver(entry.here, "a row without a wagon")
            elif named in wagons:
                yield PassedOver(entry.here, f"wagon {named} stands above")
            else:
                wagons.append(named)
        try:
            yield from list(_of_section(document, section, where, wagons, failed))
        except Refusal as refusal:
            yield unread(where, refusal)


def _of_section(
    document: Document, section: Section, where: Position, wagons: list[str], failed: int
) -> Iterator[Record]:
    number = _number(document, section)
    departs, at = _departs(document, section, where)
    written = _given(document, section, "train.index")
    parts = index(written)
    origin = _origin(document, section, parts)
    created = document.created(departs, among=section)
    key = f"{number or '-'}/{departs.day if departs else ''}"
    if not wagons:
        raise Refusal(
            Reason.INVALID_SCHEMA, "The list names no wagon.", str(where), "Send the list with its wagons."
        )
    since = departs.instant if departs is not None and departs.timed else created
    note = f"index {'-'.join(parts)}" if parts else ""
    yield from event_builder.train_events(
        document, where, key, created, number, departs, at, origin, wagons, [], since,
        unread_rows=failed, note=note,
    )  # fmt: skip


def _number(document: Document, section: Section) -> str:
    found = equipment.train_numbers(_given(document, section, "train.operationalNumber"))
    if found:
        return found[0]
    titled = (equipment.train_in_title(line.text) for line in section.table.lines)
    return next((number for number in titled if number), "")


def _given(document: Document, section: Section, meaning: str) -> str:
    """What stands above the table, else what every row of the column says."""
    given = document.given(meaning, section)
    if given is not None:
        return plain(given[0])
    column = {plain(value) for value in section.sample(meaning)}
    return column.pop() if len(column) == 1 else ""


def _departs(document: Document, section: Section, where: Position) -> tuple[Moment | None, Position]:
    meaning = "train.actualDeparture"
    given = document.given(meaning, section)
    if given is not None:
        return document.moment(given.value, meaning, given.where, given.stated), given[1]
    values = section.sample(meaning)
    if values and len({plain(value) for value in values}) == 1:
        return document.moment(values[0], meaning, where, section.stated(meaning)), where
    return None, where


def _origin(document: Document, section: Section, parts: tuple[str, str, str] | None) -> str | None:
    """The station of formation: the first of the index; else the one that sends the list, or is named above it."""
    if parts is not None:
        found = places.find(parts[0])
        if found is not None:
            return found
    for given in section.given:
        if "train.index" in given.meanings and "формир" in given.label.casefold():
            found = places.find(given.value)
            if found is not None:
                return found
    for meaning in ("place.stationCode", "place.origin"):
        around = document.given(meaning, section)
        found = places.find(around[0]) if around is not None else None
        if found is not None and not found.startswith("crossing:"):
            return found
    return None


CHINA: Final = Kind(
    "consist_cn",
    "Chinese consist (列车编组顺序表)",
    MEANINGS,
    lambda section: _likeness(section, False),
    _records,
    whole=True,
    facts=True,
)
BROAD: Final = Kind(
    "natural_list",
    "natural list of the 1520 railways (натурный лист ДУ-1)",
    MEANINGS,
    lambda section: _likeness(section, True),
    _records,
    whole=True,
    facts=True,
)
