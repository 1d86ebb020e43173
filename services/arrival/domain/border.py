"""When a cargo passes a border that is or was closed: its known end, the trains ahead, and how many pass a day.

A train that comes while the border is closed passes when it has opened and all trains ahead of it have passed. Without a known
end nothing can be said but the earliest: as if it opened now.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import isqrt
from typing import NamedTuple

from services.arrival.domain import distribution
from services.arrival.domain.distribution import Mass
from services.arrival.domain.history import run_hours
from services.arrival.domain.legs import Leg, Progress, segment_of
from services.arrival.domain.tables import Tables
from services.domain.facts import Micros
from services.domain.rules import HOUR

DAY: Micros = 24 * HOUR


class Closure(NamedTuple):
    """Nothing passes in [start, end); ``end`` None: nobody has named one. ``lifted``: its end was ordered, not only planned.

    ``events`` state it.
    """

    start: Micros
    end: Micros | None
    lifted: bool
    events: tuple[bytes, ...] = ()


def united(closures: Iterable[Closure]) -> tuple[Closure, ...]:
    """Several publishers' words on one closed border as one closure, as long as they overlap; an end that is known counts."""
    found: list[Closure] = []
    for each in sorted(closures, key=lambda c: (c.start, c.events)):
        last = found[-1] if found else None
        if last is None or (last.end is not None and last.end < each.start):
            found.append(each)
            continue
        ends = [end for end in (last.end, each.end) if end is not None]
        found[-1] = Closure(
            last.start, max(ends, default=None), last.lifted or each.lifted, last.events + each.events
        )
    return tuple(found)


class Queue(NamedTuple):
    """One direction of a border as it is known now.

    ``ahead`` are the trains that wait there or come before this one; ``passed`` when trains passed, of the last weeks, and
    ``passed_back`` those the other way; ``slips`` by how many hours the end of closures by this authority came later than announced.
    """

    crossing: str
    ahead: int = 0
    passed: tuple[Micros, ...] = ()
    passed_back: tuple[Micros, ...] = ()
    closures: tuple[Closure, ...] = ()
    slips: tuple[int, ...] = ()


def ahead_of(progress: Progress, border: Leg, others: Iterable[tuple[Leg, Micros]]) -> int:
    """How many trains come to ``border`` before the cargo: those that wait, and those on legs between it and the cargo.

    ``others`` are the legs on which cargoes are now, each with its start; many cargoes of one train count once.
    """
    if progress.leg is None:
        return 0
    nearer: dict[tuple[int, str, str], int] = {}
    path = (progress.leg, *progress.ahead)
    for number, leg in enumerate(path[: path.index(border) + 1]) if border in path else ():
        nearer[segment_of(leg)] = number
    own = _due(progress.leg, progress.since)
    trains = {
        (leg, start)
        for leg, start in others
        if (at := nearer.get(segment_of(leg))) is not None and (at or _due(leg, start) < own)
    }
    return len(trains)


def _due(leg: Leg, start: Micros) -> Micros:
    """When a train comes to the end of its run, as the typical hours say; where it stands, it is there."""
    hours = run_hours(leg.first, leg.last) if leg.stage.segment == 1 else None
    return start + int((hours or 0.0) * HOUR)


class Rate(NamedTuple):
    """Trains a day that pass when there is a queue: low, middle and high (P10, P50, P90), in hundredths, from ``seen`` passages."""

    low: int
    middle: int
    high: int
    seen: int


class Opening(NamedTuple):
    """From hour ``start`` on nothing passes before ``moment`` (hours from now); ``known_end`` False: before it for certain."""

    start: int
    moment: Mass
    known_end: bool
    rate: Rate
    closure: Closure


