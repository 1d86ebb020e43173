"""XLSX files: the package unpacked under limits, and the markup of its sheets checked before the library reads them.

The library yields blank cells for hidden rows, errors and formulas without a value, and allocates every sheet as a full
rectangle; both have to be known before a value is used or the sheet is opened.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Final, cast

from lxml import etree

from schemas.reasons import Reason, Refusal
from services.producers.formats.sheets.grid import Flaw, Markup, column_of

# A workbook is a zip of XML parts. Its directory is checked first, then every part is unpacked under a limit, and only the parts
# with values go into a new, stored package: false directories, bombs, macros and pictures never reach the library.

MAX_FILE: Final = 64 << 20
MAX_PART: Final = 256 << 20
MAX_TOTAL: Final = 320 << 20
MAX_PARTS: Final = 2_000
MAX_RATIO: Final = 300
"""Sheets full of like rows shrink to a hundredth; nothing honest shrinks further than this."""
_RATIO_FROM = 4 << 20  # below it a high ratio does no harm
_CHUNK = 1 << 20
_TEXTS = re.compile(rb"<(?:\w+:)?sst\b(?:[^>\"']|\"[^\"]*\"|'[^']*'){0,4000}>")
_TEXTS_BEGIN = re.compile(rb"<(?:\w+:)?sst\b")
_COUNT = re.compile(rb"ount\s*=\s*[\"']([^\"']*)[\"']")
_SAVE_AGAIN = "Save the workbook again as .xlsx and send that."
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Package:
    """The checked parts of a workbook by name, and whether macros were left behind."""

    parts: dict[str, bytes]
    macros: bool

    def stored(self) -> bytes:
        """A new package of the same parts, not compressed: what may be handed to a library."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
            for name, part in self.parts.items():
                package.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), part)
        return out.getvalue()


def take_apart(content: bytes) -> Package:
    """The parts of the workbook in ``content``; raises Refusal for what is no sound XLSX package or too large."""
    too_large(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            return _parts(package)
    except _DAMAGED as problem:
        raise refuse(
            "The workbook is damaged or cut off: its package cannot be unpacked.",
            "Open it in the program that made it, save it again as .xlsx and send that.",
        ) from problem


def too_large(content: bytes) -> None:
    """Raise Refusal for a file over the limit, before anything of it is unpacked."""
    if len(content) > MAX_FILE:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has {len(content) >> 20} MiB; at most {MAX_FILE >> 20} are read.",
            "",
            "Split it by train or by day.",
        )


def refuse(detail: str, remedy: str) -> Refusal:
    """A refusal of the whole file."""
    return Refusal(Reason.UNREADABLE_FILE, detail, "", remedy)


def _parts(package: zipfile.ZipFile) -> Package:
    infos = package.infolist()
    _check_directory(infos)
    names = {info.filename for info in infos}
    if "xl/workbook.xml" not in names:
        raise refuse(*_not_a_workbook(names))
    parts: dict[str, bytes] = {}
    total = 0
    for info in infos:
        if not _needed(info.filename):
            continue
        if info.filename in parts:
            raise refuse(
                f"The package has {info.filename} twice, so it is not clear which one counts.",
                _SAVE_AGAIN,
            )
        part = _unpack(package, info, MAX_TOTAL - total)
        total += len(part)
        _check_part(info.filename, part)
        parts[info.filename] = part
    return Package(parts, any("vbaProject" in name or "/macrosheets/" in name for name in names))


def _check_part(name: str, part: bytes) -> None:
    """Refuse what the library would follow or believe: entities, other encodings, and a count that asks for memory."""
    if b"\x00" in part[:256] or part[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise refuse(f"{name} is not UTF-8, as spreadsheet programs write it.", _SAVE_AGAIN)
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise refuse(f"{name} declares entities of its own, which no spreadsheet program does.", _SAVE_AGAIN)
    tags = _TEXTS.findall(part)
    counts = [n for tag in tags for n in _COUNT.findall(tag)]
    if len(tags) < len(_TEXTS_BEGIN.findall(part)) or any(
        not n.isdigit() or len(n) > 12 or int(n) > len(part) for n in counts
    ):
        raise refuse(f"The workbook is damaged: {name} counts more texts than it holds.", _SAVE_AGAIN)


def _check_directory(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_PARTS:
        raise bomb(f"it has {len(infos)} parts; at most {MAX_PARTS} are read")
    if any(info.flag_bits & 1 for info in infos):
        raise protected()
    if sum(info.file_size for info in infos if _needed(info.filename)) > MAX_TOTAL:
        raise bomb(f"unpacked it has more than {MAX_TOTAL >> 20} MiB")
    for info in infos:
        if not _needed(info.filename):
            continue
        if info.file_size > MAX_PART:
            raise bomb(f"{info.filename} has {info.file_size >> 20} MiB; at most {MAX_PART >> 20} are read")
        if info.file_size > _RATIO_FROM and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise bomb(f"{info.filename} is packed more than {MAX_RATIO} to 1")


def _unpack(package: zipfile.ZipFile, info: zipfile.ZipInfo, left: int) -> bytes:
    limit = min(MAX_PART, left)
    pieces: list[bytes] = []
    size = 0
    with package.open(info) as part:
        while piece := part.read(_CHUNK):
            size += len(piece)
            if size > limit:
                raise bomb(f"{info.filename} is larger unpacked than its directory says")
            pieces.append(piece)
    return b"".join(pieces)


def _needed(name: str) -> bool:
    return name in {
        "[Content_Types].xml",
        "_rels/.rels",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
    } or (name.startswith("xl/worksheets/") and name.endswith(".xml"))


def _not_a_workbook(names: set[str]) -> tuple[str, str]:
    if "xl/workbook.bin" in names:
        return "This is a binary workbook (.xlsb).", "Save it as .xlsx and send that."
    if "mimetype" in names and "content.xml" in names:
        return "This is an OpenDocument spreadsheet.", "Save it as .xlsx and send that."
    return (
        "This is a zip archive, not a workbook.",
        "Unpack it and send the .xlsx, .xls or .csv files in it one by one.",
    )


def bomb(why: str) -> Refusal:
    """The refusal of a file that would fill the memory."""
    remedy = "Delete what is not needed, save the workbook again as .xlsx, or split it by train or by day."
    return Refusal(Reason.TOO_LARGE, f"The workbook is not unpacked: {why}.", "", remedy)


def protected() -> Refusal:
    """The refusal of a file that only its password opens."""
    return refuse(
        "The workbook is protected by a password.", "Send it without one: the channel itself is encrypted."
    )


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
