"""The telegram of a natural list (ТГНЛ, message 02) as the table of a natural list.

``(:02`` station, train, index, sign, day, month, hour, minute, length, gross tonnes and flags; then for each wagon its order,
number, rollers, load, destination and more; ``:)``. It names no year and no containers. Read by the forms published for the
railways of the 1520 gauge.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from services.producers.formats.sheets import xlsx
from services.producers.formats.sheets.grid import Book, Row, Scalar, Sheet

_BEGIN: Final = re.compile(rb"^[\x00\s\xef\xbb\xbf]*\(\s*:\s*0?2\b")
_HEAD: Final = re.compile(
    r"\(\s*:\s*0?2[\s:]+(?P<station>\d{4,6})\s+(?P<train>\d{1,4})\s+"
    r"(?P<origin>\d{4,6})[\s+-]*(?P<ordinal>\d{1,3})[\s+-]*(?P<goal>\d{4,6})\s+(?P<sign>\d)\s+"
    r"(?P<day>\d{2})\s*(?P<month>\d{2})\s*(?P<hour>\d{2})\s*(?P<minute>\d{2})(?P<rest>[^\r\n]*)"
)
_WAGON: Final = re.compile(
    r"(?<!\d)(?P<order>\d{2,3})\s+(?P<wagon>\d{8})(?!\d)(?:\s+(?P<rollers>\d))?(?:\s+(?P<load>\d{3}))?(?:\s+(?P<goal>\d{4,6})(?!\d))?"
)
_LABELS: Final = ("№ п/п", "№ вагона", "Вес груза, т", "Станция назначения")


def is_telegram(content: bytes) -> bool:
    """Whether the bytes begin as the telegram does."""
    return _BEGIN.match(content[:64]) is not None


def read(content: bytes) -> Book:
    """The telegram as a book of one table; raises Refusal where its head is incomplete or its end is missing."""
    text = _text(content)
    if not re.search(r":\s*\)\s*$", text):
        raise xlsx.refuse("The telegram has no end (:), so it is not whole.", "Send it again, to its end.")
    head = _HEAD.search(text)
    if head is None:
        raise xlsx.refuse(
            "The head of the telegram cannot be read: station, train, index, sign, day, month, hour and minute are "
            "expected after (:02.",
            "Send the telegram as the railway's system wrote it.",
        )
    line_of = _lines(text)
    wagons = list(_WAGON.finditer(text, head.end("minute")))
    rows: list[Row] = [
        Row(
            line_of(head.start()),
            (
                "ТГНЛ натурный лист",
                f"Код станции: {head['station']}",
                f"Поезд №: {head['train']}",
                f"Индекс поезда: {head['origin']}-{head['ordinal']}-{head['goal']}",
                f"Дата и время отпр.: {head['day']}.{head['month']} {head['hour']}:{head['minute']}",
            ),
        ),
        Row(line_of(head.start()), _LABELS),
    ]
    missing = _missing([int(found["order"]) for found in wagons])
    if missing:
        raise xlsx.refuse(
            f"The wagons of the telegram are not numbered in one order: {missing} is missing or stands elsewhere.",
            "Send the whole telegram; a part of it is another train.",
        )
    for found in wagons:
        cells: tuple[Scalar | None, ...] = (
            found["order"],
            found["wagon"],
            found["load"],
            found["goal"],
        )
        rows.append(Row(line_of(found.start()), cells))
    return Book("telegram", (Sheet("", tuple(rows)),))


def _missing(orders: list[int]) -> int:
    """The first number that is not where it should be, counted up or down from the head of the train; 0 for none."""
    if not orders:
        return 0
    up = list(range(1, len(orders) + 1))
    if orders == up or orders == up[::-1]:
        return 0
    return next((number for number, order in zip(up, orders, strict=True) if number != order), 0)


def _text(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1251"):  # letters stand in notes alone, of which nothing is read
        try:
            return content.decode(encoding).strip("\x00")
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _lines(text: str) -> Callable[[int], int]:
    breaks = [found.start() for found in re.finditer("\n", text)]
    return lambda at: 1 + bisect_left(breaks, at)
