"""Workbooks whose bytes depend on what stands in them alone: no clock, no machine."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

Cell = str | int | float | datetime | None
Row = Sequence[Cell]
_THEN = (2026, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")
_EPOCH = datetime(1899, 12, 30)
_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


def workbook(sheet: str, rows: Sequence[Row], merged: Sequence[str] = (), template: str = "") -> bytes:
    """A workbook with the sheet ``sheet``; ``merged`` are ranges such as A5:A6, ``template`` an empty sheet before it."""
    book = Workbook()
    page = book.active
    assert page is not None
    if template:
        page.title = template
        page = book.create_sheet()
    page.title = sheet
    for row in rows:
        page.append([ILLEGAL_CHARACTERS_RE.sub("", cell) if isinstance(cell, str) else cell for cell in row])
    for cells in merged:
        page.merge_cells(cells)
    book.properties.creator = "Lianyun simulator (simulated)"
    book.properties.created = datetime(*_THEN)
    raw = io.BytesIO()
    book.save(raw)
    return _timeless(raw.getvalue())


def serial(local: datetime) -> float:
    """A local time as the bare day number that a spreadsheet keeps for it (1900 system)."""
    return (local.replace(tzinfo=None) - _EPOCH) / timedelta(days=1)


def dated(when: datetime, form: str, pattern: str) -> Cell:
    """A time as a date "cell", as the bare "number" of the day, or as "text" by ``pattern``."""
    if form == "cell":
        return when
    return serial(when) if form == "number" else when.strftime(pattern)


def wide(text: str) -> str:
    """``text`` in full-width letters and digits, as a Chinese input method leaves them."""
    return text.translate(_WIDE)


def _timeless(content: bytes) -> bytes:
    """The same package with every time in it set to one moment."""
    told = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            text = old.read(name)
            if name == "docProps/core.xml":
                text = _STAMP.sub(rb"\g<1>2026-01-01T00:00:00Z\g<2>", text)
            entry = zipfile.ZipInfo(name, _THEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, text)
    return told.getvalue()
