"""What must follow an amendment, what may and what must not, by element, side and phase; and by when: dated tables with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from services.trade.domain.crosswalk import LANGUAGES
from services.trade.domain.filing import ChangeClass, Filing
from services.trade.domain.paper import Kind
from services.trade.domain.values import rows_in_force

SIDES: Final[Mapping[Kind, str]] = {
    Kind.CN_DECLARATION: "CN",
    Kind.EAEU_DECLARATION: "DT",
    Kind.EAEU_TRANSIT: "TD",
}
"""The declarations that are compared, by the name of their side in the tables."""


class Follows(StrEnum):
    """Whether an element of a declaration follows a change of the same trade elsewhere; FROZEN where no change is taken now."""

    MUST = "MUST"
    MAY = "MAY"
    MUST_NOT = "MUST_NOT"
    FROZEN = "FROZEN"


class Act(StrEnum):
    """What a term runs for: to apply for a change that follows another, to confirm one that customs ask for."""

    FOLLOW = "FOLLOW"
    CONFIRM = "CONFIRM"


@dataclass(frozen=True, slots=True)
class FollowRule:
    """A row of the table: what it says of an element (its number in the crosswalk; "*" for all), and from which day it holds."""

    element: str
    carried_by: frozenset[str]
    side: str
    phase: str
    follows: Follows
    rule: str
    change_class: ChangeClass | None
    source: str
    valid_from: date

    @property
    def precision(self) -> int:
        """A row of a side or phase goes before one of all."""
        return (self.side != "*") + (self.phase != "*")


@dataclass(frozen=True, slots=True)
class Due:
    """By when, and from where the term is; ``day`` None where no term or no beginning is known."""

    day: date | None
    source: str


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground that the law of a side lists for a change, its words by language, and where it stands."""

    side: str
    code: str
    words: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class StepRules:
    """The tables as they hold on one day."""

    as_of: date
    rows: tuple[FollowRule, ...]
    terms: Mapping[tuple[str, str], tuple[int | None, str]]
    grounds: tuple[Ground, ...]

    def follow(self, element: str, filing: Filing) -> FollowRule:
        """What holds for ``element`` of ``filing``; KeyError where the table has no row on that day."""
        found = [row for row in self.rows if row.element == element and self._fits(row, filing)]
        if not found:
            raise KeyError(element)
        return max(found, key=lambda row: row.precision)

    def frozen(self, filing: Filing) -> FollowRule | None:
        """Why ``filing`` may not be changed in its phase; None where it may."""
        found = [row for row in self.rows if row.element == "*" and self._fits(row, filing)]
        row = max(found, key=lambda row: row.precision, default=None)
        return row if row is not None and row.follows is Follows.FROZEN else None

    def due(self, kind: Kind, act: Act, since: int | None) -> Due:
        """By when a declarant of ``kind`` has to act on what happened ``since`` (microseconds)."""
        days, source = self.terms.get((SIDES[kind], act), (None, "no term is known here"))
        if days is None or since is None:
            return Due(None, source)
        return Due(datetime.fromtimestamp(since // 1_000_000, UTC).date() + timedelta(days=days), source)

    @staticmethod
    def _fits(row: FollowRule, filing: Filing) -> bool:
        return row.side in ("*", SIDES[filing.kind]) and row.phase in ("*", filing.phase)


@cache
def step_rules(as_of: date) -> StepRules:
    """The rules that hold on ``as_of``."""

    rows = tuple(
        FollowRule(
            row["element"],
            frozenset(row["carried_by"].split("|")),
            row["side"],
            row["phase"],
            Follows(row["follows"]),
            row["rule"],
            ChangeClass(row["change_class"]) if row["change_class"] else None,
            row["source"],
            date.fromisoformat(row["valid_from"]),
        )
        for row in rows_in_force("in_step", ("element", "side", "phase"), as_of)
    )
    terms = {
        (row["side"], row["act"]): (int(row["days"]) if row["days"] else None, row["source"])
        for row in rows_in_force("due_dates", ("side", "act"), as_of)
    }
    grounds = tuple(
        Ground(row["side"], row["code"], {name: row[name] for name in LANGUAGES}, row["source"])
        for row in rows_in_force("grounds", ("side", "code"), as_of)
    )
    return StepRules(as_of, rows, terms, grounds)
