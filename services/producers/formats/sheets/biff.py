"""The records of an old workbook (BIFF, MS-XLS), walked before the library does: extents, hidden rows, errors, password.

Records that make the library ask for memory by a number in them (the announced extent of a sheet) are masked; those
that place a cell far away, or count more than they hold, refuse the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.producers.formats.sheets import compound, markup, package
from services.producers.formats.sheets.grid import Flaw, Markup

_MOST_SHEETS: Final = 255
_IGNORED: Final = b"\xff\xff"
_DIMENSIONS, _ROW, _EOF, _CONTINUE = 0x0200, 0x0208, 0x000A, 0x003C
_FORMULA, _MULRK, _BOOLERR = 0x0006, 0x00BD, 0x0205
_CELLS: Final = frozenset({0x0203, 0x0204, 0x00FD, 0x027E, _BOOLERR, _FORMULA, _MULRK})
_HIDDEN: Final = 0x20  # fDyZero of a row


@dataclass(frozen=True, slots=True)
class Checked:
    """A stream that may be handed to the library, and what it says beside the values, sheet by sheet in order."""

    stream: bytes
    sheets: tuple[Markup, ...]
    epoch_1904: bool


def check(stream: bytes) -> Checked:
    """The stream with its dangerous records masked; raises Refusal where it does not hold together or is protected."""
    masked = bytearray(stream)
    places: list[int] = []
    epoch = False
    for at, kind, data in _records(stream, 0):
        if kind == 0x002F:
            raise package.protected()
        if kind == 0x0022:
            epoch = data[:2] == b"\x01\x00"
        elif kind == 0x0085:
            places.append(struct.unpack_from("<I", data.ljust(4, b"\xff"))[0])
        elif kind == 0x00FC and (len(data) < 8 or struct.unpack_from("<I", data, 4)[0] > len(stream)):
            raise compound.damaged()
        elif kind in (0x0018, 0x0017):
            masked[at : at + 2] = _IGNORED  # names and references: nothing of them is read
        elif kind == _EOF:
            break
    if len(places) > _MOST_SHEETS or len(set(places)) < len(places) or any(p >= len(stream) for p in places):
        raise compound.damaged()
    walked = 0
    sheets: list[Markup] = []
    for place in places:
        found, end = _sheet(stream, place, masked)
        sheets.append(found)
        walked += end - place
        if walked > 2 * len(stream):
            raise compound.damaged()
    return Checked(bytes(masked), tuple(sheets), epoch)


def _sheet(stream: bytes, place: int, masked: bytearray) -> tuple[Markup, int]:
    hidden: set[int] = set()
    flaws: dict[tuple[int, int], Flaw] = {}
    rows = columns = 0
    end = place
    for at, kind, data in _records(stream, place):
        end = at
        if kind == _DIMENSIONS:
            masked[at : at + 2] = _IGNORED
        elif kind == _ROW and len(data) >= 13 and data[12] & _HIDDEN:
            hidden.add(struct.unpack_from("<H", data)[0] + 1)
        elif kind in _CELLS and len(data) >= 6:
            row, column = struct.unpack_from("<HH", data)
            last = struct.unpack_from("<H", data, len(data) - 2)[0] if kind == _MULRK else column
            rows, columns = max(rows, row + 1), max(columns, column + 1, last + 1)
            refusal = markup.too_wide("", rows, columns)
            if refusal is not None:
                raise refusal
            if _is_error(kind, data):
                flaws[row + 1, column] = Flaw.ERROR
        elif kind == _EOF:
            break
    return Markup(frozenset(hidden), flaws=flaws), end


def _is_error(kind: int, data: bytes) -> bool:
    if kind == _BOOLERR:
        return len(data) >= 8 and data[7] == 1
    return kind == _FORMULA and len(data) >= 14 and data[12:14] == b"\xff\xff" and data[6] == 2


def _records(stream: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Each record from ``at`` on: where it begins, its kind and its data; raises Refusal where one breaks off."""
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        data = stream[at + 4 : at + 4 + length]
        if len(data) < length:
            raise compound.damaged()
        yield at, kind, data
        at += 4 + length
