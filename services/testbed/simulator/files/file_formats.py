"""What files of every format are written with: local times, workbooks, text tables and XML whose bytes depend on their content alone."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from lxml import etree
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import moment
from services.testbed.simulator.world import MINUTE

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
    rewritten = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            text = old.read(name)
            if name == "docProps/core.xml":
                text = _STAMP.sub(rb"\g<1>2026-01-01T00:00:00Z\g<2>", text)
            entry = zipfile.ZipInfo(name, _THEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, text)
    return rewritten.getvalue()


def local(party: str, at: int) -> datetime:
    """``at`` (UTC microseconds) on the clock of ``party``, with its offset."""
    return moment(at).astimezone(PARTIES[party].zone)


def bare(party: str, at: int) -> datetime:
    """The same as a spreadsheet keeps it: without an offset."""
    return local(party, at).replace(tzinfo=None)


def floor(at: int, minutes: int) -> int:
    """``at`` cut to so many whole minutes, as plans are made."""
    return at // (minutes * MINUTE) * (minutes * MINUTE)


def delimited(rows: Sequence[Sequence[str]], separator: str, encoding: str) -> bytes:
    """``rows`` parted by ``separator`` in ``encoding``, lines ended as on Windows; raises UnicodeEncodeError."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


class Element:
    """An element of a message; elements are appended to it in the namespace ``inside`` ("" for none)."""

    def __init__(self, node: etree._Element, inside: str) -> None:
        self.node, self._inside = node, inside

    def add(self, name: str, text: str = "") -> Element:
        """Append an element and return it."""
        child = etree.SubElement(self.node, f"{{{self._inside}}}{name}" if self._inside else name)
        child.text = text or None
        return Element(child, self._inside)

    def content(self) -> bytes:
        """The message as a file."""
        content: bytes = etree.tostring(self.node, encoding="UTF-8", xml_declaration=True, pretty_print=True)
        return content


def xml_message(name: str, namespace: str, prefixes: Mapping[str | None, str], *, inside: str) -> Element:
    """The root of a message, in ``namespace``; what stands in it is ``inside`` another one."""
    bound: Any = dict(prefixes)  # the default namespace is None, which the stubs of lxml do not know
    root = etree.Element(f"{{{namespace}}}{name}", nsmap=bound)
    root.append(etree.Comment(" simulated "))
    return Element(root, inside)
