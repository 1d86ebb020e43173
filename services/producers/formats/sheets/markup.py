"""What the markup of a sheet says beside its values: hidden rows, formulas without a value, errors, and its extent.

The library gives blank cells for all of these, and lays every sheet out as a full rectangle in memory; both have to be
known before a value is believed or the sheet is opened at all.
"""

from __future__ import annotations

import io
from typing import Final, cast

from lxml import etree

from schemas.reasons import Reason, Refusal
from services.producers.formats.sheets.grid import Flaw, Markup, column_of
from services.producers.formats.sheets.package import refuse

MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 1_024
MAX_CELLS: Final = 5_000_000

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"


def read(part: bytes, name: str, striking: frozenset[str] = frozenset()) -> Markup:
    """The markup of one sheet's XML; ``striking`` are the styles that strike through (``striking_styles``).

    Raises Refusal where it is no XML, or spans more than fits in memory.
    """
    hidden: set[int] = set()
    struck: set[int] = set()
    flaws: dict[tuple[int, int], Flaw] = {}
    hidden_columns: set[int] = set()
    extent = _Extent(name)
    number = 0
    try:
        for _, row in etree.iterparse(
            io.BytesIO(part),
            tag=tuple(f"{{{space}}}{each}" for space in (_MAIN, _STRICT) for each in ("row", "col")),
            resolve_entities=False,
            no_network=True,
            huge_tree=True,
        ):
            if not row.tag.endswith("row"):
                hidden_columns.update(_hidden_columns(row))
                continue
            number = int(row.get("r") or number + 1)
            if row.get("hidden") in ("1", "true"):
                hidden.add(number)
            for cell in cast("list[etree._Element]", _flawed(row)):
                kind = Flaw.ERROR if cell.get("t") == "e" else Flaw.UNCOMPUTED
                reference = cell.get("r")
                flaws[number, column_of(reference) if reference else row.index(cell)] = kind
            through = _struck_columns(row, striking) if striking else []
            if len(through) * 2 > sum(1 for cell in row if len(cell)):
                struck.add(number)
            else:
                flaws.update(dict.fromkeys(((number, column) for column in through), Flaw.STRUCK))
            extent.add(number, row)
            row.clear()
            while row.getprevious() is not None:
                del row.getparent()[0]
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise refuse(
            f"The sheet {name!r} is damaged: its XML breaks off or is not well-formed.",
            "Open the workbook in the program that made it, save it again as .xlsx and send that.",
        ) from problem
    return Markup(frozenset(hidden), frozenset(struck), flaws, frozenset(hidden_columns))


def striking_styles(styles: bytes) -> frozenset[str]:
    """The numbers of the cell styles whose font strikes through; none where the styles cannot be read."""
    try:
        root = etree.fromstring(styles, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return frozenset()  # the library reads them too, and says so
    fonts = {
        str(number)
        for number, font in enumerate(root.iterfind("{*}fonts/{*}font"))
        if (strike := font.find("{*}strike")) is not None and strike.get("val") not in ("0", "false")
    }
    used = enumerate(root.iterfind("{*}cellXfs/{*}xf"))
    return frozenset(str(number) for number, style in used if style.get("fontId") in fonts)


def _struck_columns(row: etree._Element, striking: frozenset[str]) -> list[int]:
    """The columns of the filled cells of a row that are struck through."""
    return [
        column_of(cell.get("r") or "") if cell.get("r") else place
        for place, cell in enumerate(row)
        if len(cell) and cell.get("s") in striking
    ]


def _hidden_columns(column: etree._Element) -> range:
    """The columns from 0 that one ``col`` hides, as far as columns are read."""
    if column.get("hidden") not in ("1", "true"):
        return range(0)
    return range(int(column.get("min") or 1) - 1, min(int(column.get("max") or 0), MAX_COLUMNS))


def counts_from_1904(workbook: bytes) -> bool:
    """Whether the workbook counts days from 1904, as old Macintosh workbooks do; raises Refusal for no XML."""
    try:
        root = etree.fromstring(workbook, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as problem:
        raise refuse(
            "The workbook is damaged: its list of sheets is not well-formed.",
            "Save it again as .xlsx and send that.",
        ) from problem
    found = root.find("{*}workbookPr")
    return found is not None and found.get("date1904") in ("1", "true")


def too_wide(name: str, rows: int, columns: int) -> Refusal | None:
    """The refusal of a sheet of this extent, None where it can be read."""
    if rows <= MAX_ROWS and columns <= MAX_COLUMNS and rows * columns <= MAX_CELLS:
        return None
    return Refusal(
        Reason.TOO_LARGE,
        f"The sheet {name!r} spans {rows} rows and {columns} columns; at most {MAX_ROWS} rows, {MAX_COLUMNS} "
        f"columns and {MAX_CELLS} cells are read.",
        "",
        "Delete what stands far outside the table, or split the file by train or by day.",
    )


class _Extent:
    """The rectangle that the filled cells of a sheet span, refused as soon as it grows too large."""

    def __init__(self, name: str) -> None:
        self.name, self.right = name, 0

    def add(self, number: int, row: etree._Element) -> None:
        """Count one row; a cell that says it stands in another row is refused, because the library believes it."""
        if not len(row):
            return
        if _elsewhere(row, number=str(number)):
            raise refuse(
                f"The sheet {self.name!r} is damaged: a cell of row {number} says that it stands in another row.",
                "Open the workbook in the program that made it, save it again as .xlsx and send that.",
            )
        last = next((cell for cell in reversed(row) if len(cell)), None)
        if last is None:
            return
        far = cast("list[etree._Element]", _far(row))
        columns = [column_of(cell.get("r") or "") + 1 for cell in (last, *far)]
        self.right = max(self.right, *columns, 0 if last.get("r") else len(row))
        refusal = too_wide(self.name, number, self.right)
        if refusal is not None:
            raise refusal


_elsewhere = etree.XPath("*[@r and translate(@r, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') != $number]")
_far = etree.XPath("*[* and string-length(translate(@r, '0123456789', '')) > 2]")
"""Cells beyond column ZZ, wherever in their row they stand."""
_flawed = etree.XPath(
    "*[@t='e' or (*[local-name()='f'] and not(@t='str') and not(*[local-name()='v' and string(.)]))]"
)
"""Cells with an error, and formulas without a value; a formula whose value is the empty text has one."""
