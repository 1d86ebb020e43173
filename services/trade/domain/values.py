"""Values of trade papers, exact and with their origin: masses, quantities with units, money, commodity codes, countries."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Generic, NamedTuple, TypeVar

from babel.core import get_global
from babel.numbers import get_currency_precision, list_currencies

from schemas.identifiers import country, hs
from schemas.identifiers.form import MalformedIdentifier

T = TypeVar("T")

FINEST: Final = 6
"""Decimals of a mass or quantity; customs write no more, and what is finer is refused, never rounded."""
_LARGEST: Final = Decimal(10) ** 18


class Place(NamedTuple):
    """Where a value stands: the file, and in it an XPath, a cell (``Sheet1!C4``) or a JSON pointer."""

    file: str
    at: str

    def __str__(self) -> str:
        return f"{self.file}: {self.at}" if self.at else self.file


class Field(NamedTuple, Generic[T]):
    """A value of a paper, the text that it was read from, and its place."""

    value: T
    written: str
    place: Place


class Unreadable(ValueError):
    """Text that is no value of its kind, or may be two: what is wrong, and what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy

    @property
    def advice(self) -> str:
        """The remedy as a sentence."""
        return f"{self.remedy[:1].upper()}{self.remedy[1:]}."


_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def plain(text: str) -> str:
    """``text`` with full-width forms folded and blanks joined."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).split())


def decimal(text: str, most_decimals: int | None = FINEST) -> Decimal:
    """The number in ``text`` with a decimal point, exactly; raises Unreadable.

    No separators of thousands and no decimal comma: messages have neither, and what they mean in a sheet its reader decides.
    """
    shown = plain(text)
    if not _DECIMAL.fullmatch(shown):
        raise Unreadable(
            f"{text[:40]!r} is no number", "write digits with a decimal point and no other separator"
        )
    value = Decimal(shown)
    if most_decimals is not None and len(shown.partition(".")[2].rstrip("0")) > most_decimals:
        raise Unreadable(
            f"{text[:40]!r} has more than {most_decimals} decimals", f"round it to {most_decimals} decimals"
        )
    if abs(value) >= _LARGEST:
        raise Unreadable(f"{text[:40]!r} is too large", "correct the number")
    return value


@cache
def rows_in_force(name: str, key: tuple[str, ...], as_of: date) -> tuple[Mapping[str, str], ...]:
    """The rows of data file ``name`` on ``as_of``: of each ``key`` the one with the latest ``valid_from`` until then that has not ended.

    ``valid_to``, where the file has it, is the first day on which a row no longer holds.
    """
    chosen: dict[tuple[str, ...], Mapping[str, str]] = {}
    for row in table(name):
        since, until = date.fromisoformat(row["valid_from"]), row.get("valid_to")
        if since > as_of or (until and date.fromisoformat(until) <= as_of):
            continue
        of = tuple(row[column] for column in key)
        if of not in chosen or chosen[of]["valid_from"] < row["valid_from"]:
            chosen[of] = row
    return tuple(chosen.values())


def number(value: Decimal) -> str:
    """A number without needless zeros or exponents."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Unit(NamedTuple):
    """A unit of measure: UN/ECE Recommendation 20 code of its base unit, and how many of that it is."""

    base: str
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Quantity:
    """So many of a unit; ``unit`` is None where the paper's word for it is not known."""

    number: Decimal
    unit: Unit | None
    unit_written: str = ""

    @property
    def in_base(self) -> Decimal:
        """The number in the base unit; the number itself where the unit is not known."""
        return self.number * self.unit.factor if self.unit else self.number

    def comparable(self, other: Quantity) -> bool:
        """Whether both are of one dimension, so that a factor of the table converts one into the other."""
        return self.unit is not None and other.unit is not None and self.unit.base == other.unit.base


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, exact as written, and its ISO 4217 currency; "" where the paper names none."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Code:
    """A commodity code: whose list (HS, CN, EAEU, NHM), its digits, and the edition of the HS that it is of."""

    scheme: str
    digits: str
    edition: int

    @property
    def hs6(self) -> str:
        """The six digits that all customs have in common; fewer where fewer were given."""
        return self.digits[:6]


