"""Locating the tables of a sheet: header rows by their known labels, then rows of data, totals, notes and signatures.

Position has no meaning: columns may be in any order, blank rows and columns anywhere, a title and key-value lines above, and
several tables on a sheet. A header may take two or three rows: a group over its columns, or labels in a second language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.producers.formats.sheets import head, labels, qualifiers
from services.producers.formats.sheets.grid import Flaw, Merge, Row, Scalar, Sheet
from services.producers.formats.sheets.head import Given, Line

_TOTAL = re.compile(
    r"^(合计|共计|总计|小计|累计|итого|всего|подитог)([^a-zа-я]|$|\s)|^((sub|grand)?[ -]?total|totals)\s*[:：]?\s*$",
    re.IGNORECASE,
)
_TOTAL_ALONE = re.compile(
    r"(合计|共计|总计|小计|累计|итого|всего|подитог|(sub|grand)?[ -]?total)\s*:?", re.IGNORECASE
)
_NOTE = re.compile(r"^(备注|说明|附注|注|примечани[ея]|прим\.|note|notes|remarks?)\s*[:：、.]", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"^(制表|复核|审核|填表|经办|制单|交方|接方|签字|签章|сдал|принял|составил|подпись|м\.\s?п|начальник|prepared by|signed)",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[0-9０-９]{3,}|[0-9]+[.:][0-9]+|^[0-9０-９]+$")
_HEADER_ROWS = 3


@dataclass(frozen=True, slots=True)
class Column:
    """A column under its label; ``label`` is the text of the header, from the upper row to the lower."""

    index: int
    label: str
    found: labels.Label
    row: int


@dataclass(frozen=True, slots=True)
class Aside:
    """A row that carries no record: what kind it is, and its text."""

    row: Row
    kind: str  # total, note, signature, header, numbers, struck
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns by label, its rows of data (merged cells filled), and the text around them."""

    sheet: Sheet
    columns: tuple[Column, ...]
    given: tuple[Given, ...]
    lines: tuple[Line, ...]
    rows: tuple[Row, ...]
    asides: tuple[Aside, ...]
    header_row: int


@dataclass(frozen=True, slots=True)
class _Opened:
    """A table whose end is not known yet: where its head, its header and its rows begin."""

    head: int
    header: int
    first: int
    columns: tuple[Column, ...]


def find(sheet: Sheet) -> tuple[Table, ...]:
    """The tables of ``sheet`` from top to bottom; a form without rows is a table too."""
    tables: list[Table] = []
    rows = sheet.rows
    start = 0
    position = 0
    pending: _Opened | None = None
    while position < len(rows):
        header = _header_at(sheet, position)
        if header is None:
            position += 1
            continue
        columns, after = header
        if pending is not None and _same(columns, pending.columns) and _goes_on(rows, pending, position):
            position = after  # the header again, at a page's top
            continue
        if pending is not None:
            start = _end_of_data(rows, pending.first, position)
            tables.append(_table(sheet, pending, start))
        pending = _Opened(start, position, after, columns)
        position = after
    if pending is not None:
        tables.append(_table(sheet, pending, len(rows)))
    return _with_shared_head(tables)


def _with_shared_head(tables: list[Table]) -> tuple[Table, ...]:
    """A table with nothing above it takes what stands above the one before, where a list goes on below itself."""
    shared: list[Table] = []
    for table in tables:
        if shared and not table.given and table.rows and shared[-1].rows:
            before = shared[-1]
            table = Table(
                table.sheet,
                table.columns,
                before.given,
                before.lines,
                table.rows,
                table.asides,
                table.header_row,
            )
        shared.append(table)
    return tuple(shared)


def _header_at(sheet: Sheet, position: int) -> tuple[tuple[Column, ...], int] | None:
    """The header that begins at ``position`` and the row after it; None where that row is no header."""
    if not _is_header(sheet.rows[position]):
        return None
    rows = [sheet.rows[position]]
    while len(rows) < _HEADER_ROWS and position + len(rows) < len(sheet.rows):
        following = sheet.rows[position + len(rows)]
        if not _is_header(following):
            break
        rows.append(following)
    return _columns(sheet, rows), position + len(rows)


def _is_header(row: Row) -> bool:
    texts = [cell for cell in row.cells if isinstance(cell, str)]
    if len(texts) < 2 or any(cell is not None and not isinstance(cell, str | Flaw) for cell in row.cells):
        return False
    names = [text.strip() for text in texts]
    if sum(1 for text in names if _VALUE.search(text) and not labels.look_up(text).known) * 5 > len(texts):
        return False
    known = [found for text in names if not head.is_pair(text) and (found := labels.look_up(text)).known]
    distinct = len({found.meanings for found in known})
    return (distinct >= 3 and len(known) * 2 >= len(texts)) or (distinct == 2 and len(known) == len(texts))


def _columns(sheet: Sheet, rows: Sequence[Row]) -> tuple[Column, ...]:
    width = max(len(row.cells) for row in rows)
    numbers = {row.number for row in rows}
    merges = [m for m in sheet.merges if m.first_row in numbers or m.last_row in numbers]
    columns = []
    for index in range(width):
        parts: list[tuple[str, bool]] = []
        for row in rows:
            text, group = _label(sheet, row, index, merges)
            if text and (not parts or parts[-1][0] != text):
                parts.append((text, group))
        if parts:
            label = " ".join(text for text, _ in parts)
            columns.append(Column(index, label, _found(parts), rows[-1].number))
    return tuple(columns)


