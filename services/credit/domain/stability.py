"""S10: how evenly a shipper ships from month to month, beyond what chance alone explains, and for how long.

A small shipper's months differ more than a large one's by chance alone. What is read is the squared coefficient of variation
less that part (for counts, 1 / mean), so that size gives no points. Months of the Chinese New Year, and months in which a border was
closed for long, are left out for everybody, whatever the route.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from services.credit.domain.counts import Count
from services.credit.domain.observations import Day, day_of
from services.credit.domain.signals import PPM, Model, Signal
from services.credit.domain.statements import DAY
from services.domain.facts import Lifting, Restriction
from services.domain.restrictions import ends

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
    lifted = tuple(liftings)
    least = model.stability.closure_days * DAY
    months: set[Month] = set()
    for closed in restrictions:
        end = min(ends(closed, lifted), (today + 1) * DAY)
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
