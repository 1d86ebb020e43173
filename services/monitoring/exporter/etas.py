"""How far the last estimate before an arrival was from it, lately: of consignments at their destination, of trains beside crossings.

A claim keeps no column that tells an estimate from a plan: its event says it, and is read once. What was looked up of an arrival is
remembered for about a day. Nothing is said before all were looked up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from schemas.events import catalogue
from schemas.events.base import Classifier
from services.domain.facts import Micros
from services.ledger.registry import store
from services.ledger.storage import event_reader
from services.monitoring.exporter import statement
from services.monitoring.exporter.border import ARRIVED, beside
from services.monitoring.exporter.cache import Remembered
from services.monitoring.exporter.consignments import NONE, Corridors, corridors
from services.monitoring.exporter.sample import SECOND, Sample
from services.monitoring.exporter.shares import share
from services.monitoring.exporter.transits import LOOK_BACK, arrived
from services.query.stored_events import Unreadable, decode_stored
from services.telemetry import gauges
from services.telemetry.definitions import Definition

AT_DESTINATION = catalogue.spec("cre.movement.arrived_at_destination.v1").number
MOST = 8
"""Announcements of one arrival that are looked at, the latest first: plans among them say nothing of estimates."""
ESTIMATED, NOT_ESTIMATED = "estimated", "not_estimated"


class Leg(NamedTuple):
    """What is told of arrivals at the end of the journey, and at a border on it."""

    arrivals: Definition
    error_median: Definition
    error_p90: Definition
    late_median: Definition


DESTINATION = Leg(gauges.ETA_ARRIVALS, gauges.ETA_ERROR_MEDIAN, gauges.ETA_ERROR_P90, gauges.ETA_LATE_MEDIAN)
BORDER = Leg(
    gauges.BORDER_ETA_ARRIVALS,
    gauges.BORDER_ETA_ERROR_MEDIAN,
    gauges.BORDER_ETA_ERROR_P90,
    gauges.BORDER_ETA_LATE_MEDIAN,
)


class Arrival(NamedTuple):
    """When something arrived, and when the last estimate before expected it; None where nobody estimated it."""

    at: Micros
    expected: Micros | None


class Etas:
    """Remembers the arrivals of consignments, and which events about the present arrivals at borders are estimates."""

    def __init__(self) -> None:
        self._arrivals: Remembered[Arrival | None] = Remembered(self._at_destination, None)
        self._corridors = Corridors()
        self._at_border: Mapping[int, bool] = {}

    def ask(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """The samples of all corridors and crossings; none until every arrival is known."""
        wanted = arrived(session, now)
        found = self._arrivals.of(session, wanted, now)
        if found is None:
            return ()
        corridor_of = self._corridors.of(session, wanted, now)
        ended = ((corridor_of[cons], one) for cons, one in found.items() if one is not None)
        legs = (
            (DESTINATION, (*corridors().values(), NONE), ended),
            (
                BORDER,
                sorted({each for halves in beside().values() for each, _ in halves}),
                self._at_borders(session, now),
            ),
        )
        return tuple(
            sample
            for leg, places, arrivals in legs
            for sample in samples(
                leg, places, ((p, one) for p, one in arrivals if now - LOOK_BACK <= one.at <= now)
            )
        )

    def _at_destination(
        self, session: Connection[Any], consignments: Sequence[UUID]
    ) -> Mapping[UUID, Arrival | None]:
        asked = {"consignments": list(consignments), "arrived": AT_DESTINATION, "most": MOST}
        rows = session.execute(statement("eta_destination"), asked).fetchall()
        estimates = _estimates(session, (row[2] for row in rows), {})
        return {cons: _arrival(at, events, expected, estimates) for cons, at, events, expected in rows}

    def _at_borders(self, session: Connection[Any], now: Micros) -> Iterator[tuple[str, Arrival]]:
        asked = {"since": now - LOOK_BACK, "arrived": ARRIVED, "places": list(beside()), "most": MOST}
        rows = session.execute(statement("eta_border"), asked).fetchall()
        self._at_border = _estimates(session, (row[2] for row in rows), self._at_border)
        for place, at, events, expected in rows:
            for crossing, _ in beside()[place]:
                yield crossing, _arrival(at, events, expected, self._at_border)


def _arrival(
    at: Micros,
    events: Sequence[int] | None,
    expected: Sequence[Micros] | None,
    estimates: Mapping[int, bool],
) -> Arrival:
    pairs = zip(events or (), expected or (), strict=True)
    return Arrival(at, next((then for no, then in pairs if no and estimates[no]), None))


def _estimates(
    session: Connection[Any], several: Iterable[Sequence[int] | None], known: Mapping[int, bool]
) -> Mapping[int, bool]:
    """Which events are estimates, of those alone; what is ``known`` is not looked at again."""
    wanted = {no for events in several for no in events or () if no}
    found = {no: known.get(no, False) for no in wanted}
    fresh = sorted(wanted - known.keys())
    if not fresh:
        return found
    registry = store.read_snapshot(session)
    for stored in event_reader.events_by_number(session, fresh):
        try:
            said = decode_stored(stored, registry).payload
        except Unreadable:
            continue
        found[stored.no] = getattr(said, "classifier", None) is Classifier.EST
    return found


def samples(leg: Leg, places: Iterable[str], arrivals: Iterable[tuple[str, Arrival]]) -> Iterator[Sample]:
    """The samples of (corridor or crossing, arrival); ``places`` are all that are told of."""
    counted: Counter[tuple[str, str]] = Counter()
    late: dict[str, list[Micros]] = defaultdict(list)
    for place, one in arrivals:
        counted[place, NOT_ESTIMATED if one.expected is None else ESTIMATED] += 1
        if one.expected is not None:
            late[place].append(one.at - one.expected)
    for place in places:
        for outcome in (ESTIMATED, NOT_ESTIMATED):
            yield Sample(leg.arrivals, (place, outcome), counted[place, outcome])
    for place, errors in late.items():
        off = sorted(map(abs, errors))
        yield Sample(leg.error_median, (place,), share(off, 50) / SECOND)
        yield Sample(leg.error_p90, (place,), share(off, 90) / SECOND)
        yield Sample(leg.late_median, (place,), share(sorted(errors), 50) / SECOND)
