"""Findings of a check: the verdict, both values as written, their places, the tolerance with its source, and the arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, Final, NamedTuple

from services.trade.domain.crosswalk import TableRow
from services.trade.domain.official_tables import Rates, Tariff
from services.trade.domain.values import Field, Place, number, rows_in_force, table

_TERMS: Final = 6
"""Terms of a sum that are written out."""


class Verdict(StrEnum):
    """What a check says of two values."""

    MATCH = "MATCH"
    REVIEW = "REVIEW"
    CONTRADICTION = "CONTRADICTION"
    NOT_COMPARABLE = "NOT_COMPARABLE"
    MISSING = "MISSING"


class Reason(StrEnum):
    """Why a verdict is as it is, by a stable code; its words are in ``data/texts.csv``."""

    AGREES = "AGREES"
    DIFFERS = "DIFFERS"
    SUM_DIFFERS = "SUM_DIFFERS"
    BEYOND_BAND = "BEYOND_BAND"
    BY_FEES = "BY_FEES"
    RESALE = "RESALE"
    BOX_TARE = "BOX_TARE"
    RELOADED = "RELOADED"
    THOUSANDFOLD = "THOUSANDFOLD"
    STALE = "STALE"
    UNMATCHED = "UNMATCHED"
    ABSENT = "ABSENT"
    NO_TABLE = "NO_TABLE"
    NOT_IN_TABLE = "NOT_IN_TABLE"
    OTHER_DAY = "OTHER_DAY"
    WRONG_SIDE = "WRONG_SIDE"
    UNLIKE_UNITS = "UNLIKE_UNITS"
    UNLIKE_SCRIPTS = "UNLIKE_SCRIPTS"
    UNLIKE_LEVELS = "UNLIKE_LEVELS"
    UNLIKE_CURRENCIES = "UNLIKE_CURRENCIES"
    UNLIKE_EDITIONS = "UNLIKE_EDITIONS"
    ALIKE_NAMES = "ALIKE_NAMES"
    CHECK_DIGIT = "CHECK_DIGIT"
    SPECIAL_CODE = "SPECIAL_CODE"
    STOP_WORD = "STOP_WORD"
    FORM = "FORM"
    TWICE = "TWICE"
    TWO_DEALS = "TWO_DEALS"
    HOME_TERRITORY = "HOME_TERRITORY"
    IN_TRANSIT = "IN_TRANSIT"
    RESOLD_IN_TRANSIT = "RESOLD_IN_TRANSIT"
    BONDED = "BONDED"
    BOP_CODE = "BOP_CODE"
    SUBHEADING = "SUBHEADING"
    NO_ORIGINAL = "NO_ORIGINAL"
    PRE_LODGED = "PRE_LODGED"
    NOT_CONCERNED = "NOT_CONCERNED"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A row of the table of tolerances: what it is of, its value and unit, its source, and from which day it holds."""

    check: str
    name: str
    value: Decimal
    unit: str
    source: str
    valid_from: date

    def __str__(self) -> str:
        return f"{self.name} {self.value} {self.unit}".strip()


class Sum(NamedTuple):
    """A sum of ``values`` and how it was made; written out where it is shown."""

    total: Decimal
    values: tuple[Decimal, ...]

    def __str__(self) -> str:
        if len(self.values) == 1:
            return number(self.total)
        shown = " + ".join(number(each) for each in self.values[:_TERMS])
        more = f" + ... ({len(self.values)} values)" if len(self.values) > _TERMS else ""
        return f"{shown}{more} = {number(self.total)}"


class Counted(NamedTuple):
    """A number of a unit."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        return f"{number(self.value)} {self.unit}"


class Difference(NamedTuple):
    """Two numbers, each with how it was made, and by how much they may differ; written out where it is shown."""

    left: tuple[Decimal, object]
    right: tuple[Decimal, object]
    allowed: Decimal

    def __str__(self) -> str:
        one, other = number(self.left[0]), number(self.right[0])
        difference = abs(self.left[0] - self.right[0])
        sign = "<=" if difference <= self.allowed else ">"
        text = f"|{one} - {other}| = {number(difference)} {sign} {number(self.allowed)}"
        made = [
            how
            for value, each in ((one, self.left[1]), (other, self.right[1]))
            if (how := str(each)) != value
        ]
        return "; ".join([*made, text])


class Finding(NamedTuple):
    """What a check says. ``values`` are as written, with their places; ``line`` is "" where the whole papers are meant.

    ``table`` is the row of a code list or of an authority's table that was used, with its version.
    """

    check: str
    verdict: Verdict
    reason: Reason
    line: str = ""
    values: tuple[Field[Any], ...] = ()
    worked: str | Difference = ""
    tolerance: Tolerance | None = None
    table: TableRow | None = None

    @property
    def arithmetic(self) -> str:
        """How the verdict was reached."""
        return str(self.worked)


@dataclass(frozen=True, slots=True)
class Rules:
    """The tables as they hold on one day, with those of authorities where they are given."""

    as_of: date
    tolerances: Mapping[tuple[str, str], Tolerance]
    rates: Rates | None = None
    tariff: Tariff | None = None

    def tolerance(self, check: str, name: str) -> Tolerance:
        """The tolerance of ``check`` called ``name``; KeyError where the table has none on that day."""
        return self.tolerances[check, name]


@cache
def rules(as_of: date) -> Rules:
    """The rules that hold on ``as_of``: of each tolerance, the row with the latest ``valid_from`` until then."""
    in_force = (
        Tolerance(
            row["check"],
            row["name"],
            Decimal(row["value"]),
            row["unit"],
            row["source"],
            date.fromisoformat(row["valid_from"]),
        )
        for row in rows_in_force("tolerances", ("check", "name"), as_of)
    )
    return Rules(as_of, {(each.check, each.name): each for each in in_force})


def suspects(findings: Iterable[Finding]) -> tuple[tuple[Field[Any], int], ...]:
    """The values that most contradictions of single lines or pairs share, with how many: where to look first.

    A value that is in as many comparisons that agree is none. Empty where no value stands in two contradictions.
    """
    against: Counter[Place] = Counter()
    agreeing: Counter[Place] = Counter()
    fields: dict[Place, Field[Any]] = {}
    for finding in findings:
        if finding.verdict is Verdict.CONTRADICTION and finding.reason is not Reason.SUM_DIFFERS:
            against.update({each.place for each in finding.values})
            fields.update({each.place: each for each in finding.values})
        elif finding.verdict is Verdict.MATCH:
            agreeing.update({each.place for each in finding.values})
    most = max((count - agreeing[place] for place, count in against.items() if count > 1), default=0)
    return tuple(
        (fields[place], count)
        for place, count in against.items()
        if count > 1 and count - agreeing[place] == most > 0
    )


def check_words(language: str) -> Mapping[str, str]:
    """The texts of checks, verdicts and drafts in ``language`` (``crosswalk.NAMED_IN``) by their keys."""
    return {row["key"]: row[language] for row in table("texts")}
