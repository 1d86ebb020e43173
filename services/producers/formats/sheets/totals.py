"""Total rows as a check of the rows read: sums of columns, and stated counts of wagons, containers and TEU."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from schemas.reasons import Refusal
from services.producers.formats.model import Remark
from services.producers.formats.sheets import equipment, quantities
from services.producers.formats.sheets.grid import Flaw, Row, Scalar
from services.producers.formats.sheets.section import Entry, Section

SUMMED: Final = (
    "goods.grossMass",
    "goods.packages",
    "wagon.loadMass",
    "wagon.tare",
    "seal.count",
    "container.count",
)
_COUNTED: Final = (
    ("wagons", re.compile(r"([0-9]+)\s*(?:车|辆|ваг|wagons?)", re.IGNORECASE)),
    ("boxes", re.compile(r"([0-9]+)\s*(?:箱(?!型)|柜|ктк|конт|containers?|boxes)", re.IGNORECASE)),
    ("TEU", re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*TEU", re.IGNORECASE)),
)
_REMEDY: Final = "Compare the list with its total; a row may be missing, twice, or hidden."


def check(section: Section) -> Iterator[Remark]:
    """A remark for each number of a total row that is not what the rows above it add up to."""
    since: list[Row] = []
    rows = {row.number: row for row in section.table.rows}
    before = 0
    for aside in section.table.asides:
        if aside.kind != "total":
            continue
        above = [row for number, row in rows.items() if number < aside.row.number]
        since = [row for row in above if row.number > before]
        before = aside.row.number
        yield from _sums(section, aside.row, above, since)
        yield from _counts(section, aside.row, above, since)


def stated_boxes(section: Section) -> int | None:
    """The count of containers in the last total row, None where there is none."""
    for aside in reversed(section.table.asides):
        if aside.kind == "total":
            for cell in aside.row.cells:
                found = _COUNTED[1][1].search(quantities.plain(cell)) if isinstance(cell, str) else None
                if found:
                    return int(found[1])
    return None


def _sums(section: Section, total: Row, above: list[Row], since: list[Row]) -> Iterator[Remark]:
    for meaning in SUMMED:
        for column in section.columns.get(meaning, ()):
            cell = total.cell(column.index)
            if cell is None:
                continue
            if isinstance(cell, Flaw):
                where = section.table.sheet.where(total.number, column.index)
                yield Remark(where, f"The total of {column.label!r} is {cell.value}; it was not compared.")
                continue
            unit = section.units.get(meaning, "")
            stated = quantities.numbers(cell, unit=unit)
            sums = [_sum(rows, column.index, unit) for rows in (above, since)]
            if not stated or all(each is None for each in sums):
                continue
            if not any(
                each is not None and abs(stated[0] - each) <= _slack(rows)
                for each, rows in zip(sums, (above, since), strict=True)
            ):
                where = section.table.sheet.where(total.number, column.index)
                text = f"The total of {column.label!r} is {stated[0]}, and the rows add up to {sums[0]}."
                yield Remark(where, text, _REMEDY)


def _slack(rows: list[Row]) -> Decimal:
    """Rounding to three places in each row."""
    return Decimal("0.0005") * (len(rows) + 1)


def _sum(rows: list[Row], index: int, unit: str) -> Decimal | None:
    total = Decimal(0)
    for row in rows:
        cell = row.cell(index)
        if cell is None:
            continue
        found = [] if isinstance(cell, Flaw) else quantities.numbers(cell, unit=unit)
        if not found:
            return None
        total += sum(found)
    return total


def _counts(section: Section, total: Row, above: list[Row], since: list[Row]) -> Iterator[Remark]:
    for index, cell in enumerate(total.cells):
        if not isinstance(cell, str):
            continue
        for what, pattern in _COUNTED:
            found = pattern.search(quantities.plain(cell))
            counts = [_COUNTERS[what](section, rows) for rows in (above, since)] if found else []
            if found and any(counts) and Decimal(found[1]) not in counts:
                where = section.table.sheet.where(total.number, index)
                yield Remark(
                    where, f"The total tells {found[1]} {what}, and the rows name {counts[0]}.", _REMEDY
                )


def _wagons(section: Section, rows: list[Row]) -> Decimal:
    named: set[str] = set()
    for row in rows:
        try:
            value = Entry(section, row).value("wagon.id")
            if value is not None:
                named.add(equipment.wagon_of(value))
        except Refusal:
            continue
    return Decimal(len(named))


def _boxes(section: Section, rows: list[Row]) -> Decimal:
    return Decimal(len({box for row in rows for box in _named(section, row)}))


def _teu(section: Section, rows: list[Row]) -> Decimal:
    quarters = 0
    for row in rows:
        size = equipment.quarter_teu(_cell(section, row, "container.type"))
        if size is None:
            return Decimal(0)
        quarters += size * len(_named(section, row))
    return Decimal(quarters) / 4


def _named(section: Section, row: Row) -> list[str]:
    try:
        return [box for value in Entry(section, row).values("container.id") for box in equipment.boxes(value)]
    except Refusal:
        return []


def _cell(section: Section, row: Row, meaning: str) -> Scalar | None:
    found = Entry(section, row).values(meaning)
    return found[0] if found and not isinstance(found[0], Flaw) else None


_COUNTERS: dict[str, Callable[[Section, list[Row]], Decimal]] = {
    "wagons": _wagons,
    "boxes": _boxes,
    "TEU": _teu,
}
