"""Totals of a bank's financings by state, currency and corridor, and what falls due when. Pure; amounts of two currencies are never added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from services.financing.domain.lifecycle import State

UNKNOWN = ""
"""The corridor of a financing whose cargo has no planned route over a border of China."""
WEEKS = 13
"""Weeks ahead by which maturities are shown one by one."""


class Group(NamedTuple):
    """Financings of one state, currency and corridor; ``currency`` is "" where no amount is approved or paid."""

    stage: str
    currency: str
    corridor: str


class Sum(NamedTuple):
    """So many financings, with the amounts approved, paid out and owed in minor units."""

    financings: int = 0
    approved: int = 0
    drawn: int = 0
    owed: int = 0

    def plus(self, other: Sum) -> Sum:
        """Both together."""
        return Sum(*(a + b for a, b in zip(self, other, strict=True)))


class Due(NamedTuple):
    """What falls due in the week from ``week`` (a Monday) in one currency; None: overdue, ``date.max``: later than the weeks shown."""

    week: date | None
    currency: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums by group, and (count, owed) by when that falls due."""

    groups: Mapping[Group, Sum] = field(default_factory=dict)
    due: Mapping[Due, tuple[int, int]] = field(default_factory=dict)

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        groups, due = dict(self.groups), dict(self.due)
        for group, found in other.groups.items():
            groups[group] = groups.get(group, Sum()).plus(found)
        for when, (count, owed) in other.due.items():
            before = due.get(when, (0, 0))
            due[when] = before[0] + count, before[1] + owed
        return Totals(groups, due)

    def by(self, *members: str) -> dict[tuple[str, ...], Sum]:
        """Sums by the named members of the groups, in order."""
        found: dict[tuple[str, ...], Sum] = defaultdict(Sum)
        for group, each in self.groups.items():
            key = tuple(getattr(group, member) for member in members)
            found[key] = found[key].plus(each)
        return dict(sorted(found.items()))


def totals_of(states: Iterable[tuple[State, Sequence[str]]], today: date) -> Totals:
    """The totals of financings, each with the corridors that its cargo takes; several are one corridor of their own."""
    groups: dict[Group, Sum] = defaultdict(Sum)
    due: dict[Due, tuple[int, int]] = {}
    for state, corridors in states:
        group = Group(str(state.stage), state.currency, " + ".join(sorted(corridors)) or UNKNOWN)
        approved = 0 if state.approved is None else state.approved.minor
        groups[group] = groups[group].plus(Sum(1, approved, state.drawn, state.outstanding))
        if state.matures_on is not None and state.outstanding:
            when = Due(_week(state.matures_on, today), state.currency)
            count, owed = due.get(when, (0, 0))
            due[when] = count + 1, owed + state.outstanding
    return Totals(dict(groups), due)


def _week(matures_on: date, today: date) -> date | None:
    if matures_on < today:
        return None
    monday = matures_on - timedelta(days=matures_on.weekday())
    return monday if monday < today + timedelta(weeks=WEEKS) else date.max
