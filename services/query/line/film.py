"""The film of a period: its trains, what waits before each crossing, what runs on each leg, what is closed. Pure.

A picture is the film at one moment: the same function of the same runs, so a still and the film never differ.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from schemas import railnet
from services.domain.facts import FOREVER, Micros, Restriction
from services.query.line.facts import LineFacts
from services.query.line.run import Run, State, Stop
from services.query.line.runs import runs_of

K = TypeVar("K", str, tuple[str, str])
Steps = tuple[tuple[Micros, int], ...]
"""A count over time: from each moment on so many; before the first none."""
Leg = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a train is at a moment: at ``station`` (``towards`` is ""), or ``fraction`` of the leg to ``towards`` behind it."""

    run: Run
    station: str
    towards: str
    fraction: float
    state: State
    crossing: str
    since: Micros


@dataclass(frozen=True, slots=True)
class Film:
    """What was on the line in [since, until]: runs that were somewhere then, and restrictions of crossings by authorities.

    ``waiting`` counts the trains before each (crossing, direction), ``held`` those set aside on the way by direction.
    """

    since: Micros
    until: Micros
    runs: tuple[Run, ...]
    restrictions: tuple[Restriction, ...]
    waiting: Mapping[tuple[str, str], Steps]
    held: Mapping[str, Steps]


def film_of(facts: LineFacts, since: Micros, until: Micros) -> Film:
    """The film of [since, until]; one moment where both are the same."""
    return cut(runs_of(facts), facts.restrictions, since, until)


def cut(runs: Iterable[Run], restrictions: Iterable[Restriction], since: Micros, until: Micros) -> Film:
    """What of these lies in [since, until]."""
    seen = tuple(run for each in runs if (run := _clipped(each, since, until)) is not None)
    closed = (r for r in restrictions if r.start <= until and (r.end is None or r.end > since))
    return Film(
        since,
        until,
        seen,
        tuple(sorted({r for r in closed if r.territorial}, key=lambda r: (r.start, r.place, r.event))),
        _counts(seen, _waits, until),
        _counts(seen, _is_held, until),
    )


def picture(film: Film, at: Micros) -> tuple[Sighting, ...]:
    """Where each train of the film is at ``at``, a moment of it."""
    return tuple(seen for run in film.runs if (seen := sighting(run, at)) is not None)


def sighting(run: Run, at: Micros) -> Sighting | None:
    """Where the train is at ``at``; None before its first sign and after its last."""
    n = bisect_right(run.stops, at, key=lambda stop: stop.since) - 1
    if n < 0:
        return None
    stop = run.stops[n]
    if at < stop.until or (at == stop.until and n + 1 == len(run.stops)) or at == stop.since:
        return Sighting(run, stop.station, "", 0.0, stop.state, stop.crossing, stop.since)
    if n + 1 == len(run.stops):
        return None
    after = run.stops[n + 1]
    if after.station == stop.station:
        return Sighting(run, stop.station, "", 0.0, State.STANDS, "", stop.since)
    share = (at - stop.until) / (after.since - stop.until)
    return Sighting(run, stop.station, after.station, share, State.PASSES, "", stop.until)


def count_at(steps: Steps, at: Micros) -> int:
    """The count at a moment."""
    n = bisect_right(steps, at, key=lambda step: step[0]) - 1
    return steps[n][1] if n >= 0 else 0


def on_legs(runs: Iterable[Run], until: Micros) -> Mapping[Leg, Steps]:
    """How many trains run on each leg (from, to), over time."""
    changes: dict[Leg, list[tuple[Micros, int]]] = defaultdict(list)
    for run in runs:
        for stop, after in pairwise(run.stops):
            if stop.station != after.station and after.since > stop.until:
                changes[stop.station, after.station] += [(stop.until, 1), (after.since, -1)]
    return {leg: _steps(found, until) for leg, found in sorted(changes.items())}


def _clipped(run: Run, since: Micros, until: Micros) -> Run | None:
    """The stops of a run that are needed to show it in [since, until], whole; None where it is not in sight then."""
    stops = run.stops
    if stops[-1].until < since or stops[0].since > until:
        return None
    first = max(0, bisect_right(stops, since, key=lambda stop: stop.since) - 1)
    last = min(len(stops), bisect_right(stops, until, key=lambda stop: stop.since) + 1)
    return replace(run, stops=stops[first:last])


def _waits(_run: Run, stop: Stop) -> tuple[str, str] | None:
    return (stop.crossing, _side(stop)) if stop.crossing else None


def _side(stop: Stop) -> str:
    """In which direction a train passes the crossing before which it stands."""
    crossing, stations = railnet.crossings()[stop.crossing], railnet.stations()
    far = crossing.b.station if stop.station == crossing.a.station else crossing.a.station
    return "WEST" if stations[far].lon < stations[stop.station].lon else "EAST"


def _is_held(run: Run, stop: Stop) -> str | None:
    return run.bound if stop.state is State.HELD else None


def _counts(runs: Iterable[Run], what: Callable[[Run, Stop], K | None], until: Micros) -> Mapping[K, Steps]:
    changes: dict[K, list[tuple[Micros, int]]] = defaultdict(list)
    for run in runs:
        for stop in run.stops:
            if (key := what(run, stop)) is not None and stop.until > stop.since:
                changes[key] += [(stop.since, 1), (stop.until, -1)]
    return {key: _steps(found, until) for key, found in sorted(changes.items())}


def _steps(changes: Sequence[tuple[Micros, int]], until: Micros) -> Steps:
    by_moment: Counter[Micros] = Counter()
    for at, change in changes:
        by_moment[at] += change
    found: list[tuple[Micros, int]] = []
    count = 0
    for at, change in sorted(by_moment.items()):
        if at > until:
            break
        count += change
        if change:
            found.append((at, count))
    return tuple(found)


def in_force(restrictions: Iterable[Restriction], at: Micros) -> tuple[Restriction, ...]:
    """Those that hold at a moment."""
    return tuple(r for r in restrictions if r.start <= at < (FOREVER if r.end is None else r.end))
