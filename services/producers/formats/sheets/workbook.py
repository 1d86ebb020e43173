"""Workbooks: XLSX and XLS files as books of values, read by calamine behind our own checks."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import python_calamine as calamine
from lxml import etree

from services.producers.formats.model import Position, Remark
from services.producers.formats.sheets import xls, xlsx
from services.producers.formats.sheets.grid import Book, Markup, Merge, Row, Scalar, Sheet

_RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_STRICT = "{http://purl.oclc.org/ooxml/officeDocument/relationships}"


def read_xlsx(content: bytes) -> Book:
    """The book in an XLSX file; raises Refusal for one that is damaged, protected, a bomb or no workbook."""
    parts = xlsx.take_apart(content)
    striking = xlsx.striking_styles(parts.parts.get("xl/styles.xml", b""))
    by_path = {
        path: xlsx.read(part, path.rsplit("/", 1)[1], striking)
        for path, part in parts.parts.items()
        if path.startswith("xl/worksheets/") and path.endswith(".xml")
    }
    paths = _sheet_paths(parts.parts)
    marked = {name: by_path[path] for name, path in paths.items() if path in by_path}
    remarks: tuple[Remark, ...] = ()
    if parts.macros:
        remarks = (
            Remark(Position(), "The workbook carries macros; they were left out and nothing was run."),
        )
    epoch = xlsx.counts_from_1904(parts.parts["xl/workbook.xml"])
    return _book("xlsx", parts.stored(), marked, remarks, epoch)


def read_xls(content: bytes) -> Book:
    """The book in a file of Excel 97 to 2003; raises Refusal for one that is damaged or protected.

    A formula that was never computed is not recognised: the old format always stores a value.
    """
    xlsx.too_large(content)
    streams = xls.streams(content)
    if "EncryptedPackage" in streams:
        raise xlsx.protected()
    name = next((each for each in ("Workbook", "Book") if each in streams), None)
    if name is None:
        raise xls.damaged()
    checked = xls.check(streams[name])
    return _book("xls", xls.with_stream(name, checked.stream), checked.sheets, (), checked.epoch_1904)


def _book(
    kind: str,
    content: bytes,
    marked: Mapping[str, Markup] | Sequence[Markup],
    remarks: tuple[Remark, ...],
    epoch: bool,
) -> Book:
    """The visible sheets; ``marked`` is by name (xlsx) or in the order of the sheets (xls)."""
    damaged = xlsx.refuse(
        "The workbook is damaged or cut off: its sheets cannot be read.",
        f"Open it in the program that made it, save it again as .{kind} and send that.",
    )
    sheets: list[Sheet] = []
    notes = list(remarks)
    try:
        with calamine.load_workbook(io.BytesIO(content)) as workbook:
            metas = workbook.sheets_metadata
            if not isinstance(marked, Mapping):
                if len(marked) != len(metas):
                    raise damaged
                marked = {meta.name: each for meta, each in zip(metas, marked, strict=True)}
            for meta in metas:
                if meta.typ != calamine.SheetTypeEnum.WorkSheet:
                    continue
                if meta.visible != calamine.SheetVisibleEnum.Visible:
                    notes.append(Remark(Position(meta.name), "The sheet is hidden and was not read."))
                    continue
                if kind == "xlsx" and meta.name not in marked:
                    raise damaged
                sheets.append(_sheet(workbook.get_sheet_by_name(meta.name), marked.get(meta.name, Markup())))
    except calamine.PasswordError as problem:
        raise xlsx.protected() from problem
    except calamine.CalamineError as problem:
        raise damaged from problem
    except BaseException as problem:
        # A panic of the library is no Exception; it says of this file what an error would say.
        if type(problem).__name__ != "PanicException":
            raise
        raise damaged from problem
    return Book(kind, tuple(sheets), tuple(notes), epoch)


def _sheet(sheet: calamine.CalamineSheet, marked: Markup) -> Sheet:
    start = sheet.start
    if start is None:
        return Sheet(sheet.name, _flawed_only(marked))
    refusal = xlsx.too_wide(sheet.name, sheet.total_height, sheet.total_width)
    if refusal is not None:
        raise refusal
    merges = tuple(
        Merge(first[0] + 1, last[0] + 1, first[1], last[1])
        for first, last in sheet.merged_cell_ranges or ()
        if first != last
    )
    if sum(min(m.last_row, sheet.total_height) - m.first_row + 1 for m in merges) > xlsx.MAX_CELLS:
        raise xlsx.bomb(f"the sheet {sheet.name!r} has too many merged cells")
    return Sheet(sheet.name, tuple(_rows(sheet.iter_rows(), start[1], marked)), merges, marked.hidden_columns)


def _rows(lines: Iterable[list[Any]], left: int, marked: Markup) -> Iterator[Row]:
    """The filled rows; ``iter_rows`` begins at the first row and at the first filled column."""
    margin = (None,) * left
    flawed: dict[int, list[int]] = {}
    for row, column in marked.flaws:
        flawed.setdefault(row, []).append(column)
    last = 0
    for number, line in enumerate(lines, start=1):
        last = number
        cells: tuple[Scalar | None, ...] = margin + tuple(map(_value, line))
        if number in flawed:
            cells = _with_flaws(cells, number, flawed[number], marked)
        if any(cell is not None for cell in cells):
            yield Row(number, cells, number in marked.hidden, number in marked.struck)
    for number in sorted(row for row in flawed if row > last):
        yield Row(number, _with_flaws((), number, flawed[number], marked), number in marked.hidden)


def _with_flaws(
    cells: tuple[Scalar | None, ...], number: int, columns: list[int], marked: Markup
) -> tuple[Scalar | None, ...]:
    filled = list(cells) + [None] * (max(columns) + 1 - len(cells))
    for column in columns:
        filled[column] = marked.flaws[number, column]
    return tuple(filled)


def _flawed_only(marked: Markup) -> tuple[Row, ...]:
    return tuple(_rows((), 0, marked))


def _value(value: Any) -> Scalar | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool | str | float | time | timedelta):
        return value
    if isinstance(value, datetime):
        # A day number has no exact second: 08:29:59.942 is how 08:30 comes back.
        return (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    if isinstance(value, int):
        return float(value)
    if isinstance(value, date):
        return value
    return str(value)


def _sheet_paths(parts: dict[str, bytes]) -> dict[str, str]:
    """The part of each sheet by the sheet's name."""
    xlsx.counts_from_1904(parts["xl/workbook.xml"])  # refuses a damaged list of sheets
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        relations = etree.fromstring(parts.get("xl/_rels/workbook.xml.rels", b"<none/>"), parser)
    except etree.XMLSyntaxError as problem:
        raise xlsx.refuse(
            "The workbook is damaged: the places of its sheets are not well-formed.",
            "Save it again as .xlsx and send that.",
        ) from problem
    targets = {each.get("Id"): (each.get("Target") or "").lstrip("/") for each in relations}
    found = {}
    for sheet in etree.fromstring(parts["xl/workbook.xml"], parser).iter("{*}sheet"):
        target = targets.get(sheet.get(f"{_RELATIONS}id") or sheet.get(f"{_STRICT}id"), "")
        if target:
            found[sheet.get("name") or ""] = target if target.startswith("xl/") else f"xl/{target}"
    return found
