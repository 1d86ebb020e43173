"""Workbooks whose bytes depend on what stands in them alone: no clock, no machine."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

Row = Sequence[str | int | float]
_THEN = (2026, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")


def workbook(sheet: str, head: Sequence[str], rows: Sequence[Row]) -> bytes:
    """A workbook of one sheet: the lines of ``head`` one to a row in its first cell, then ``rows``."""
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for line in head:
        page.append([ILLEGAL_CHARACTERS_RE.sub("", line)])
    for row in rows:
        page.append(list(row))
    book.properties.creator = "Lianyun simulator (simulated)"
    book.properties.created = datetime(*_THEN)
    raw = io.BytesIO()
    book.save(raw)
    return _timeless(raw.getvalue())


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
