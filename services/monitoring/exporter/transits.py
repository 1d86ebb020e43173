"""How long consignments were on their way that came to their destination lately, by corridor.

What each of them took is looked up once and remembered for about a day: facts about a journey that is over hardly change. Nothing
is said before all were looked up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from services.domain.facts import Micros
from services.domain.rules import HOUR, ON_THE_WAY
from services.monitoring.exporter import statement
from services.monitoring.exporter.cache import Remembered
from services.monitoring.exporter.consignments import NONE, PHASES, Corridors, corridors
from services.monitoring.exporter.sample import SECOND, Sample
from services.monitoring.exporter.shares import share
from services.telemetry import gauges

LOOK_BACK: Micros = 28 * 24 * HOUR
AT_DESTINATION = PHASES.index("at_destination")
Journey = tuple[Micros | None, Micros | None]
"""When it was first on its way, and when it came to its destination; None where nobody said so."""


class Transits:
    """Remembers the journeys of the consignments that arrived lately."""

    def __init__(self) -> None:
        self._journeys: Remembered[Journey] = Remembered(_journeys, (None, None))
        self._corridors = Corridors()

    def ask(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """The samples of all corridors; none until every journey is known."""
        wanted = arrived(session, now)
        journeys = self._journeys.of(session, wanted, now)
        if journeys is None:
            return ()
        corridor_of = self._corridors.of(session, wanted, now)
        took = (
            (corridor_of[cons], came - went)
            for cons, (went, came) in journeys.items()
            if went is not None and came is not None and went <= came and now - LOOK_BACK <= came <= now
        )
        return samples(took)


def arrived(session: Connection[Any], now: Micros) -> list[UUID]:
    """The consignments that came to their destination lately, or went on from there lately: one pass over the heads."""
    asked = {"at_destination": AT_DESTINATION * 100, "since": now - LOOK_BACK}
    return [cons for (cons,) in session.execute(statement("arrived"), asked).fetchall()]


def _journeys(session: Connection[Any], consignments: Sequence[UUID]) -> Mapping[UUID, Journey]:
    asked = {
        "consignments": list(consignments),
        "on_the_way": ON_THE_WAY * 100,
        "at_destination": AT_DESTINATION * 100,
    }
    rows = session.execute(statement("transit"), asked).fetchall()
    return {cons: (went, came) for cons, went, came in rows}


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
