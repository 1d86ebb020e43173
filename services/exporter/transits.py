"""How long consignments were on their way that came to their destination lately, by corridor.

What each of them took is looked up once and remembered for about a day: facts about a journey that is over hardly change. Nothing
is said before all were looked up.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from services.core.facts import Micros
from services.core.rules import HOUR, ON_THE_WAY
from services.exporter.consignments import NONE, PHASES, Corridors, corridors
from services.exporter.sample import SECOND, Sample
from services.exporter.shares import share
from services.exporter.statements import statement
from services.observability import gauges

LOOK_BACK: Micros = 28 * 24 * HOUR
AT_DESTINATION = PHASES.index("at_destination")
SECONDS = 5.0
"""How long one look goes on; the rest is for the next ones."""
_AT_ONCE = 500
_REMEMBERED = 24 * HOUR
_SPREAD = 12 * HOUR
Journey = tuple[Micros | None, Micros | None]
"""When it was first on its way, and when it came to its destination; None where nobody said so."""


class Transits:
    """Remembers the journeys of the consignments that arrived lately."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[Journey, Micros]] = {}  # until when it is believed
        self._corridors = Corridors()

    def ask(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """The samples of all corridors; none until every journey is known."""
        asked = {"at_destination": AT_DESTINATION * 100, "since": now - LOOK_BACK}
        wanted = [cons for (cons,) in session.execute(statement("arrived"), asked).fetchall()]
        if not self._look_up(session, wanted, now):
            return ()
        corridor_of = self._corridors.of(session, wanted, now)
        took = (
            (corridor_of[cons], came - went)
            for cons in wanted
            for went, came in (self._known[cons][0],)
            if went is not None and came is not None and went <= came and now - LOOK_BACK <= came <= now
        )
        return samples(took)

    def _look_up(self, session: Connection[Any], wanted: Sequence[UUID], now: Micros) -> bool:
        """Look up what is not known, for a while; whether that was all. All others are forgotten."""
        self._known = {
            cons: found for cons in wanted if (found := self._known.get(cons)) is not None and found[1] > now
        }
        unknown = [cons for cons in wanted if cons not in self._known]
        end = time.monotonic() + SECONDS
        for start in range(0, len(unknown), _AT_ONCE):
            if time.monotonic() >= end:
                return False
            some = unknown[start : start + _AT_ONCE]
            asked = {
                "consignments": some,
                "on_the_way": ON_THE_WAY * 100,
                "at_destination": AT_DESTINATION * 100,
            }
            rows = session.execute(statement("transit"), asked).fetchall()
            journeys: dict[UUID, Journey] = {cons: (went, came) for cons, went, came in rows}
            for cons in some:
                until = now + _REMEMBERED + cons.int % _SPREAD  # not all at the same time
                self._known[cons] = (journeys.get(cons, (None, None)), until)
        return True


def samples(journeys: Iterable[tuple[str, Micros]]) -> Iterator[Sample]:
    """The samples of (corridor, how long it took) of each journey."""
    took: dict[str, list[Micros]] = defaultdict(list)
    for corridor, time_ in journeys:
        took[corridor].append(time_)
    for corridor in (*corridors().values(), NONE):
        yield Sample(gauges.TRANSITS, (corridor,), len(took[corridor]))
    for corridor, times in took.items():
        if times:
            times.sort()
            yield Sample(gauges.TRANSIT_MEDIAN, (corridor,), share(times, 50) / SECOND)
            yield Sample(gauges.TRANSIT_P90, (corridor,), share(times, 90) / SECOND)
