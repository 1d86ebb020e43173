"""XLS files: the compound container (MS-CFB) under limits, and the BIFF records checked before the library reads them.

Records whose numbers make the library allocate memory (the announced extent of a sheet) are masked; those that place a cell
far away, or count more than they hold, refuse the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from schemas.reasons import Refusal
from services.producers.formats.sheets import xlsx
from services.producers.formats.sheets.grid import Flaw, Markup

# The library allocates every length that a file states; a damaged one would end the process. So the streams are read here,
# bounded by the size of the file, and the library is given a container written anew.

SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST = 0xFFFFFFFA  # sector numbers from here on are marks: end of chain, free, part of a table
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_MINI = 64
_SECTOR = 4_096  # of what is written: large enough that the table of tables fits the header


def streams(content: bytes) -> dict[str, bytes]:
    """The streams of a compound file by name; raises Refusal where its chains do not hold together."""
    try:
        return _Container(content).streams()
    except (struct.error, IndexError, ValueError) as problem:
        raise damaged() from problem


def damaged() -> Refusal:
    """The refusal of an old workbook that does not hold together."""
    return xlsx.refuse(
        "The workbook is damaged or cut off: its sheets cannot be read.",
        "Open it in the program that made it, save it again as .xlsx and send that.",
    )


def with_stream(name: str, stream: bytes) -> bytes:
    """A compound file with one stream, in sectors of 4096 bytes."""
    size = max(len(stream), _SECTOR)
    count = -(-size // _SECTOR)
    tables = 1
    while tables * (_SECTOR // 4) < tables + 2 + count:
        tables += 1
    # The tables, the directory, an unused sector of small streams (the library wants one), then the stream.
    first = tables + 2
    fat = [_FAT] * tables + [_END, _END] + [*range(first + 1, first + count), _END]
    fat += [_FREE] * (tables * (_SECTOR // 4) - len(fat))
    header = struct.pack("<8s16sHHHHH6s", SIGNATURE, bytes(16), 0x3E, 4, 0xFFFE, 12, 6, bytes(6))
    # Sectors of the directory and of the table, where the directory begins, and no small streams.
    header += struct.pack("<9I", 1, tables, tables, 0, 4_096, _END, 0, _END, 0)
    header += struct.pack("<109I", *range(tables), *[_FREE] * (109 - tables))
    padded = stream.ljust(count * _SECTOR, b"\x00")
    table = struct.pack(f"<{len(fat)}I", *fat)
    directory = _entry("Root Entry", 5, tables + 1, 0, child=1) + _entry(name, 2, first, size)
    sectors = (header, table, directory, b"")
    return (
        b"".join(each.ljust(-(-max(len(each), 1) // _SECTOR) * _SECTOR, b"\x00") for each in sectors) + padded
    )


class _Container:
    def __init__(self, content: bytes) -> None:
        self.content = content
        if content[:8] != SIGNATURE:
            raise ValueError("no compound file")
        shift, mini_shift = struct.unpack_from("<HH", content, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise ValueError("sector sizes that do not exist")
        self.size = 1 << shift
        self.count = -(-len(content) // self.size)
        (self.directory_at,) = struct.unpack_from("<I", content, 48)
        self.cutoff, self.mini_at, _, difat_at = struct.unpack_from("<IIII", content, 56)
        self.fat = self._table(difat_at)

    def streams(self) -> dict[str, bytes]:
        """Every stream by name, whole."""
        directory = self._chain(self.directory_at)
        entries = [directory[at : at + 128] for at in range(0, len(directory) - 127, 128)]
        root = next((entry for entry in entries if entry[66] == 5), None)
        if root is None:
            raise ValueError("no root")
        minis = self._chain(self._start(root))
        mini_fat = self._chain(self.mini_at) if self.mini_at < _LAST else b""
        mini_table = struct.unpack(f"<{len(mini_fat) // 4}I", mini_fat[: len(mini_fat) // 4 * 4])
        found: dict[str, bytes] = {}
        for entry in entries:
            if entry[66] != 2:
                continue
            length = min(struct.unpack_from("<H", entry, 64)[0], 64)
            name = entry[: max(length - 2, 0)].decode("utf-16-le", "replace")
            (size,) = struct.unpack_from("<I" if self.size == 512 else "<Q", entry, 120)
            if size > len(self.content):
                raise ValueError("a stream longer than its file")
            found[name] = self._stream(self._start(entry), size, minis, mini_table)
        return found

    def _stream(self, start: int, size: int, minis: bytes, mini_table: tuple[int, ...]) -> bytes:
        if size >= self.cutoff:
            whole = self._chain(start)
        else:
            pieces: list[bytes] = []
            while start < _LAST and len(pieces) * _MINI < size:
                pieces.append(minis[start * _MINI : (start + 1) * _MINI])
                start = mini_table[start]
            whole = b"".join(pieces)
        if len(whole) < size:
            raise ValueError("a stream that breaks off")
        return whole[:size]

    def _table(self, difat_at: int) -> tuple[int, ...]:
        ids = [id for id in struct.unpack_from("<109I", self.content, 76) if id < _LAST]
        for _ in range(self.count):
            if difat_at >= _LAST:
                break
            more = self._sector(difat_at)
            numbers = struct.unpack(f"<{self.size // 4}I", more.ljust(self.size, b"\xff"))
            ids += [id for id in numbers[:-1] if id < _LAST]
            difat_at = numbers[-1]
        if len(ids) > self.count:
            raise ValueError("more tables than sectors")
        table = b"".join(self._sector(id).ljust(self.size, b"\xff") for id in ids)
        return struct.unpack(f"<{len(table) // 4}I", table)

    def _chain(self, start: int) -> bytes:
        pieces: list[bytes] = []
        while start < _LAST:
            if len(pieces) > self.count:
                raise ValueError("a chain that runs in a circle")
            pieces.append(self._sector(start))
            start = self.fat[start]
        return b"".join(pieces)

    def _sector(self, id: int) -> bytes:
        at = (id + 1) * self.size
        if at >= len(self.content):
            raise ValueError("a sector beyond the end")
        return self.content[at : at + self.size]

    @staticmethod
    def _start(entry: bytes) -> int:
        return int(struct.unpack_from("<I", entry, 116)[0])


def _entry(name: str, kind: int, start: int, size: int, child: int = _FREE) -> bytes:
    encoded = name.encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sIQQIQ",
        encoded,
        len(encoded) + 2,
        kind,
        1,
        _FREE,
        _FREE,
        child,
        bytes(16),
        0,
        0,
        0,
        start,
        size,
    )


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
            raise xlsx.protected()
        if kind == 0x0022:
            epoch = data[:2] == b"\x01\x00"
        elif kind == 0x0085:
            places.append(struct.unpack_from("<I", data.ljust(4, b"\xff"))[0])
        elif kind == 0x00FC and (len(data) < 8 or struct.unpack_from("<I", data, 4)[0] > len(stream)):
            raise damaged()
        elif kind in (0x0018, 0x0017):
            masked[at : at + 2] = _IGNORED  # names and references: nothing of them is read
        elif kind == _EOF:
            break
    if len(places) > _MOST_SHEETS or len(set(places)) < len(places) or any(p >= len(stream) for p in places):
        raise damaged()
    walked = 0
    sheets: list[Markup] = []
    for place in places:
        found, end = _sheet(stream, place, masked)
        sheets.append(found)
        walked += end - place
        if walked > 2 * len(stream):
            raise damaged()
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
            refusal = xlsx.too_wide("", rows, columns)
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
            raise damaged()
        yield at, kind, data
        at += 4 + length
