"""Tables of exchange rates and of national tariffs as text with a header: every row with its source and the days on which it holds.

Rates: ``money,currency,units,rate,valid_from,valid_to,source``. Tariff: ``side,code,valid_from,valid_to,source``. ``valid_to`` is the first day
on which a row no longer holds; a rate has to have one, a code may be open.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeVar

from schemas.reasons import Reason, Refusal
from services.producers.formats.text import decode
from services.trade.domain import values
from services.trade.domain.crosswalk import TableRow
from services.trade.domain.official_tables import Rate, Rates, Tariff, TariffCode
from services.trade.domain.values import Unreadable, plain

T = TypeVar("T")
RATES: Final = ("money", "currency", "units", "rate", "valid_from", "valid_to", "source")
TARIFF: Final = ("side", "code", "valid_from", "valid_to", "source")
MAX_BYTES: Final = 20_000_000
MAX_ROWS: Final = 500_000
_UNITS: Final = frozenset({1, 10, 100, 1_000, 10_000, 100_000})
_SIDES: Final = ("CN", "EAEU")


def read_rates(content: bytes, file: str) -> Rates:
    """The rates in ``content``; raises Refusal with the line of what cannot be read, and where two rows hold on one day."""
    name = _version(content, file)
    rates = [_rate(row, name) for row in _rows(content, RATES)]
    in_order = sorted(rates, key=lambda each: (each.money, each.currency, each.row.valid_from))
    for one, other in pairwise(in_order):
        if (one.money, one.currency) == (other.money, other.currency) and other.row.valid_from < one.until:
            raise _refusal(
                f"{one.currency} has two rates in {one.money} on {other.row.valid_from}.",
                "",
                "Leave one row for each day.",
            )
    return Rates(name, rates)


def read_tariff(content: bytes, file: str) -> Tariff:
    """The tariff in ``content``; raises Refusal with the line of what cannot be read."""
    name = _version(content, file)
    return Tariff(name, [_code(row, name) for row in _rows(content, TARIFF)])


def _version(content: bytes, file: str) -> str:
    return f"{file} {hashlib.sha256(content).hexdigest()[:12]}"


def _refusal(detail: str, at: str, remedy: str) -> Refusal:
    return Refusal(Reason.UNREADABLE_FILE, detail, at, remedy)


def _rows(content: bytes, columns: tuple[str, ...]) -> Iterator[_Row]:
    if len(content) > MAX_BYTES:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The table has {len(content):,} bytes, more than {MAX_BYTES:,}.",
            remedy="Leave out the years that are not needed.",
        )
    reader = csv.reader(decode(content).splitlines())
    header = [plain(each) for each in next(reader, [])]
    if header != list(columns):
        raise _refusal(
            f"The first line is {','.join(header)[:80]!r}.",
            "line 1",
            f"Begin the table with {','.join(columns)}.",
        )
    count = 0
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        count += 1
        at = f"line {reader.line_num}"
        if count > MAX_ROWS or len(cells) != len(columns):
            raise _refusal(
                f"The table has more than {MAX_ROWS:,} rows."
                if count > MAX_ROWS
                else f"The row has {len(cells)} values, not {len(columns)}.",
                at,
                f"Give {', '.join(columns)}.",
            )
        yield _Row(dict(zip(columns, map(plain, cells), strict=True)), at)
    if not count:
        raise _refusal("The table has no row.", "line 2", f"Give {', '.join(columns)}.")


class _Row:
    """One row of a table while it is read."""

    def __init__(self, cells: Mapping[str, str], at: str) -> None:
        self.cells, self.at = cells, at

    def value(self, column: str, parse: Callable[[str], T]) -> T:
        """The value of ``column``; raises Refusal at the row."""
        try:
            return parse(self.cells[column])
        except Unreadable as problem:
            raise _refusal(f"{column}: {problem.problem}.", self.at, problem.advice) from None

    def text(self, column: str) -> str:
        """The text of ``column``, which may not be empty."""
        return self.value(column, _given)

    def row(self, table: str, key: str) -> TableRow:
        """Which row of the table this is, with its source and first day."""
        return TableRow(table, key, self.text("source"), self.value("valid_from", _day))


def _given(text: str) -> str:
    if not text:
        raise Unreadable("nothing stands there", "fill it in")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{text[:20]!r} is no day", "write it like 2026-11-03") from None


def _after(since: date) -> Callable[[str], date]:
    def parse(text: str) -> date:
        found = _day(text)
        if found <= since:
            raise Unreadable(
                f"{text} is not after {since}", "give the first day on which the row no longer holds"
            )
        return found

    return parse


def _money(text: str) -> str:
    found, doubt = values.currency(text)
    if doubt:
        raise Unreadable(doubt.rstrip("."), f"write {found}")
    return found


def _positive(text: str) -> Decimal:
    found = values.decimal(text, None)
    if found <= 0:
        raise Unreadable(f"{text[:20]!r} is not above zero", "give the rate as it is published")
    return found


def _units(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) not in _UNITS:
        raise Unreadable(f"{text[:20]!r} is no number of units", "write 1, 10, 100 or 1000")
    return int(text)


def _side(text: str) -> str:
    if text not in _SIDES:
        raise Unreadable(f"{text[:20]!r} is no side", f"write {' or '.join(_SIDES)}")
    return text


def _digits(text: str) -> str:
    shown = text.replace(".", "").replace(" ", "")
    if len(shown) != 10 or not shown.isascii() or not shown.isdigit():
        raise Unreadable(f"{text[:20]!r} has not ten digits", "give the whole national code")
    return shown


def _rate(row: _Row, table: str) -> Rate:
    money, currency = row.value("money", _money), row.value("currency", _money)
    found = row.row(table, f"{money} {currency}")
    return Rate(
        money, currency, row.value("units", _units), row.value("rate", _positive), found,
        row.value("valid_to", _after(found.valid_from)),
    )  # fmt: skip


def _code(row: _Row, table: str) -> TariffCode:
    side, digits = row.value("side", _side), row.value("code", _digits)
    found = row.row(table, f"{side} {digits}")
    until = row.value("valid_to", _after(found.valid_from)) if row.cells["valid_to"] else None
    return TariffCode(side, digits, found, until)
