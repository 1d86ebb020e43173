"""Rates of signals from decayed counts, and the stability of shipping (S10). Integers only; divisions round down.

The weight of an observation at age ``a`` days with half-life ``H`` is 2^(-a/H) in units of 2^-20, rounded down, from the table in
``data/decay.json`` (one half-life; further ones are shifts), computed on read. Rates are in millionths, drawn towards a prior
while little is known.

S10 is the squared coefficient of variation of monthly volume less what chance explains (for counts, 1 / mean), so that size gives
no points. Months of the Chinese New Year, and months with a long border closure, are left out for all shippers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from math import isqrt

from services.credit.domain.observations import Count, Day, day_of
from services.credit.domain.signals import PPM, WHOLE, Model, Signal
from services.credit.domain.statements import DAY
from services.domain.facts import Lifting, Restriction
from services.domain.restrictions import known_ends

ONE = 1 << 20
"""The weight of an observation of today."""


@cache
def tables() -> Mapping[int, tuple[int, ...]]:
    """The weights of the first half-life, by its length in days."""
    text = files("services.credit.domain").joinpath("data", "decay.json").read_text(encoding="utf-8")
    return {int(days): tuple(weights) for days, weights in json.loads(text).items()}


def weight(age: int, half_life: int, retention: int) -> int:
    """The weight at ``age`` days: 0 for the future and beyond ``retention``; KeyError for an unpublished half-life."""
    if age < 0 or age > retention:
        return 0
    halvings, rest = divmod(age, half_life)
    return tables()[half_life][rest] >> halvings


@dataclass(frozen=True, slots=True)
class Rate:
    """The failures among the trials as of a day: ``trials`` and ``bad`` are decayed sums in units of 2^-20.

    ``rate`` is in millionths, with shrinkage; ``deviation`` is its standard deviation.
    """

    trials: int
    bad: int
    rate: int
    deviation: int

    @property
    def present(self) -> bool:
        """Whether at least one whole observation is known."""
        return self.trials >= ONE


def rate(counts: Iterable[tuple[Day, Count]], signal: Signal, model: Model, today: Day) -> Rate:
    """The rate of one signal from its counts by day; days after ``today`` do not count yet.

    (a + sum w bad) / (a + b + sum w), the Beta prior's a of ``prior_bad`` and a + b pseudo-observations. Adding what is bad, or
    turning good into bad, never lowers it.
    """
    table = model.of(signal)
    trials = bad = 0
    for day, (tried, wrong) in counts:
        factor = weight(today - day, table.half_life_days, model.retention_days)
        trials += factor * tried
        bad += factor * wrong
    known = model.pseudo_observations * ONE + trials
    found = (table.prior_bad * ONE + bad) * (PPM // WHOLE) // known
    return Rate(trials, bad // WHOLE, found, isqrt(found * (PPM - found) * ONE // (known + ONE)))


Month = str
"""YYYY-MM in UTC."""
_EPOCH = date(1970, 1, 1)


def month_of(day: Day) -> Month:
    """The month in which a UTC day lies."""
    return f"{_EPOCH + timedelta(days=day):%Y-%m}"


def closures(
    restrictions: Iterable[Restriction], liftings: Iterable[Lifting], today: Day, model: Model
) -> frozenset[Month]:
    """The months up to ``today`` that a border closure of ``closure_days`` or longer touched; pass live facts of authorities."""
    least = model.stability.closure_days * DAY
    months: set[Month] = set()
    for closed in known_ends(restrictions, liftings):
        end = (today + 1) * DAY if closed.end is None else min(closed.end, (today + 1) * DAY)
        if closed.kind == "BORDER_CLOSED" and end - closed.start >= least:
            months |= {month_of(day) for day in range(day_of(closed.start), day_of(end - 1) + 1)}
    return frozenset(months)


def complete_months(first: Day, today: Day, most: int) -> tuple[Month, ...]:
    """The whole months before that of ``today``, at most ``most``, beginning with the one after ``first``'s."""
    month = (_EPOCH + timedelta(days=today)).replace(day=1)
    start = month_of(first)
    found: list[Month] = []
    while len(found) < most:
        month = (month - timedelta(days=1)).replace(day=1)
        name = f"{month:%Y-%m}"
        if name <= start:
            break
        found.append(name)
    return tuple(reversed(found))


def dispersion(months: Iterable[int]) -> int | None:
    """The squared coefficient of variation beyond chance, in millionths; None where nothing was shipped.

    (variance - mean) / mean^2 with sums only: (n S2 - S1^2 - n S1) / S1^2; never below 0.
    """
    values = tuple(months)
    total, squares, n = sum(values), sum(v * v for v in values), len(values)
    if not total:
        return None
    return max(0, (n * squares - total * total - n * total) * PPM // (total * total))


def stability_points(
    counts: Mapping[Day, Count], closed: frozenset[Month], today: Day, model: Model
) -> tuple[int, int | None]:
    """Points for S10 and the dispersion in millionths; None where too few months are known, and then the prior's points."""
    rules, table = model.stability, model.of(Signal.STABILITY)
    shipped = {day: tried for day, (tried, _) in counts.items() if tried and day <= today}
    neutral = table.points(table.prior_bad * PPM // (model.pseudo_observations * 1_000))
    if not shipped:
        return neutral, None
    out = closed.union(rules.left_out)
    months = [m for m in complete_months(min(shipped), today, rules.months) if m not in out]
    by_month: Counter[Month] = Counter()
    for day, tried in shipped.items():
        by_month[month_of(day)] += tried
    found = dispersion(by_month[m] for m in months)
    if len(months) < rules.least_months or found is None:
        return neutral, None
    active = len(by_month)
    tenure = max((points for least, points in rules.tenure if active >= least), default=0)
    return min(table.points(found), tenure), found
