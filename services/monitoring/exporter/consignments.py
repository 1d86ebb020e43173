"""How many consignments are under way, by corridor and phase, and what is wrong with how many of them.

The heads are read in one pass: they change too often to carry an index of their phase. The corridor of each is looked up
once and remembered for about an hour, since that is many times dearer and hardly ever changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import Connection

from schemas import railnet
from schemas.events.base import ObjectKind
from services.domain.facts import Micros
from services.domain.objects import object_id
from services.domain.rules import DELIVERED_PHASE, HOUR
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import Sample
from services.telemetry import gauges

PHASES = ("announced", "booked", "gathered", "on_the_way", "at_destination", "collected")
"""By the number of the phase; 0 where no fact about its boxes says more than that it was founded."""
NONE = "none"
_AT_ONCE = 2_000
_SPREAD = HOUR // 2
Row = tuple[UUID, int, bool, bool, bool]


class Corridors:
    """Remembers which corridor each consignment that is under way takes."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[str, Micros]] = {}  # until when it is believed

    def of(self, session: Connection[Any], wanted: Sequence[UUID], now: Micros) -> Mapping[UUID, str]:
        """The corridor of each consignment ``wanted``; all others are forgotten."""
        kept = {
            one: found for one in wanted if (found := self._known.get(one)) is not None and found[1] > now
        }
        unknown = [one for one in wanted if one not in kept]
        for start in range(0, len(unknown), _AT_ONCE):
            asked = {"consignments": unknown[start : start + _AT_ONCE], "crossings": list(corridors())}
            for one, crossing in session.execute(statement("corridors"), asked).fetchall():
                until = now + HOUR + one.int % _SPREAD  # not all at the same time
                kept[one] = (NONE if crossing is None else corridors()[crossing], until)
        self._known = kept
        return {one: corridor for one, (corridor, _) in kept.items()}

    def ask(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """The samples of all corridors."""
        rows = session.execute(statement("under_way"), {"delivered": DELIVERED_PHASE * 100}).fetchall()
        return samples(rows, self.of(session, [row[0] for row in rows], now))


def samples(rows: Iterable[Row], corridor_of: Mapping[UUID, str]) -> Iterator[Sample]:
    """The samples of rows of (consignment, phase, disputed, with an exception, broken)."""
    counts: Counter[tuple[str, str]] = Counter()
    disputed: Counter[str] = Counter()
    exceptional: Counter[str] = Counter()
    mending = 0
    for consignment, phase, with_dispute, with_exception, broken in rows:
        mending += broken
        if phase >= len(PHASES):
            continue  # only looked at since its fold failed
        corridor = corridor_of[consignment]
        counts[corridor, PHASES[phase]] += 1
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
