"""How many trains wait beside each crossing, and how long trains stood there lately.

A train ends where the gauge changes: its boxes go on under another number. So it waits from its arrival beside a crossing
until the first of its boxes is handed over, changes gauge or is seen anywhere else. A train that goes on itself is not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from psycopg import Connection

from schemas import railnet
from schemas.events import catalogue
from services.core.facts import LinkKind, Micros
from services.core.rules import HOUR
from services.exporter.sample import SECOND, Sample
from services.exporter.shares import share
from services.exporter.statements import statement
from services.observability import gauges
from services.storage.words import word

LOOK_BACK: Micros = 28 * 24 * HOUR
"""A train that arrived longer ago waits no more: whatever became of it, nobody said it."""
LATELY: Micros = 3 * 24 * HOUR
"""What is set beside the whole time, to see a crossing grow slow."""
ARRIVED = catalogue.spec("cre.movement.arrived.v1").number
STILL = (ARRIVED, catalogue.spec("cre.movement.position_reported.v1").number)
"""Facts about a box that do not say that it went on."""


def ask(session: Connection[Any], now: Micros) -> Iterable[Sample]:
    """The samples of all crossings on rails."""
    rows = session.execute(
        statement("border"),
        {
            "since": now - LOOK_BACK,
            "arrived": ARRIVED,
            "still": list(STILL),
            "places": list(beside()),
            "wagon_carries": LinkKind.WAGON_CARRIES,
            "train_carries": LinkKind.TRAIN_CARRIES,
        },
    ).fetchall()
    return samples(((place, arrived, left) for place, arrived, left in rows if arrived <= now), now)


def samples(trains: Iterable[tuple[int, Micros, Micros | None]], now: Micros) -> Iterator[Sample]:
    """The samples that trains give: the number of the station's place, when they arrived, when their first box went on."""
    waiting: Counter[tuple[str, str]] = Counter()
    longest: dict[str, Micros] = {}
    stood: dict[str, list[Micros]] = defaultdict(list)
    lately: dict[str, list[Micros]] = defaultdict(list)
    for place, arrived, left in trains:
        for crossing, station in beside()[place]:
            if left is not None:
                stood[crossing].append(left - arrived)
                if left >= now - LATELY:
                    lately[crossing].append(left - arrived)
                continue
            waiting[crossing, station] += 1
            longest[crossing] = min(arrived, longest.get(crossing, arrived))
    for halves in beside().values():
        for crossing, station in halves:
            yield Sample(gauges.BORDER_TRAINS_WAITING, (crossing, station), waiting[crossing, station])
    for crossing, arrived in longest.items():
        yield Sample(gauges.BORDER_LONGEST_WAITING, (crossing,), arrived / SECOND)
    for crossing, times in stood.items():
        times.sort()
        yield Sample(gauges.BORDER_TRAINS_PASSED, (crossing,), len(times))
        yield Sample(gauges.BORDER_DWELL_MEDIAN, (crossing,), share(times, 50) / SECOND)
        yield Sample(gauges.BORDER_DWELL_P90, (crossing,), share(times, 90) / SECOND)
        yield Sample(gauges.BORDER_TRAINS_PASSED_LATELY, (crossing,), len(lately[crossing]))
        if lately[crossing]:
            recent = share(sorted(lately[crossing]), 50)
            yield Sample(gauges.BORDER_DWELL_LATELY, (crossing,), recent / SECOND)


@cache
def beside() -> Mapping[int, tuple[tuple[str, str], ...]]:
    """By the number of a station's place: the crossings on rails that it stands beside, each with the station's id.

    A station of two crossings counts at both.
    """
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for crossing in railnet.crossings().values():
        if crossing.by_sea:
            continue
        for side in (crossing.a, crossing.b):
            place = word(railnet.stations()[side.station].place)
            found[place] = (*found.get(place, ()), (crossing.id, side.station))
    return found
