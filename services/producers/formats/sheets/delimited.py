"""Delimited text files: detection of encoding and separator, and rows with the line where each begins.

Nothing in such a file says how it is encoded. A byte order mark or valid UTF-8 settles it; between the encodings of
China (GB18030) and of the 1520 railways (CP1251, CP866) the one wins in which more header labels are known words.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import Position, Remark
from services.producers.formats.sheets import labels, xlsx
from services.producers.formats.sheets.grid import Book, Row, Sheet

MAX_TEXT: Final = 64 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LEGACY: Final = ("gb18030", "cp1251", "cp866")
_SEPARATORS: Final = (",", ";", "\t", "|")
_SAMPLE = 64 << 10
_NAMES = {"gb18030": "GB18030", "cp1251": "CP1251", "cp866": "CP866"}


def read(content: bytes) -> Book:
    """The book in a text file; raises Refusal where it is empty, truncated, or its encoding is ambiguous."""
    xlsx.too_large(content)
    text, encoding = decode(content)
    if not text.strip():
        raise xlsx.refuse("The file is empty.", "Send the file with its header and rows.")
    separator = _separator(text)
    rows = tuple(_rows(text, separator))
    _check_end(text, rows)
    remarks: tuple[Remark, ...] = ()
    if encoding in _NAMES:
        remarks = (
            Remark(
                Position(),
                f"The text was taken as {_NAMES[encoding]}, because its header reads right that way.",
                "Save it as UTF-8, and nothing has to be guessed.",
            ),
        )
    return Book("csv", (Sheet("", rows),), remarks)


def decode(content: bytes) -> tuple[str, str]:
    """The text and its encoding; raises Refusal where no encoding fits."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strict(content[len(mark) :], encoding), encoding
    wide = _wide(content)
    if wide:
        return _strict(content, wide), wide
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    scores = {encoding: _known_labels(content, encoding) for encoding in _LEGACY}
    best = max(scores.values())
    chosen = [encoding for encoding, score in scores.items() if score == best]
    if best < 2 or len(chosen) > 1:
        raise xlsx.refuse(
            "The encoding of the text cannot be told: it is no UTF-8, and its header reads right neither as GB18030 "
            "nor as CP1251 or CP866.",
            "Save it as UTF-8 (in Excel: CSV UTF-8) and send that.",
        )
    return _strict(content, chosen[0]), chosen[0]


def _strict(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        raise xlsx.refuse(
            f"Byte {problem.start} is no {encoding.upper()}, though the rest of the text is.",
            "Save it as UTF-8 (in Excel: CSV UTF-8) and send that; it may have been cut off.",
        ) from problem


def _wide(content: bytes) -> str:
    """UTF-16 without a mark shows by its zero bytes, which no other text has."""
    head = content[:4_096]
    if len(head) < 4 or 0 not in head:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if even == odd or max(even, odd) * 20 < len(head):
        raise xlsx.refuse(
            "The file is neither a workbook nor text: it has zero bytes.",
            "Send a workbook (.xlsx) or text (.csv); save it again if it should be one.",
        )
    return "utf-16-le" if odd > even else "utf-16-be"


def _known_labels(content: bytes, encoding: str) -> int:
    sample = content[:_SAMPLE]
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(sample, False)
    except UnicodeDecodeError:
        return -1
    return max((_score(text, separator) for separator in _SEPARATORS), default=0)


def _separator(text: str) -> str:
    scores = {separator: _score(text[:_SAMPLE], separator) for separator in _SEPARATORS}
    best = max(scores, key=lambda separator: scores[separator])
    if scores[best]:
        return best
    head = "\n".join(text[:_SAMPLE].splitlines()[:20])
    return max(_SEPARATORS, key=head.count)


def _score(text: str, separator: str) -> int:
    """How many known labels the best of the first lines has when split by ``separator``."""
    lines = text.splitlines()[:40]
    return max((_labels(line.split(separator)) for line in lines if separator in line), default=0)


def _labels(cells: list[str]) -> int:
    return sum(1 for cell in cells if labels.look_up(cell.strip(' "')).known)


def _rows(text: str, separator: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    total = 0
    try:
        for cells in reader:
            values = tuple(_bare(cell) or None for cell in cells)
            total += len(values)
            refusal = xlsx.too_wide("", line, len(values))
            if refusal is not None or total > xlsx.MAX_CELLS:
                raise refusal or Refusal(Reason.TOO_LARGE, "The file has too many cells.", "", "Split it.")
            if any(value is not None for value in values):
                yield Row(line, values)
            line = reader.line_num + 1
    except csv.Error as problem:
        raise xlsx.refuse(
            f"The text breaks off or has a stray quotation mark in the row that begins on line {line} ({problem}).",
            "Export the file again; a quotation mark inside a field is written twice.",
        ) from problem


def _bare(cell: str) -> str:
    """A cell without the marks by which Excel is made to keep a number as text: ``="0012"`` and ``'0012``."""
    cell = cell.strip()
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1].strip()
    return cell.removeprefix("'")


def _check_end(text: str, rows: tuple[Row, ...]) -> None:
    """A last line that lacks its end and some of its cells was cut off in the middle."""
    if text.endswith(("\n", "\r")) or len(rows) < 3:
        return
    last, before = rows[-1], rows[-2]
    if 1 < len(last.cells) < len(before.cells) == len(rows[-3].cells):
        raise xlsx.refuse(
            f"The file ends in the middle of its last row, on line {last.number}.",
            "Send the whole file again.",
        )
