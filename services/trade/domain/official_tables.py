"""Tables of authorities as a user gives them: exchange rates and national tariffs by the days on which they hold. None is part of the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from services.trade.domain.crosswalk import TableRow

MONEY_OF: Final[Mapping[str, str]] = {
    "RU": "RUB",
    "BY": "BYN",
    "KZ": "KZT",
    "KG": "KGS",
    "AM": "AMD",
    "CN": "CNY",
}
"""The currency of customs value by the country whose customs it is declared to."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``units`` of ``currency`` are ``value`` of ``money``, from the day of ``row`` until the day before ``until``."""

    money: str
    currency: str
    units: int
    value: Decimal
    row: TableRow
    until: date

    @property
    def each(self) -> Decimal:
        """What one unit is worth."""
        return self.value / self.units


class Rates:
    """Exchange rates; ``name`` is that of its version. A day that no row covers has no rate, never that of another day."""

    def __init__(self, name: str, rows: Sequence[Rate]) -> None:
        self.name = name
        self._rows: dict[tuple[str, str], list[Rate]] = {}
        for each in rows:
            self._rows.setdefault((each.money, each.currency), []).append(each)

    def on(self, money: str, currency: str, day: date) -> Rate | None:
        """The rate of ``currency`` in ``money`` on ``day``; None where the table has none."""
        return next(
            (
                each
                for each in self._rows.get((money, currency), ())
                if each.row.valid_from <= day < each.until
            ),
            None,
        )

    def converted(self, amount: Decimal, currency: str, into: str, day: date) -> Decimal | None:
        """``amount`` in another currency by the rates of one authority on ``day``; None where it lacks one of the two."""
        if currency == into:
            return amount
        for money in dict.fromkeys(money for money, _ in self._rows):
            worth, other = (self._worth(money, each, day) for each in (currency, into))
            if worth is not None and other is not None:
                return amount * worth / other
        return None

    def _worth(self, money: str, currency: str, day: date) -> Decimal | None:
        if money == currency:
            return Decimal(1)
        found = self.on(money, currency, day)
        return None if found is None else found.each


@dataclass(frozen=True, slots=True)
class TariffCode:
    """A national code of the ``side`` (CN or EAEU) in force from the day of ``row`` until the day before ``until``, without end where that is None."""

    side: str
    digits: str
    row: TableRow
    until: date | None = None


class Tariff:
    """The commodity codes of one or both sides by the days on which they are in force."""

    def __init__(self, name: str, rows: Sequence[TariffCode]) -> None:
        self.name = name
        self._codes: dict[tuple[str, str], list[TariffCode]] = {}
        self._since: dict[str, date] = {}
        for each in rows:
            self._codes.setdefault((each.side, each.digits), []).append(each)
            self._since[each.side] = min(self._since.get(each.side, date.max), each.row.valid_from)

    def covers(self, side: str, day: date) -> bool:
        """Whether the table says anything of that side on ``day``: its first row is not later."""
        return self._since.get(side, date.max) <= day

    def code(self, side: str, digits: str, day: date) -> TariffCode | None:
        """The code where it is in force on ``day``."""
        return next(
            (
                each
                for each in self._codes.get((side, digits), ())
                if each.row.valid_from <= day and (each.until is None or day < each.until)
            ),
            None,
        )

    def last(self, side: str, digits: str) -> TariffCode | None:
        """The last row of the code whatever the day, None where the table never had it."""
        return max(self._codes.get((side, digits), ()), key=lambda each: each.row.valid_from, default=None)
