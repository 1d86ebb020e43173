"""The text above and below a table: its title, and keys with values that apply to all its rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.producers.formats.model import Position
from services.producers.formats.sheets import labels, qualifiers
from services.producers.formats.sheets.grid import Row, Scalar, Sheet
from services.producers.formats.sheets.moments import Stated

_SEGMENTS = re.compile(r"\s{3,}|[\n；;]|\u3000{2,}")
_COLON = re.compile(r"(?<!\d):|:(?!\d)")
_LONGEST_KEY = 40
_GIVEN_WITHOUT_COLON = ("train.", "place.", "event.", "document.", "listNumber")


@dataclass(frozen=True, slots=True)
class Given:
    """A value given once for the whole table, under the label that named it."""

    meanings: frozenset[str]
    value: Scalar
    label: str
    where: Position
    zone: Stated | None = None  # the zone or offset that the label names


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text around a table, such as its title."""

    text: str
    where: Position


def read(sheet: Sheet, rows: Iterable[Row]) -> tuple[tuple[Given, ...], tuple[Line, ...]]:
    """The keys with their values in ``rows``, and all lines of text there."""
    given: list[Given] = []
    lines: list[Line] = []
    for row in rows:
        filled = [(column, cell) for column, cell in enumerate(row.cells) if cell is not None]
        for position, (column, cell) in enumerate(filled):
            if not isinstance(cell, str):
                continue
            where = sheet.where(row.number, column)
            lines.append(Line(cell, where))
            inside = _in_cell(cell, where)
            given.extend(inside)
            after = filled[position + 1] if position + 1 < len(filled) else None
            if not inside and after is not None:
                found = labels.look_up(cell.rstrip(" :："))
                if found.known and not _is_key(after[1]):
                    further = filled[position + 2][1] if position + 2 < len(filled) else None
                    value, where = _whole(after[1], further), sheet.where(row.number, after[0])
                    given.append(Given(found.meanings, value, cell, where, found.zone))
    return tuple(given), tuple(lines)


def _whole(value: Scalar, further: Scalar | None) -> Scalar:
    """A value with the text after it where that may turn it ("2026-03-01 08:30", "未发"), so that it is not left out."""
    if not isinstance(further, str) or is_pair(further) or _is_key(further) or not qualifiers.found(further):
        return value
    return f"{value} {further}"


def is_pair(text: str) -> bool:
    """Whether a cell holds a key and its value, ``发站：西安``, so that it is no column's label."""
    plain = unicodedata.normalize("NFKC", text).strip()
    colon = _COLON.search(plain)
    return colon is not None and bool(plain[colon.end() :].strip())


def _is_key(value: Scalar) -> bool:
    return isinstance(value, str) and labels.look_up(value.rstrip(" :：")).known


def _in_cell(text: str, where: Position) -> list[Given]:
    """The key-value pairs in one cell: ``发站：西安`` or, without a colon, a known label and the rest."""
    found: list[Given] = []
    for segment in _SEGMENTS.split(unicodedata.normalize("NFKC", text)):
        segment = segment.strip()
        colon = _COLON.search(segment)
        if colon is not None and colon.start() <= _LONGEST_KEY:
            key, value = segment[: colon.start()].strip(), segment[colon.end() :].strip()
            known = labels.look_up(key)
            if not known.known:
                before, _, key = key.rpartition(" ")
                known = labels.UNKNOWN if qualifiers.found(before) else labels.look_up(key)
            if known.known and value:
                found.append(Given(known.meanings, value, key, where, known.zone))
            continue
        pair = _without_colon(segment)
        if pair is None and found:
            found[-1] = replace(found[-1], value=_whole(found[-1].value, segment))
        if pair is None or not (any(map(str.isdigit, pair[1])) or not labels.look_up(segment).known):
            continue
        if any(m.startswith(_GIVEN_WITHOUT_COLON) for m in pair[0].meanings):
            label = segment.removesuffix(pair[1]).strip()
            found.append(Given(pair[0].meanings, pair[1], label, where, pair[0].zone))
    return found


def _without_colon(segment: str) -> tuple[labels.Label, str] | None:
    """The longest known label at the beginning, and what follows once the same label in another language is gone."""
    words = segment.split(" ")
    plain = next((n for n, word in enumerate(words) if any(map(str.isdigit, word))), len(words))
    for count in range(min(len(words) - 1, plain, 5), 0, -1):
        known = labels.look_up(" ".join(words[:count]))
        if known.known:
            rest = " ".join(words[count:])
            again = _without_colon(rest)
            if again is not None and again[0].meanings & known.meanings:
                return known, again[1]
            return known, rest
    return None