@cache
def table(name: str) -> tuple[Mapping[str, str], ...]:
    """The rows of data file ``name``: UTF-8 CSV with a header."""
    text = (files("services.trade.domain") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(MappingProxyType(row) for row in csv.DictReader(text.splitlines()))


@cache
def _units() -> Mapping[tuple[str, str], Unit]:
    return MappingProxyType(
        {
            (scheme, spelling.casefold()): Unit(row["base"], Decimal(row["factor"]))
            for row in table("units")
            for scheme in ("CN", "OKEI", "REC20", "WORD")
            for spelling in row[scheme].split("|")
            if spelling
        }
    )


@lru_cache(maxsize=4_096)
def unit(text: str, scheme: str) -> Unit | None:
    """The unit of a code of ``scheme`` (CN, OKEI, REC20) or of a word (WORD); None where it is not in the table."""
    return _units().get((scheme, plain(text).casefold().rstrip(".")))


_EDITIONS: Final = ((date(2028, 1, 1), 2028), (date(2022, 1, 1), 2022), (date(2017, 1, 1), 2017))


def hs_edition(day: date) -> int:
    """The edition of the Harmonized System in force on ``day`` (World Customs Organization)."""
    return next((edition for since, edition in _EDITIONS if day >= since), 2012)


_HS_TEXT: Final = re.compile(r"[0-9][0-9 .]*[0-9]", re.ASCII)


@lru_cache(maxsize=8_192)
def code(text: str, scheme: str, day: date) -> Code:
    """The commodity code in ``text``, dots and blanks dropped; raises Unreadable."""
    shown = plain(text)
    try:
        if not _HS_TEXT.fullmatch(shown):
            raise hs.FORM.malformed(text, "another form", "the whole text")
        parsed = hs.parse(shown)
    except MalformedIdentifier:
        raise Unreadable(
            f"{text[:40]!r} is no commodity code", "give 6, 8, 10 or 13 digits that begin with a chapter"
        ) from None
    if len(parsed.text) < 6:
        raise Unreadable(f"{text[:40]!r} has fewer than six digits", "give at least six digits")
    return Code(scheme, parsed.text, hs_edition(day))


_CN_CURRENCIES: Final = {
    "110": "HKD", "116": "JPY", "132": "SGD", "142": "CNY", "300": "EUR", "303": "GBP", "501": "CAD", "502": "USD",
    "601": "AUD",
}  # fmt: skip
"""China's own numbers of currencies, which stood in declarations before the letters of ISO 4217."""
_ALIASES: Final = {"RMB": "CNY", "RUR": "RUB", "CNH": "CNY"}
_SIGNS: Final = {"€": "EUR", "₽": "RUB", "£": "GBP", "₸": "KZT"}
_AMBIGUOUS: Final = {
    "¥": "CNY or JPY",
    "￥": "CNY or JPY",
    "$": "one of twenty dollars",
    "元": "CNY, JPY, HKD or TWD",
}


@lru_cache(maxsize=1_024)
def currency(text: str) -> tuple[str, str]:
    """The ISO 4217 code in ``text``, and what to remark ("" for nothing); raises Unreadable, also for a sign of several currencies."""
    shown = plain(text).upper()
    if shown in _AMBIGUOUS or text.strip() in _AMBIGUOUS:
        several = _AMBIGUOUS.get(text.strip()) or _AMBIGUOUS[shown]
        raise Unreadable(f"{text.strip()!r} may be {several}", "write the three letters of ISO 4217")
    if shown in _ALIASES:
        return _ALIASES[shown], f"{shown} is no code in force; it was taken for {_ALIASES[shown]}."
    found = _SIGNS.get(shown) or _CN_CURRENCIES.get(shown) or shown
    if found not in _currencies():
        raise Unreadable(f"{text[:20]!r} is no currency", "write the three letters of ISO 4217")
    return found, ""


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def minor_unit(code: str) -> Decimal:
    """The smallest amount of a currency: 0.01 of most, 1 of JPY."""
    return Decimal(1).scaleb(-get_currency_precision(code)) if code else Decimal("0.01")


def unit_code(rec20: str, scheme: str) -> str:
    """The code of ``scheme`` for a unit of Recommendation 20; "" where the table has none."""
    wanted = plain(rec20).casefold()
    found = next((row for row in table("units") if wanted in row["REC20"].casefold().split("|")), None)
    return found[scheme].split("|")[0] if found else ""


_CN_COUNTRIES: Final = {"142": "CN", "344": "RU", "502": "US", "110": "HK", "116": "JP", "133": "KR"}
SPECIAL_COUNTRIES: Final = frozenset({"EU", "00", "99"})
"""What box 34 may say instead of a country: European Union, not known, several."""


@lru_cache(maxsize=1_024)
def country_code(text: str, scheme: str = "ISO") -> str:
    """The alpha-2 code of a country written as alpha-2, alpha-3 or number; ``scheme`` CN has numbers of its own. Raises Unreadable."""
    shown = plain(text).upper()
    if shown in country.CODES or shown in SPECIAL_COUNTRIES:
        return shown
    if scheme == "CN" and shown.isdigit():
        found = [_CN_COUNTRIES[shown]] if shown in _CN_COUNTRIES else []
    else:
        found = get_global("territory_aliases").get(shown, []) if len(shown) == 3 else []
    if len(found) != 1 or found[0] not in country.CODES:
        raise Unreadable(f"{text[:40]!r} is no country", "write the two or three letters of ISO 3166-1")
    return str(found[0])


_WITHDRAWN: Final = frozenset({"BUR", "ZAR", "DDR", "FXX", "TMP", "YMD"})
"""Alpha-3 codes of former names that lead to a country of today (ISO 3166-3)."""


@cache
def _three_letters() -> Mapping[str, str]:
    return {
        found[0]: three
        for three, found in get_global("territory_aliases").items()
        if len(three) == 3 and three.isalpha() and len(found) == 1 and three not in _WITHDRAWN
    }


def country_alpha3(alpha2: str) -> str:
    """The alpha-3 code of an alpha-2 code; "" for what is no country (EU, 00, 99)."""
    return _three_letters().get(alpha2, "") if alpha2 in country.CODES else ""
