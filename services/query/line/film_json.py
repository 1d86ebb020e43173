"""The film as JSON-ready data: compact, for a month of 500 trains well below 300 kB compressed. Pure.

Moments are ticks of ``STEP`` seconds since ``from``. A train's ``stops`` are four numbers for each: index of the station, ticks since
it left the one before (of the first: since ``from``; negative where it was there before), ticks that it stays, and
``services.query.line.runs.State``. A count is pairs of numbers: ticks since the pair before, and how many from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from schemas.rfc3339 import format_micros
from services.domain.facts import Micros, Restriction
from services.domain.rules import HOUR
from services.query.disclosure import LEAST
from services.query.line.film import Film, Steps, count_at, on_legs
from services.query.line.run import Run

STEP = 600
"""Seconds in a tick."""
_TICK: Micros = STEP * 1_000_000
OTHERS_EVERY: Micros = HOUR
"""Whose trains one may not see are counted at these moments, not when each comes and goes."""
PUBLIC_EVERY: Micros = 6 * HOUR
SMALLEST = LEAST
"""The public is shown no smaller number of trains at a border than this, nor whether there is any (k-anonymity)."""

Plain = dict[str, Any]


def film_json(film: Film, named: Callable[[Run], bool] | None = None) -> Plain:
    """The film for somebody who may see the trains that are ``named`` (None: all), and of the others how many are where."""
    own = [run for run in film.runs if named is None or named(run)]
    others = [run for run in film.runs if named is not None and not named(run)]
    stations = sorted({stop.station for run in own for stop in run.stops})
    index = {station: n for n, station in enumerate(stations)}
    exact = named is None
    return {
        **_head(film, "ALL" if exact else "OWN"),
        "stations": stations,
        "trains": [_train(run, index, film.since) for run in own],
        "waiting": [
            {
                "crossing": crossing,
                "bound": bound,
                "counts": _pairs(film, steps, 0 if exact else OTHERS_EVERY),
            }
            for (crossing, bound), steps in film.waiting.items()
        ],
        "held": [
            {"bound": bound, "counts": _pairs(film, steps, 0 if exact else OTHERS_EVERY)}
            for bound, steps in film.held.items()
        ],
        "others": [
            {"from": first, "to": last, "counts": _pairs(film, steps, OTHERS_EVERY)}
            for (first, last), steps in on_legs(others, film.until).items()
        ],
    }


def public_json(film: Film) -> Plain:
    """The film for everybody: trains before each crossing, both directions together, at whole steps; null where fewer than ``SMALLEST``."""
    crossings: dict[str, list[Steps]] = {}
    for (crossing, _), steps in film.waiting.items():
        crossings.setdefault(crossing, []).append(steps)
    moments = _moments(film, PUBLIC_EVERY)
    counted = {
        crossing: [sum(count_at(steps, at) for steps in several) for at in moments]
        for crossing, several in sorted(crossings.items())
    }
    return {
        **_head(film, "PUBLIC"),
        "stations": [],
        "trains": [],
        "waiting": [
            {
                "crossing": crossing,
                "bound": "",
                "counts": _flat(film, moments, [n if n >= SMALLEST else None for n in counts]),
            }
            for crossing, counts in counted.items()
            if max(counts, default=0) >= SMALLEST
        ],
        "held": [],
        "others": [],
    }


def value_at(counts: Sequence[int | None], tick: int) -> int | None:
    """The count of ``counts`` (pairs, as published) at a tick since ``from``."""
    at, found = 0, None
    for ticks, number in zip(counts[::2], counts[1::2], strict=True):
        at += ticks or 0
        if at > tick:
            break
        found = number
    return found


def _head(film: Film, shown: str) -> Plain:
    return {
        "from": format_micros(film.since),
        "to": format_micros(film.until),
        "step": STEP,
        "shown": shown,
        "restrictions": [_restriction(each) for each in film.restrictions],
    }


def _restriction(restriction: Restriction) -> Plain:
    return {
        "place": restriction.place,
        "kind": restriction.kind,
        "bound": restriction.direction,
        "from": format_micros(restriction.start),
        "to": None if restriction.end is None else format_micros(restriction.end),
        "by": restriction.publisher,
    }


def _train(run: Run, index: dict[str, int], since: Micros) -> Plain:
    stops: list[int] = []
    left = 0
    for stop in run.stops:
        came, goes = ((moment - since) // _TICK for moment in (stop.since, stop.until))
        came = max(came, left) if stops else came
        goes = max(goes, came)
        stops += (index[stop.station], came - left, goes - came, int(stop.state))
        left = goes
    return {
        "names": [name.key for name in run.names],
        "bound": run.bound,
        "boxes": run.boxes,
        "stops": stops,
    }


def _moments(film: Film, every: Micros) -> list[Micros]:
    """The whole steps of the clock in the period; the last one before it where none lies in it."""
    first = -(-film.since // every) * every
    return list(range(first, film.until + 1, every)) or [first - every]


def _pairs(film: Film, steps: Steps, every: Micros) -> list[int | None]:
    """A count over the period: as it changes, or sampled."""
    if every:
        moments = _moments(film, every)
    else:
        moments = [film.since, *(at for at, _ in steps if film.since < at <= film.until)]
    return _flat(film, moments, [count_at(steps, at) for at in moments])


def _flat(film: Film, moments: Sequence[Micros], counts: Iterable[int | None]) -> list[int | None]:
    flat: list[int | None] = []
    tick = 0
    for at, count in zip(moments, counts, strict=True):
        if flat and flat[-1] == count:
            continue
        now = max(0, (at - film.since) // _TICK)
        flat += (now - tick, count)
        tick = now
    return flat
