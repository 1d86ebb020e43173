"""How many consignments are under way, by corridor and phase, and what is wrong with how many of them.

The heads are read in one pass: they change too often to carry an index of their phase.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import Connection

from schemas import railnet
from schemas.events.base import ObjectKind
from services.core.facts import Micros
from services.core.objects import object_id
from services.core.rules import DELIVERED_PHASE
from services.exporter.sample import Sample
from services.exporter.statements import statement
from services.observability import gauges

PHASES = ("announced", "booked", "gathered", "on_the_way", "at_destination", "collected")
"""By the number of the phase; 0 where no fact about its boxes says more than that it was founded."""
NONE = "none"
Row = tuple[UUID | None, int, int, int, int, int]


def ask(session: Connection[Any], _now: Micros) -> Iterable[Sample]:
    """The samples of all corridors."""
    known = {"crossings": list(corridors()), "delivered": DELIVERED_PHASE * 100}
    return samples(session.execute(statement("consignments"), known).fetchall())


def samples(rows: Iterable[Row]) -> Iterator[Sample]:
    """The samples of rows of (crossing's id, phase, consignments, disputed, exceptional, broken)."""
    counts: Counter[tuple[str, str]] = Counter()
    disputed: Counter[str] = Counter()
    exceptional: Counter[str] = Counter()
    mending = 0
    for crossing, phase, count, with_dispute, with_exception, broken in rows:
        mending += broken
        if phase >= len(PHASES):
            continue  # only looked at since its fold failed
        corridor = NONE if crossing is None else corridors()[crossing]
        counts[corridor, PHASES[phase]] += count
        disputed[corridor] += with_dispute
        exceptional[corridor] += with_exception
    for corridor in (*corridors().values(), NONE):
        for name in PHASES:
            yield Sample(gauges.CONSIGNMENTS, (corridor, name), counts[corridor, name])
        yield Sample(gauges.CONSIGNMENTS_DISPUTED, (corridor,), disputed[corridor])
        yield Sample(gauges.CONSIGNMENTS_EXCEPTIONAL, (corridor,), exceptional[corridor])
    yield Sample(gauges.CONSIGNMENTS_BROKEN, (), mending)


@cache
def corridors() -> Mapping[UUID, str]:
    """The crossings at China's border, by the id under which a planned route says that it passes them."""
    return {
        UUID(bytes=object_id(ObjectKind.PLACE, crossing.place)): crossing.id
        for crossing in railnet.crossings().values()
        if not crossing.by_sea
        and "CN" in {railnet.stations()[side.station].country for side in (crossing.a, crossing.b)}
    }
