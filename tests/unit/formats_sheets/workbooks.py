"""Files of tables made for the tests: XLSX through openpyxl, old XLS and protected files byte by byte, text in any encoding."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from schemas import railnet
from schemas.signing import Scheme, SigningKey
from services.producers import unsigned_event
from services.producers.formats.model import (
    EventDraft,
    Format,
    PassedOver,
    ReadOutcome,
    Record,
    Settings,
    Unread,
)
from services.producers.formats.sheets import FORMATS
from services.producers.profile import Profile

SAMPLES = Path(__file__).parents[2] / "data" / "sheets"
BEIJING = railnet.zone("Asia/Shanghai")
MOSCOW = railnet.zone("Europe/Moscow")
OPERATOR = Settings("xianport", BEIJING, "cr")
RAILWAY = Settings("cr", BEIJING, "cr")
KTZ = Settings("ktz", MOSCOW, "ktz")

Rows = Sequence[Sequence[Any]]


def format_named(name: str) -> Format:
    return next(each for each in FORMATS if each.name == name)


def profile(party: str) -> Profile:
    key = SigningKey.from_seed(Scheme.ED25519_BATCH, bytes(32))
    return Profile(party, f"urn:cre:{party}", f"cre.x.{party}.v1", "demo", key, bytes(32))


def walk(reading: ReadOutcome, settings: Settings) -> list[Record]:
    """The records of a reading; every Said has to be an event that admission takes."""
    records = list(reading.records)
    for record in records:
        if isinstance(record, EventDraft):
            unsigned_event.assemble(
                profile(settings.party),
                record.id,
                record.type,
                record.time,
                dict(record.data),
                record.subject,
            )
    return records


def read(name: str, content: bytes, settings: Settings = OPERATOR) -> list[Record]:
    return walk(format_named(name).read(content, settings), settings)


def said(records: Iterable[Record], what: str = "") -> list[EventDraft]:
    return [r for r in records if isinstance(r, EventDraft) and (not what or r.type == f"cre.{what}.v1")]


def unread(records: Iterable[Record]) -> list[Unread]:
    return [record for record in records if isinstance(record, Unread)]


def passed(records: Iterable[Record]) -> list[PassedOver]:
    return [record for record in records if isinstance(record, PassedOver)]


def events(records: Iterable[Record]) -> dict[str, tuple[str, str, Any]]:
    """What was said, without where it stood."""
    return {record.id: (record.type, record.time, record.data) for record in said(records)}


def xlsx(
    rows: Rows,
    *,
    merges: Sequence[str] = (),
    hidden: Sequence[int] = (),
    sheet: str = "Sheet1",
    more: dict[str, Rows] | None = None,
    hidden_sheets: Sequence[str] = (),
) -> bytes:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = sheet
    for name, content in {sheet: rows, **(more or {})}.items():
        target = first if name == sheet else book.create_sheet(name)
        for number, row in enumerate(content, start=1):
            for column, value in enumerate(row, start=1):
                if value is not None:
                    target.cell(number, column, value)
    for merge in merges:
        first.merge_cells(merge)
    for number in hidden:
        first.row_dimensions[number].hidden = True
    for name in hidden_sheets:
        book[name].sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text(rows: Rows, encoding: str = "utf-8", separator: str = ",", end: str = "\r\n") -> bytes:
    lines = (separator.join(_field(cell, separator) for cell in row) for row in rows)
    return end.join([*lines, ""]).encode(encoding)


def _field(cell: Any, separator: str) -> str:
    shown = "" if cell is None else str(cell)
    return f'"{shown}"' if separator in shown or "\n" in shown else shown


def xls(rows: Rows, merges: Sequence[tuple[int, int, int, int]] = ()) -> bytes:
    """A workbook of Excel 97 (BIFF8) with one sheet; numbers stay numbers, all else is text."""
    name = "Sheet1".encode("utf-16-le")
    head = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6))
    head += _record(0x0042, struct.pack("<H", 1200))
    sheet_at = len(head) + 4 + 8 + len(name) + 4
    head += _record(0x0085, struct.pack("<IBBBB", sheet_at, 0, 0, len(name) // 2, 1) + name) + _record(
        0x000A, b""
    )
    body = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 6))
    width = max(len(row) for row in rows)
    body += _record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            place = struct.pack("<HHH", number, column, 0)
            if isinstance(value, int | float):
                body += _record(0x0203, place + struct.pack("<d", value))
            elif value is not None:
                shown = str(value).encode("utf-16-le")
                body += _record(0x0204, place + struct.pack("<HB", len(shown) // 2, 1) + shown)
    if merges:
        cells = b"".join(struct.pack("<HHHH", *merge) for merge in merges)
        body += _record(0x00E5, struct.pack("<H", len(merges)) + cells)
    return ole({"Workbook": head + body + _record(0x000A, b"")})


def protected() -> bytes:
    """What Excel writes for a workbook with a password: a package that only the password opens."""
    return ole({"EncryptionInfo": b"\x04\x00\x04\x00" + bytes(5_000), "EncryptedPackage": bytes(8_192)})


def ole(streams: dict[str, bytes]) -> bytes:
    """A compound file (MS-CFB) with sectors of 512 bytes; every stream is padded past the mini-stream limit."""
    fat, data, entries = [0xFFFFFFFD, 0xFFFFFFFE], b"", []
    for name, stream in streams.items():
        padded = stream + bytes(max(4_608, -(-len(stream) // 512) * 512) - len(stream))
        start = len(fat)
        count = len(padded) // 512
        fat += [*range(start + 1, start + count), 0xFFFFFFFE]
        data += padded
        entries.append((name, 2, start, len(padded)))
    assert len(fat) <= 128, "one FAT sector is enough for the tests"
    root = _entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1)
    directory = root + b"".join(
        _entry(name, kind, start, size, right=index + 2 if index + 1 < len(entries) else 0xFFFFFFFF)
        for index, (name, kind, start, size) in enumerate(entries)
    )
    directory += bytes(512 - len(directory))
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6, bytes(6),
        0, 1, 1, 0, 4_096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0,
    )  # fmt: skip
    header += struct.pack("<I", 0xFFFFFFFF) * ((512 - len(header)) // 4)
    table = b"".join(struct.pack("<I", each) for each in fat) + struct.pack("<I", 0xFFFFFFFF) * (
        128 - len(fat)
    )
    return header + table + directory + data


def _entry(
    name: str, kind: int, start: int, size: int, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF
) -> bytes:
    encoded = name.encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sIQQIQ", encoded, len(encoded) + 2, kind, 1, 0xFFFFFFFF, right, child, bytes(16), 0, 0, 0, start, size
    )  # fmt: skip


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


DEPARTURE: Rows = (
    ("中欧班列（X8999次）发车清单",),
    ("发站：西安国际港", None, None, "发车时间：2026-03-01 08:30"),
    ("顺位", "车种", "车号", "箱号", "箱型", "施封号", "毛重（吨）", "运单号", "记事"),
    (1, "X70", "5480117", "QZXU4011130", "40HC", "260103", 11.256, "SX2603017001", None),
    (2, "X70", "5480118", "QZXU4012501", "40HQ", "260110", 8.191, "SX2603017002", None),
    (
        3,
        "X70",
        "5480502",
        "QVYU2055178\nQVYU2056549",
        "20GP*2",
        "260159、260166",
        27.3,
        "SX2603017009\nSX2603017010",
        None,
    ),
    ("合计", None, "3车", "4箱/6TEU", None, None, 46.747, None, None),
    ("制表时间：2026/3/1 9:05",),
)
