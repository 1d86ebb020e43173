"""Reading a spreadsheet: file type by content, the tables of a kind, and their records as one document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import Format, Position, ReadOutcome, Remark, Settings
from services.producers.formats.sheets import (
    delimited,
    section,
    tables,
    telegram,
    totals,
    workbook,
    xls,
    xlsx,
)
from services.producers.formats.sheets.document import CREATED, Document, Kind, records
from services.producers.formats.sheets.grid import Book
from services.producers.formats.sheets.tables import Table

ZIP: Final = b"PK\x03\x04"
EMPTY_ZIP: Final = b"PK\x05\x06"
_DRESSED = (
    (b"<html", "a web page", "Open it in Excel"),
    (b"<!doctype html", "a web page", "Open it in Excel"),
    (b"<table", "a web page", "Open it in Excel"),
    (b"<?xml", "an XML document", "If it is a spreadsheet, open it in Excel"),
    (b"%pdf-", "a PDF", "Send the list that it was printed from"),
    (b"{\\rtf", "a text document", "Copy its table into a workbook"),
)


def is_message(content: bytes) -> bool:
    """Whether the bytes begin as a message of another kind does (JSON, XML), or there are none."""
    head = content[:512].lstrip(b"\xef\xbb\xbf\xff\xfe\x00\t\r\n ")
    return not head or head.startswith((b"{", b"[", b"<?xml")) or (head[:1] == b"<" and not _page(head))


def _page(head: bytes) -> bool:
    return head.lower().startswith((b"<html", b"<!doctype html", b"<table"))


@lru_cache(maxsize=1)
def _opened(content: bytes) -> Book | Refusal:
    try:
        return _open(content)
    except Refusal as refusal:
        return refusal


def open_book(content: bytes) -> Book:
    """The book in ``content``; raises Refusal where it cannot be read. The last file is cached for the formats that follow."""
    opened = _opened(content)
    if isinstance(opened, Refusal):
        raise opened
    return opened


def _open(content: bytes) -> Book:
    if not content.strip(b"\x00\t\r\n "):
        raise xlsx.refuse("The file is empty.", "Send the file with its header and rows.")
    if content.startswith((ZIP, EMPTY_ZIP)):
        return workbook.read_xlsx(content)
    if content.startswith(xls.SIGNATURE):
        return workbook.read_xls(content)
    if telegram.is_telegram(content):
        return telegram.read(content)
    head = content[:512].lstrip(b"\xef\xbb\xbf\t\r\n ").lower()
    for mark, what, how in _DRESSED:
        if head.startswith(mark):
            raise xlsx.refuse(
                f"The file is {what}, whatever its name says.", f"{how}, save it as .xlsx and send that."
            )
    return delimited.read(content)


_REMARKS = 50


def format_of(kind: Kind, unopened: int = 0) -> Format:
    """``kind`` as a format of the catalogue; ``unopened`` is how sure it is of a file that cannot be opened."""
    return Format(
        kind.name,
        kind.title,
        lambda content: recognise(kind, content, unopened),
        lambda content, settings: read(kind, content, settings),
    )


def recognise(kind: Kind, content: bytes, unopened: int) -> int:
    """How sure it is that ``content`` is of this kind; ``unopened`` for what can only be a spreadsheet, damaged."""
    try:
        found = _tables(content)
    except Refusal:
        return 0 if is_message(content) else unopened
    return max((_likeness(kind, table, {}) for table in found), default=0)


def read(kind: Kind, content: bytes, settings: Settings) -> ReadOutcome:
    """The records of a file taken as this kind; raises Refusal where the whole of it cannot be read."""
    book = open_book(content)
    choices = settings.choices.get(kind.name, {})
    sections = tuple(
        section.understand(table, kind.meanings, choices)
        for table in _tables(content)
        if _likeness(kind, table, choices) > 0
    )
    if not sections:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"No table of the file has the columns of a {kind.title}.",
            "",
            "See docs/reference/partners-spreadsheets.md for the columns, or declare by choices what your headers mean.",
        )
    document = Document(kind, settings, book, sections)
    document = replace(document, near=_day(document))
    remarks = [*book.remarks, *_left_alone(kind, book, _tables(content), choices)]
    for each in sections:
        remarks += [*each.remarks, *section.margins(each.table), *totals.check(each)]
    if len(remarks) > _REMARKS:
        remarks[_REMARKS:] = [Remark(Position(), f"{len(remarks) - _REMARKS} more remarks are left out.")]
    return ReadOutcome(
        kind.name,
        tuple(interpretations for each in sections for interpretations in each.interpretations),
        records(document),
        tuple(remarks),
    )


def _left_alone(
    kind: Kind, book: Book, found: tuple[Table, ...], choices: Mapping[str, str]
) -> Iterator[Remark]:
    """A remark for each table that is not of the kind, and for each sheet that has rows and no table."""
    for table in found:
        if table.rows and _likeness(kind, table, choices) <= 0:
            where = Position(table.sheet.name, table.header_row)
            yield Remark(
                where,
                f"This table is no {kind.title}; nothing was read from it.",
                "Send it as a file of its own.",
            )
    named = {table.sheet.name for table in found}
    for sheet in book.sheets:
        if sheet.rows and sheet.name not in named:
            yield Remark(
                Position(sheet.name), "The sheet has no table that is understood; nothing was read from it."
            )


def _day(document: Document) -> date | None:
    for meaning in (CREATED, "train.actualDeparture", "event.handoverDate", "document.cutoff"):
        found = document.given(meaning)
        if found is not None:
            try:
                return document.moment(found.value, meaning, found.where, found.stated).local.date()
            except Refusal:
                continue
    year = document.choice("year")
    return date(int(year), 7, 1) if year.isdigit() and 1970 < int(year) <= 2100 else None


def _likeness(kind: Kind, table: Table, choices: Mapping[str, str]) -> int:
    understood = section.understand(table, kind.meanings, choices)
    likeness = kind.likeness(understood)
    return min(likeness, 20) if likeness and not table.rows else min(likeness, 100)


@lru_cache(maxsize=1)
def _tables(content: bytes) -> tuple[Table, ...]:
    book = open_book(content)
    return tuple(table for sheet in book.sheets for table in tables.find(sheet))
