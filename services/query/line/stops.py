"""The stops of a train from its visits, with the stations that lie between. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from schemas import railnet
from services.domain.facts import Micros
from services.domain.rules import HOUR
from services.query.line.run import ARRIVED_SHOWN, KEPT, QUIET, State, Stop
from services.query.line.visits import Visit
from services.query.line.ways import leg_hours, towards, way_between


def stops_of(
    visits: Sequence[Visit],
    held: Sequence[tuple[Micros, Micros, State]],
    bound: str,
    onward: Micros | None,
) -> tuple[Stop, ...]:
    """The stops of these visits, with the stations that lie between."""
    found: list[Stop] = []
    for n, visit in enumerate(visits):
        after = visits[n + 1] if n + 1 < len(visits) else None
        way = () if after is None else way_between(visit.station, after.station)
        crossing = _waits_for(visit, way, bound)
        until = _until(visit, after, way, crossing, held, onward)
        found += _at_station(visit, until, crossing, held)
        if after is not None:
            found += _passed(way, until, after.since)
    return tuple(found)


def _until(
    visit: Visit,
    after: Visit | None,
    way: Sequence[str],
    crossing: str,
    held: Sequence[tuple[Micros, Micros, State]],
    onward: Micros | None,
) -> Micros:
    """When the train is no longer at the station, or no longer in sight."""
    if after is not None:
        if visit.left is not None:
            return min(visit.left, after.since)
        hours = sum(leg_hours(pair) for pair in pairwise(way))
        return min(max(visit.last, after.since - int(hours * HOUR)), after.since)
    if onward is not None:
        return max(visit.last, onward)
    if visit.ended:
        return visit.last + ARRIVED_SHOWN
    waits = visit.left is None and (bool(crossing) or any(end > visit.last for _, end, _ in held))
    return visit.last + (KEPT if waits else QUIET)


def _at_station(
    visit: Visit, until: Micros, crossing: str, held: Sequence[tuple[Micros, Micros, State]]
) -> Iterator[Stop]:
    """A visit cut by what the train does there."""
    at = visit.since
    if crossing:
        yield Stop(visit.station, at, until, State.WAITS, crossing)
        return
    for start, end, state in held:
        begin, over = max(at, start), min(end, until)
        if begin >= over:
            continue
        if begin > at:
            yield Stop(visit.station, at, begin, State.STANDS)
        yield Stop(visit.station, begin, over, State.HELD if state is State.WAITS else state)
        at = over
    if at < until or at == visit.since:
        yield Stop(visit.station, at, until, State.STANDS)


def _waits_for(visit: Visit, way: Sequence[str], bound: str) -> str:
    """The id of the crossing before which the train stands, "" where it stands before none; ``way`` leads to where it is next."""
    sides = [c for c in railnet.crossings_at(visit.station) if c.id != visit.over and not c.by_sea]
    if not sides or visit.ended:
        return ""
    if way:
        return next((c.id for c in sides if way[1:2] and way[1] in (c.a.station, c.b.station)), "")
    if visit.left is not None or visit.over:
        return ""
    return next((c.id for c in sides if bound and towards(c, visit.station) == bound), "")


def _passed(way: Sequence[str], leaves: Micros, arrives: Micros) -> Iterator[Stop]:
    """The stations between the ends of ``way``, in time in proportion to running times."""
    hours = [leg_hours(pair) for pair in pairwise(way)]
    total = sum(hours) or 1.0
    gone = 0.0
    for station, run in zip(way[1:-1], hours, strict=False):
        gone += run
        at = leaves + int((arrives - leaves) * gone / total)
        yield Stop(station, at, at, State.PASSES)
