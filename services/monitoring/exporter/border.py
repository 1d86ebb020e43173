"""Trains waiting beside each crossing, and the dwell of those that passed lately.

Waiting trains are those that the border board shows as queued. A train ends where the gauge changes and its containers continue
under another number, so the dwell lasts from its arrival beside a crossing until most of its containers were handed over, changed
gauge or were observed elsewhere. A train that continues itself is not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from psycopg import Connection

from schemas import railnet
from schemas.events import catalogue
from services.domain.facts import LinkKind, Micros
from services.domain.rules import HOUR
from services.ledger.storage.term_numbers import term_number
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import SECOND, Sample, percentile
from services.query.board.approach import OVER, Phase
from services.query.board.crossing_status import EventCache, trains_at_crossings
from services.telemetry import gauges

DWELL_WINDOW: Micros = 28 * 24 * HOUR
"""The dwell is of trains that arrived within this time."""
RECENT_WINDOW: Micros = 3 * 24 * HOUR
"""The shorter window in which a slowdown shows."""
ARRIVED = catalogue.spec("cre.movement.arrived.v1").number


class BorderQueues:
    """Measures the waiting trains; caches the events of their routes between measurements."""

    def __init__(self) -> None:
        self._events = EventCache()

    def measure(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """Samples per rail crossing: trains waiting, and the longest wait."""
        queued = (
            (each.come.crossing.id, each.come.near, each.train.latest.at)
            for each in trains_at_crossings(session, self._events, now)
            if each.come.phase is Phase.QUEUED
        )
        return tuple(waiting_samples(queued))


def measure_dwell(session: Connection[Any], now: Micros) -> Iterable[Sample]:
    """Samples per rail crossing: how long trains stood there."""
    rows = session.execute(
        statement("border"),
        {
            "since": now - DWELL_WINDOW,
            "arrived": ARRIVED,
            "over": sorted(OVER),
            "places": list(crossings_by_place()),
            "wagon_carries": LinkKind.WAGON_CARRIES,
            "train_carries": LinkKind.TRAIN_CARRIES,
        },
    ).fetchall()
    return tuple(
        dwell_samples(((place, arrived, left) for place, arrived, left in rows if arrived <= now), now)
    )


def waiting_samples(queued: Iterable[tuple[str, str, Micros]]) -> Iterator[Sample]:
    """Samples of queued trains, given as (crossing, station beside it, waiting since)."""
    counted: Counter[tuple[str, str]] = Counter()
    longest: dict[str, Micros] = {}
    halves = {half for each in crossings_by_place().values() for half in each}
    for crossing, station, since in queued:
        if (crossing, station) in halves:
            counted[crossing, station] += 1
            longest[crossing] = min(since, longest.get(crossing, since))
    for half in sorted(halves):
        yield Sample(gauges.BORDER_TRAINS_WAITING, half, counted[half])
    for crossing, since in longest.items():
        yield Sample(gauges.BORDER_LONGEST_WAITING, (crossing,), since / SECOND)


def dwell_samples(trains: Iterable[tuple[int, Micros, Micros]], now: Micros) -> Iterator[Sample]:
    """Samples of trains, given as (number of the station's place, arrival, departure of most containers)."""
    times: dict[str, list[Micros]] = defaultdict(list)
    lately: dict[str, list[Micros]] = defaultdict(list)
    for place, arrived, left in trains:
        for crossing, _ in crossings_by_place()[place]:
            times[crossing].append(left - arrived)
            if left >= now - RECENT_WINDOW:
                lately[crossing].append(left - arrived)
    for crossing, taken in times.items():
        taken.sort()
        yield Sample(gauges.BORDER_TRAINS_PASSED, (crossing,), len(taken))
        yield Sample(gauges.BORDER_DWELL_MEDIAN, (crossing,), percentile(taken, 50) / SECOND)
        yield Sample(gauges.BORDER_DWELL_P90, (crossing,), percentile(taken, 90) / SECOND)
        yield Sample(gauges.BORDER_TRAINS_PASSED_LATELY, (crossing,), len(lately[crossing]))
        if lately[crossing]:
            recent = percentile(sorted(lately[crossing]), 50)
            yield Sample(gauges.BORDER_DWELL_LATELY, (crossing,), recent / SECOND)


@cache
def crossings_by_place() -> Mapping[int, tuple[tuple[str, str], ...]]:
    """The rail crossings beside a station and the station's id, by the number of the station's place; a station may have two."""
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for crossing in railnet.crossings().values():
        if crossing.by_sea:
            continue
        for side in (crossing.a, crossing.b):
            place = term_number(railnet.stations()[side.station].place)
            found[place] = (*found.get(place, ()), (crossing.id, side.station))
    return found
