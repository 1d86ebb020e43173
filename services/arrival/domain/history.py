"""How long a leg takes, learned from counts: the service's own, pooled with those of all services, and with a table where both are few.

What lasts still counts for as long as it has lasted (censored), so a leg on which everybody is stuck does not look quick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from schemas import railnet
from services.arrival.domain import distribution
from services.arrival.domain.distribution import Mass
from services.arrival.domain.legs import Leg, Observation, Stage, crossing_between
from services.arrival.domain.tables import Points, Tables
from services.domain.facts import Micros
from services.domain.rules import HOUR

WEEK: Micros = 7 * 24 * HOUR
_FIRST_MONDAY = 4 * 24 * HOUR  # 1970-01-05


class Cell(NamedTuple):
    """``trains`` of a service whose leg began in a week (ISO 8601, by its number since 1970-01-05) took [hours, hours + 1)."""

    leg: Leg
    service: str
    week: int
    hours: int
    trains: int


class Source(StrEnum):
    """On what most of a distribution rests."""

    OWN = "OWN"  # legs of the same service
    POOLED = "POOLED"  # legs of all services
    TABLE = "TABLE"  # typical hours


class Learned(NamedTuple):
    """The distribution of a leg; ``own`` and ``pooled`` are how many ended legs it was learned from, ``ongoing`` how many last."""

    mass: Mass
    own: int
    pooled: int
    ongoing: int
    source: Source


def week_of(at: Micros) -> int:
    """The week in which a moment lies."""
    return (at - _FIRST_MONDAY) // WEEK


def monday(week: int) -> Micros:
    """When a week begins."""
    return week * WEEK + _FIRST_MONDAY


def iso_week(week: int) -> str:
    """A week as ISO 8601 writes it, 2025-W37."""
    year, number, _ = (date(1970, 1, 5) + timedelta(weeks=week)).isocalendar()
    return f"{year}-W{number:02}"


def cells(observed: Iterable[Observation]) -> list[Cell]:
    """The counts of all legs that have ended; the same leg of one train, seen on many cargoes, counts once."""
    counts: Counter[tuple[Leg, str, int, int]] = Counter()
    for each in set(observed):
        if each.end is not None:
            hours = min((each.end - each.start) // HOUR, distribution.LONGEST - 1)
            counts[each.leg, each.service, week_of(each.start), hours] += 1
    return [Cell(*key, count) for key, count in sorted(counts.items())]


def learn(
    leg: Leg,
    service: str,
    known: Iterable[Cell],
    ongoing: Iterable[Observation],
    now: Micros,
    disturbed: Collection[int],
    table: Tables,
) -> Learned | None:
    """What is known of ``leg`` for ``service``; None where nobody has run it and no table knows it.

    ``known`` and ``ongoing`` may hold other legs, too; what began in ``disturbed`` weeks is left aside.
    """
    this = week_of(now)
    ended: list[tuple[int, int]] = []
    own: list[tuple[int, int]] = []
    n_own = n_pooled = 0
    for cell in known:
        if cell.leg == leg and cell.week not in disturbed:
            weighted = cell.hours, cell.trains * _weight(this - cell.week, table)
            ended.append(weighted)
            n_pooled += cell.trains
            if cell.service == service:
                own.append(weighted)
                n_own += cell.trains
    lasting = [
        (each.service, int((now - each.start) // HOUR))
        for each in set(ongoing)
        if each.leg == leg and each.end is None and each.start <= now and week_of(each.start) not in disturbed
    ]
    whole = table.weights[0][1]
    prior = typical(leg, table)
    if not prior and not ended:
        return None
    if not ended:
        prior = _unproven(leg, table)
    unended = distribution.counted((hours, whole) for _, hours in lasting)
    pooled = distribution.outlasting(
        distribution.counted(ended), unended, prior or (), table.table_strength * whole if prior else 0
    )
    unended = distribution.counted((hours, whole) for name, hours in lasting if name == service)
    mass = distribution.outlasting(distribution.counted(own), unended, pooled, table.service_strength * whole)
    if n_own >= table.service_strength:
        source = Source.OWN
    else:
        source = Source.POOLED if n_pooled >= table.table_strength else Source.TABLE
    return Learned(mass, n_own, n_pooled, len(lasting), source)


def _weight(age: int, table: Tables) -> int:
    """What a leg of that age in weeks weighs."""
    weight = next((weight for below, weight in table.weights if age < below), table.weights[-1][1])
    around = abs((age + 26) % 52 - 26)
    return max(weight, table.season_weight) if age > 26 and around <= table.season_weeks else weight


@cache
def typical(leg: Leg, table_version: Tables) -> Mass:
    """The distribution of a leg by the table alone; () where it knows nothing of these places."""
    table = table_version
    if leg.stage.segment == 0:
        return _straight(table.origin[leg.stage.name], 1.0)
    if leg.stage.segment == 1:
        hours = run_hours(leg.first, leg.last)
        if hours is None:
            return ()
        mass = _straight(table.run, hours)
        return distribution.added(mass, _straight(table.held_hours, 1.0)) if leg.stage is Stage.HELD else mass
    crossing = railnet.crossings().get(crossing_between(leg.first, leg.last))
    if crossing is None:
        return ()
    median, p90 = crossing.dwell.median_hours, crossing.dwell.p90_hours
    points = ((0, 0.0), (10, 0.4 * median), (50, median), (90, p90), (100, 1.5 * p90))
    share = {
        Stage.AT_BORDER: table.share_before_handover,
        Stage.HANDED_OVER: table.share_after_handover,
        Stage.TRANSSHIPPED: table.share_after_transshipment,
    }[leg.stage]
    mass = _straight(points, share)
    if crossing.by_sea and leg.stage is Stage.HANDED_OVER:
        sailing = run_hours(leg.first, leg.last)
        return distribution.added(mass, _straight(table.run, sailing or 0.0))
    return mass


@cache
def _unproven(leg: Leg, table: Tables) -> Mass:
    """The typical distribution of a leg that nobody has finished: how far the typical hours are off here is not known either."""
    mass = typical(leg, table)
    return distribution.mixed(
        (distribution.stretched(mass, percent), weight) for percent, weight in table.unproven
    )


@cache
def run_hours(first: str, last: str) -> float | None:
    """The typical running hours between two places, None where railnet does not know."""
    origin, end = railnet.resolve(first), railnet.resolve(last)
    if origin is None or end is None:
        return None
    own = railnet.hours_to(end.id).get(origin.id)
    return own if own is not None else railnet.hours_to(end.id, abroad=True).get(origin.id)


def _straight(points: Points, times: float) -> Mass:
    """The distribution through the points, its values ``times`` so much; exact to a hundredth of a percent and hour."""
    edges = [(percent, round(value * times * 100)) for percent, value in points]
    weights = [0] * (edges[-1][1] // 100 + 1)
    for (low, start), (high, end) in pairwise(edges):
        share = (high - low) * 10_000
        if end == start:
            weights[start // 100] += share
            continue
        for hour in range(start // 100, end // 100 + 1):
            inside = min(end, (hour + 1) * 100) - max(start, hour * 100)
            weights[hour] += share * max(0, inside) // (end - start)
    return tuple(distribution.normal(weights))
