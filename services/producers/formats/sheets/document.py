"""A document: the tables of a file that are of one kind, their times and values, and the records that it yields."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros
from services.producers.formats import instants
from services.producers.formats.model import EventDraft, PassedOver, Position, Record, Settings, Unread
from services.producers.formats.sheets import labels, moments, qualifiers
from services.producers.formats.sheets.grid import Book, Scalar
from services.producers.formats.sheets.head import Line, is_pair
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.section import Entry, Section

CREATED = "document.created"
_ONCE = frozenset(
    {
        "train.operationalNumber", "train.actualDeparture", "event.handoverDate", "event.loadedAt", "place.origin",
        "place.handoverFrom", "place.handoverTo", "listNumber",
    }
)  # fmt: skip
"""What a table can have one of only."""


class GivenValue(NamedTuple):
    """A value outside the rows of a table, its position, and the zone that its label names."""

    value: Scalar
    where: Position
    stated: moments.Stated | None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document: what its columns may mean, how much a table is like it (0 to 100), and its records."""

    name: str
    title: str
    meanings: frozenset[str]
    likeness: Callable[[Section], int]
    records: Callable[[Document], Iterator[Record]]
    whole: bool = False
    """Whether one list is all of something (a train, a hand-over), so that a later edition can state it anew."""
    facts: bool = False
    """Whether its rows are what happened, so that a title that speaks of a plan contradicts them."""


@dataclass(frozen=True, slots=True)
class Document:
    """The sections of one file that are of a kind, with the partner's settings."""

    kind: Kind
    settings: Settings
    book: Book
    sections: tuple[Section, ...]
    near: date | None = None  # the day of the document itself, by which a date without a year is understood

    @property
    def choices(self) -> Mapping[str, str]:
        """The partner's choices for this format."""
        return self.settings.choices.get(self.kind.name, {})

    def choice(self, name: str, default: str = "") -> str:
        """One choice, or what holds without it."""
        return self.choices.get(name, default)

    @property
    def company(self) -> str:
        """The code of the company in train numbers: declared, else the partner's own."""
        return self.settings.company or self.settings.party

    def zone(self, meaning: str) -> ZoneInfo:
        """The clock declared for a column, by its meaning or by its label; else for the format, else the partner's."""
        for key, zone in self.settings.zones.items():
            format_name, _, column = key.partition(".")
            if format_name == self.kind.name and column and column != meaning:
                chosen = self.choices.get(column)
                if meaning == chosen or (chosen is None and meaning in labels.look_up(column).meanings):
                    return zone
        return instants.zone_of(self.settings, self.kind.name, meaning)

    def moment(
        self, value: Scalar, meaning: str, where: Position, stated: moments.Stated | None = None
    ) -> Moment:
        """The moment in a cell, whose header names the zone ``stated``; raises Refusal at ``where``."""
        epoch = self.book.epoch_1904
        try:
            return moments.read(value, self.zone(meaning), near=self.near, epoch_1904=epoch, stated=stated)
        except Refusal as refusal:
            raise refusal.at(str(where)) from None

    def moment_of(self, entry: Entry, meaning: str, clock: str = "") -> Moment | None:
        """The moment of a row, None where blank; ``clock`` is the column that may hold its time of day."""
        value = entry.value(meaning)
        if value is None:
            return None
        found = self.moment(value, meaning, entry.where(meaning), entry.stated(meaning))
        beside = entry.value(clock) if clock and not found.timed else None
        if beside is not None:
            try:
                return moments.with_clock(found, beside, self.zone(meaning))
            except Refusal as refusal:
                raise refusal.at(str(entry.where(clock))) from None
        return found

    def given(self, meaning: str, among: Section | None = None) -> GivenValue | None:
        """The value outside the rows for ``meaning``, of this table or else of another table of the file."""
        for each in (among, *self.sections):
            found = each.gives(meaning) if each is not None else None
            if found is None:
                continue
            if meaning in _ONCE and each is not None:
                other = next(
                    (g for g in each.all_given(meaning) if plain(g.value) != plain(found.value)), None
                )
                if other is not None:
                    raise Refusal(
                        Reason.INVALID_SCHEMA,
                        f"{found.label!r} at {found.where} and {other.label!r} here both give {meaning} and differ.",
                        str(other.where),
                        'Keep one of the two, or declare the other label as "" by a choice.',
                    )
            return GivenValue(found.value, found.where, found.zone)
        return None

    def given_moment(self, meaning: str, among: Section | None = None) -> Moment | None:
        """The moment outside the rows for ``meaning``; raises Refusal."""
        found = self.given(meaning, among)
        return None if found is None else self.moment(found.value, meaning, found.where, found.stated)

    def created(self, *candidates: Moment | None, among: Section | None = None) -> str:
        """When the document was made: as stated, else the latest time in it, else the partner's choice.

        A list cannot be older than the latest fact in it. Raises Refusal where none of the three is available.
        """
        stated = self.given_moment(CREATED, among)
        times = [moment for moment in candidates if moment is not None]
        if stated is not None and not stated.timed:
            # A day alone is as late in that day as the latest fact that the list tells of it.
            times = [stated, *(moment for moment in times if moment.day == stated.day)]
        elif stated is not None:
            return stated.instant
        if times:
            return max(times, key=lambda moment: parse_micros(moment.instant)).instant
        chosen = self.choice(CREATED)
        if chosen:
            return self.moment(chosen, CREATED, Position()).instant
        raise Refusal(
            Reason.INVALID_TIME,
            "The list does not say when it was made.",
            "",
            "Put 制表时间, Дата составления or Date of issue with date and time above the table, "
            f'or declare the choice "{CREATED}" for {self.kind.name}.',
        )