def openings(queue: Queue, now: Micros, table: Tables) -> list[Opening]:
    """What closures, present, planned or lately over, mean for a train with ``queue.ahead`` trains before it."""
    found = []
    for closure in sorted(queue.closures, key=lambda c: (c.start, c.end or 0)):
        after = table.closure.disturbed_after_days * DAY
        if closure.end is not None and closure.end + after <= now:
            continue
        rate = passing(queue, closure, now, table)
        start = _hours(closure.start - now)
        if closure.end is not None and closure.end <= now:
            found.append(
                Opening(0, _cleared(queue.ahead, rate, table.closure.place_off), True, rate, closure)
            )
            continue
        ends = closure.end if closure.end is not None else max(now, closure.start)
        opens = distribution.at(max(0, _hours(ends - now)))
        if closure.end is not None:
            opens = distribution.added(opens, _slip(queue, closure, table))
        moment = distribution.added(opens, _cleared(queue.ahead, rate, table.closure.place_off))
        found.append(Opening(max(0, start), moment, closure.end is not None, rate, closure))
    return found


def _hours(span: Micros) -> int:
    return span // HOUR


def _slip(queue: Queue, closure: Closure, table: Tables) -> Mass:
    """How much later than announced it opens: this authority's record, and the table where that is short."""
    prior = table.closure.slips_of_a_lifting if closure.lifted else table.closure.slips_of_an_order
    seen = distribution.counted((max(0, hours), 1) for hours in queue.slips)
    return distribution.mixed(
        (
            (distribution.normal(seen), len(queue.slips)),
            (distribution.normal(distribution.counted(prior)), table.closure.slip_strength),
        )
    )


def passing(queue: Queue, closure: Closure, now: Micros, table: Tables) -> Rate:
    """How many trains pass a day when there is a queue: what was seen since it opened, and before that so much more than usual."""
    # A border can pass as many one way as the other.
    usual = max(_a_day(queue.passed, closure.start), _a_day(queue.passed_back, closure.start))
    opened = closure.end if closure.end is not None and closure.end <= now else now
    seen = sum(opened <= at <= now for at in queue.passed)
    # A Poisson rate with a gamma prior worth so many trains, all in hundredths.
    trains = table.closure.prior_trains
    prior = max(usual * table.closure.clearing_percent // 100, table.closure.least_per_day)
    days = trains * 10_000 // prior + (now - opened) * 100 // DAY
    middle = max(1, (trains + seen) * 10_000 // max(1, days))
    return Rate(_gamma(middle, trains + seen, -1), middle, _gamma(middle, trains + seen, 1), seen)


def _a_day(passed: Iterable[Micros], before: Micros) -> int:
    """How many trains passed a day ``before`` a moment, in hundredths."""
    known = [at for at in passed if at < before]
    return len(known) * 100 * DAY // max(DAY, before - min(known, default=before))


def _gamma(mean: int, shape: int, side: int) -> int:
    """P10 (side -1) or P90 (side 1) of a gamma distribution (Wilson and Hilferty 1931)."""
    root = 10_000 - 10_000 // (9 * shape) + side * 12_816 * 100 // (3 * isqrt(shape * 10_000))
    return max(1, mean * root**3 // 10_000**3)


def _cleared(ahead: int, rate: Rate, off: int) -> Mass:
    """How long after the opening a train passes that has ``ahead`` trains before it, give or take ``off``: some overtake."""
    few, middle, many = (trains * 2_400 + 1_200 for trains in (max(0, ahead - off), ahead, ahead + off))
    points = (
        (0, few // (rate.high * 5 // 4)),
        (10, few // rate.high),
        (50, middle // rate.middle),
        (90, many // rate.low),
    )
    last = (100, points[-1][1] * 5 // 4)
    return _through((*points, last))


def _through(points: Iterable[tuple[int, int]]) -> Mass:
    known = list(points)
    weights = [0] * (known[-1][1] + 1)
    for (low, start), (high, end) in pairwise(known):
        hours = range(start, max(end, start + 1))
        for hour in hours:
            weights[min(hour, len(weights) - 1)] += (high - low) * 10_000 // len(hours)
    return distribution.normal(weights)
