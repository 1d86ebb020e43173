"""Compound files (MS-CFB), the container of old workbooks: taken apart under limits and written anew.

The library believes every length in them and asks memory for it; a damaged one would end the process. So the streams
are found here, bounded by the file's own size, and the library is handed a container of our own making.
"""

from __future__ import annotations

import struct
from typing import Final

from schemas.reasons import Refusal
from services.producers.formats.sheets import package

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
    return package.refuse(
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
