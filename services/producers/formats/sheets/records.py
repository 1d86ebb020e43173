"""From the tables of a document to its records: what is passed over is said, and each event is told once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record, Said, Unread, Where
from services.producers.formats.sheets import qualifiers
from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.head import Line, is_pair
from services.producers.formats.sheets.section import Section

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
    return _once(_told(document))


def _told(document: Document) -> Iterator[Record]:
    for each in document.sections:
        where = Where(each.table.sheet.name, each.table.header_row)
        if not each.table.rows:
            yield PassedOver(where, "a form without rows")
        for aside in each.table.asides:
            here = Where(each.table.sheet.name, aside.row.number)
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
        yield unread(Where(first.sheet.name, first.header_row), refusal)


def _turned(document: Document, section: Section) -> Unread | None:
    """Why no row of a table counts: its title says that the list is void, or that it is a plan of what its kind reports as done."""
    sheet = section.table.sheet.name
    lines = [*section.table.lines, *([Line(sheet, Where(sheet))] if sheet else [])]
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
    """Each event once: a line that repeats another is passed over, one that contradicts it under the same key is not read."""
    said: dict[str, tuple[Where, bytes]] = {}
    for record in records:
        if not isinstance(record, Said):
            yield record
            continue
        content = hashlib.sha256(orjson.dumps([record.type, record.time, record.data])).digest()
        before = said.get(record.id)
        if before is None:
            said[record.id] = record.where, content
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


def unread(where: Where, refusal: Refusal) -> Unread:
    """A record that could not be read, its refusal placed where it is not yet."""
    return Unread(where, refusal if refusal.pointer else refusal.at(str(where)))


def clean(data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` without what is None, "" or empty: optional fields are left out, not sent as nothing."""
    return {name: value for name, value in data.items() if value not in (None, "", [], ())}