_ASIDES = {
    "total": "a total",
    "note": "a note",
    "signature": "a signature",
    "struck": "a line struck through",
    "header": "the header again",
    "numbers": "the numbers of the columns",
}


def records(document: Document) -> Iterator[Record]:
    """Every record of ``document``, in the order of its kind, each event once."""
    return _once(_all_records(document))


def _all_records(document: Document) -> Iterator[Record]:
    for each in document.sections:
        where = Position(each.table.sheet.name, each.table.header_row)
        if not each.table.rows:
            yield PassedOver(where, "a form without rows")
        for aside in each.table.asides:
            here = Position(each.table.sheet.name, aside.row.number)
            yield PassedOver(here, f"{_ASIDES[aside.kind]}: {aside.text}")
    counted = []
    for each in document.sections:
        turned = _turned(document, each)
        if turned is None:
            counted.append(each)
        else:
            yield turned
    try:
        if any(each.table.rows for each in counted):
            yield from document.kind.records(replace(document, sections=tuple(counted)))
    except Refusal as refusal:
        first = document.sections[0].table
        yield unread(Position(first.sheet.name, first.header_row), refusal)


def _turned(document: Document, section: Section) -> Unread | None:
    """Why no row of a table counts: its title declares the list void, or a plan of what its kind reports as done."""
    sheet = section.table.sheet.name
    lines = [*section.table.lines, *([Line(sheet, Position(sheet))] if sheet else [])]
    for line in lines if section.table.rows else ():
        word = qualifiers.void(line.text)
        if not word and document.kind.facts and not is_pair(line.text):
            word = qualifiers.planned(line.text)
        if word:
            refusal = Refusal(
                Reason.INVALID_SCHEMA,
                f"The title {line.text.strip()[:60]!r} says {word!r}, so no row of the list was taken as a fact.",
                str(line.where),
                "Send the list that counts, under a title without such a word.",
            )
            return Unread(line.where, refusal)
    return None


def _once(records: Iterator[Record]) -> Iterator[Record]:
    """Each event once: a line that repeats another is passed over; one that contradicts it under the same key is refused."""
    seen: dict[str, tuple[Position, bytes]] = {}
    for record in records:
        if not isinstance(record, EventDraft):
            yield record
            continue
        content = hashlib.sha256(orjson.dumps([record.type, record.time, record.data])).digest()
        before = seen.get(record.id)
        if before is None:
            seen[record.id] = record.where, content
            yield record
        elif before[1] == content:
            yield PassedOver(record.where, f"said already at {before[0]}")
        else:
            yield Unread(
                record.where,
                Refusal(
                    Reason.INVALID_SCHEMA,
                    f"The same key stands at {before[0]} and says something else.",
                    str(record.where),
                    "Keep one of the two lines.",
                ),
            )


def unread(where: Position, refusal: Refusal) -> Unread:
    """A record that could not be read, its refusal placed where it is not yet."""
    return Unread(where, refusal if refusal.pointer else refusal.at(str(where)))


def clean(data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` without None, "" and empty values: optional fields are omitted."""
    return {name: value for name, value in data.items() if value not in (None, "", [], ())}