def _label(sheet: Sheet, row: Row, index: int, merges: Sequence[Merge]) -> tuple[str, bool]:
    """The label of a column in one header row, and whether it is a group over several columns."""
    for merge in merges:
        if (
            merge.first_row <= row.number <= merge.last_row
            and merge.first_column <= index <= merge.last_column
        ):
            top = next((r for r in sheet.rows if r.number == merge.first_row), None)
            cell = top.cell(merge.first_column) if top else None
            return (cell.strip() if isinstance(cell, str) else "", merge.last_column > merge.first_column)
    cell = row.cell(index)
    return (cell.strip() if isinstance(cell, str) else "", False)


def _found(parts: list[tuple[str, bool]]) -> labels.Label:
    """What a column's labels mean together: the joined label, else what its own labels agree on."""
    joined = labels.look_up("".join(text for text, _ in parts))
    if joined.known:
        return joined
    if any(qualifiers.found(text) and not labels.look_up(text).known for text, _ in parts):
        return labels.UNKNOWN  # 计划 over or under a label makes another one of it
    own = [labels.look_up(text) for text, group in parts if not group]
    known = [found for found in own if found.known]
    if not known:
        return labels.UNKNOWN
    unit = next((found.unit for found in own if found.unit), "")
    zone = next((found.zone for found in own if found.zone is not None), None)
    beside = " ".join(found.beside for found in own if found.beside)
    common = tuple(e for e in known[0].entries if all(e.meaning in other.meanings for other in known))
    every = tuple(dict.fromkeys(e for found in known for e in found.entries))
    return labels.Label(common or every, unit, beside, zone)


def _same(one: tuple[Column, ...], other: tuple[Column, ...]) -> bool:
    return [(c.index, labels.fold(c.label)) for c in one] == [(c.index, labels.fold(c.label)) for c in other]


def _end_of_data(rows: Sequence[Row], first: int, next_header: int) -> int:
    """Where the rows of a table end before the next header: its head (title, keys) begins after the last row."""
    end = next_header
    while end > first:
        kind = _kind(rows[end - 1])
        if kind in ("total", "note", "signature") or len(_filled(rows[end - 1])) > 2:
            break
        end -= 1
    while end < next_header and _kind(rows[end]) in ("total", "note", "signature"):
        end += 1
    return end


def _goes_on(rows: Sequence[Row], table: _Opened, header: int) -> bool:
    """Whether the row before a repeated header is still one of the table's rows, not the head of another table."""
    return header == table.first or _end_of_data(rows, table.first, header) == header


def _table(sheet: Sheet, opened: _Opened, end: int) -> Table:
    columns, first = opened.columns, opened.first
    known = {column.index for column in columns}
    data: list[Row] = []
    asides: list[Aside] = []
    for row in _filled_rows(sheet, sheet.rows[first:end]):
        kind = "struck" if row.struck else _kind(row)
        if not kind and _is_header(row):
            kind = "header"
        if not kind and not data and _counts(row):
            kind = "numbers"
        if not kind and not any(row.cell(index) is not None for index in known):
            kind = "note"
        if kind:
            asides.append(Aside(row, kind, _text(row)))
        else:
            data.append(row)
    below = [aside.row for aside in asides if aside.kind in ("note", "signature")]
    given, lines = head.read(sheet, sheet.rows[opened.head : opened.header])
    more, _ = head.read(sheet, below)
    given += tuple(g for g in more if any(meaning.startswith("document.") for meaning in g.meanings))
    return Table(sheet, columns, given, lines, tuple(data), tuple(asides), sheet.rows[opened.header].number)


def _kind(row: Row) -> str:
    """total, note or signature, "" for a row that may be data."""
    filled = _filled(row)
    first = filled[0] if filled else None
    texts = [unicodedata.normalize("NFKC", cell).strip() for cell in filled if isinstance(cell, str)]
    if isinstance(first, str) and texts and _TOTAL.match(texts[0]):
        return "total"
    if any(_TOTAL_ALONE.fullmatch(text) for text in texts):
        return "total"
    if len(filled) <= 3 and texts:
        if _NOTE.match(texts[0]):
            return "note"
        if _SIGNATURE.match(texts[0]):
            return "signature"
        if len(filled) == 1 and (len(texts[0]) > 24 or ":" in texts[0]):
            return "note"
    return ""


def _counts(row: Row) -> bool:
    """Whether the row only numbers the columns, 1 2 3 ..., as printed forms do below their header."""
    filled = [str(cell).strip() for cell in _filled(row)]
    numbers = [cell.removesuffix(".0") for cell in filled]
    return len(numbers) >= 4 and numbers == [str(n) for n in range(1, len(numbers) + 1)]


def _filled(row: Row) -> list[Scalar]:
    return [cell for cell in row.cells if cell is not None]


def _text(row: Row) -> str:
    return " ".join(str(cell) for cell in _filled(row) if not isinstance(cell, Flaw))[:200]


def _filled_rows(sheet: Sheet, rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with each cell merged downwards filled from its first; a merge to the side stays in its first cell."""
    if not sheet.merges or not rows:
        yield from rows
        return
    numbers = {row.number: row for row in rows}
    fill: dict[int, dict[int, Scalar]] = {}
    for merge in sheet.merges:
        top = numbers.get(merge.first_row)
        value = top.cell(merge.first_column) if top is not None else None
        if value is None or merge.first_row == merge.last_row:
            continue
        for number in range(merge.first_row + 1, min(merge.last_row, rows[-1].number) + 1):
            if number in numbers:
                fill.setdefault(number, {})[merge.first_column] = value
    for row in rows:
        extra = fill.get(row.number)
        if extra is None:
            yield row
            continue
        cells = list(row.cells) + [None] * (max(extra) + 1 - len(row.cells))
        for column, value in extra.items():
            cells[column] = value if cells[column] is None else cells[column]
        yield Row(row.number, tuple(cells), row.hidden, row.struck)
