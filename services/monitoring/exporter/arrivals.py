"""Transit times and errors of estimated arrivals (ETA) of consignments and trains that arrived lately.

Lookups per arrival are cached for about a day, as facts about a finished journey hardly change; nothing is exported until all are
complete. No column of a claim distinguishes an estimate from a plan, so its event is read, once.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from psycopg import Connection

from schemas.events import catalogue
from schemas.events.base import Classifier
from services.domain.facts import Micros
from services.domain.rules import HOUR, ON_THE_WAY
from services.ledger.registry import store
from services.ledger.storage import event_reader
from services.monitoring.exporter import statement
from services.monitoring.exporter.border import ARRIVED, crossings_by_place
from services.monitoring.exporter.consignments import NONE, PHASES, Corridors, corridors
from services.monitoring.exporter.sample import SECOND, Sample, percentile
from services.query.stored_events import Unreadable, decode_stored
from services.telemetry import gauges
from services.telemetry.definitions import Definition

LOOKUP_SECONDS = 5.0
"""Time limit of lookups per measurement; the rest is left to the next ones."""
LOOKUP_BATCH = 500
_CACHE_TTL = 24 * HOUR
_TTL_SPREAD = 12 * HOUR

T = TypeVar("T")


class LookupCache(Generic[T]):
    """A cache of ``lookup``'s results by id, with ``nothing`` for ids that it leaves out."""

    def __init__(
        self, lookup: Callable[[Connection[Any], Sequence[UUID]], Mapping[UUID, T]], nothing: T
    ) -> None:
        self._lookup, self._nothing = lookup, nothing
        self._known: dict[UUID, tuple[T, Micros]] = {}  # with its expiry

    def of(self, session: Connection[Any], wanted: Sequence[UUID], now: Micros) -> Mapping[UUID, T] | None:
        """The result for each of ``wanted``; other entries are dropped. None while lookups remain, as the time limit was reached."""
        self._known = {
            one: found for one in wanted if (found := self._known.get(one)) is not None and found[1] > now
        }
        unknown = [one for one in wanted if one not in self._known]
        end = time.monotonic() + LOOKUP_SECONDS
        for start in range(0, len(unknown), LOOKUP_BATCH):
            if time.monotonic() >= end:
                return None
            some = unknown[start : start + LOOKUP_BATCH]
            answers = self._lookup(session, some)
            for one in some:
                until = now + _CACHE_TTL + one.int % _TTL_SPREAD  # spread expiries
                self._known[one] = (answers.get(one, self._nothing), until)
        return {one: answer for one, (answer, _) in self._known.items()}


ARRIVAL_WINDOW: Micros = 28 * 24 * HOUR
AT_DESTINATION = PHASES.index("at_destination")
Journey = tuple[Micros | None, Micros | None]
"""Departure and arrival at the destination; None where unknown."""


class TransitTimes:
    """Measures the transit times of consignments that arrived lately."""

    def __init__(self) -> None:
        self._journeys: LookupCache[Journey] = LookupCache(_journeys, (None, None))
        self._corridors = Corridors()

    def measure(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """Samples of all corridors; none until every journey is known."""
        wanted = arrived_consignments(session, now)
        journeys = self._journeys.of(session, wanted, now)
        if journeys is None:
            return ()
        corridor_of = self._corridors.of(session, wanted, now)
        took = (
            (corridor_of[cons], came - went)
            for cons, (went, came) in journeys.items()
            if went is not None and came is not None and went <= came and now - ARRIVAL_WINDOW <= came <= now
        )
        return transit_samples(took)


def arrived_consignments(session: Connection[Any], now: Micros) -> list[UUID]:
    """Consignments that reached their destination, or left it, within the window: one pass over the heads."""
    parameters = {"at_destination": AT_DESTINATION * 100, "since": now - ARRIVAL_WINDOW}
    return [cons for (cons,) in session.execute(statement("arrived"), parameters).fetchall()]


def _journeys(session: Connection[Any], consignments: Sequence[UUID]) -> Mapping[UUID, Journey]:
    parameters = {
        "consignments": list(consignments),
        "on_the_way": ON_THE_WAY * 100,
        "at_destination": AT_DESTINATION * 100,
    }
    rows = session.execute(statement("transit"), parameters).fetchall()
    return {cons: (went, came) for cons, went, came in rows}


def transit_samples(journeys: Iterable[tuple[str, Micros]]) -> Iterator[Sample]:
    """Samples of journeys, given as (corridor, duration)."""
    took: dict[str, list[Micros]] = defaultdict(list)
    for corridor, time_ in journeys:
        took[corridor].append(time_)
    for corridor in (*corridors().values(), NONE):
        yield Sample(gauges.TRANSITS, (corridor,), len(took[corridor]))
    for corridor, times in took.items():
        if times:
            times.sort()
            yield Sample(gauges.TRANSIT_MEDIAN, (corridor,), percentile(times, 50) / SECOND)
            yield Sample(gauges.TRANSIT_P90, (corridor,), percentile(times, 90) / SECOND)


ARRIVED_AT_DESTINATION = catalogue.spec("cre.movement.arrived_at_destination.v1").number
MAX_ANNOUNCEMENTS = 8
"""Announcements per arrival that are read, latest first; plans among them are skipped."""
ESTIMATED, NOT_ESTIMATED = "estimated", "not_estimated"


class EtaMetrics(NamedTuple):
    """The metrics of one kind of arrival: at the destination, or beside a border crossing."""

    arrivals: Definition
    error_median: Definition
    error_p90: Definition
    late_median: Definition


DESTINATION = EtaMetrics(
    gauges.ETA_ARRIVALS, gauges.ETA_ERROR_MEDIAN, gauges.ETA_ERROR_P90, gauges.ETA_LATE_MEDIAN
)
BORDER = EtaMetrics(
    gauges.BORDER_ETA_ARRIVALS,
    gauges.BORDER_ETA_ERROR_MEDIAN,
    gauges.BORDER_ETA_ERROR_P90,
    gauges.BORDER_ETA_LATE_MEDIAN,
)


class Arrival(NamedTuple):
    """The time of an arrival, and the last estimate before it; None where there was none."""

    at: Micros
    expected: Micros | None


class EtaErrors:
    """Measures estimates against arrivals, of consignments at their destination and of trains beside crossings."""

    def __init__(self) -> None:
        self._arrivals: LookupCache[Arrival | None] = LookupCache(self._at_destination, None)
        self._corridors = Corridors()
        self._at_border: Mapping[int, bool] = {}

    def measure(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """Samples of all corridors and crossings; none until every arrival is known."""
        wanted = arrived_consignments(session, now)
        found = self._arrivals.of(session, wanted, now)
        if found is None:
            return ()
        corridor_of = self._corridors.of(session, wanted, now)
        ended = ((corridor_of[cons], one) for cons, one in found.items() if one is not None)
        legs = (
            (DESTINATION, (*corridors().values(), NONE), ended),
            (
                BORDER,
                sorted({each for halves in crossings_by_place().values() for each, _ in halves}),
                self._at_borders(session, now),
            ),
        )
        return tuple(
            sample
            for leg, places, arrivals in legs
            for sample in eta_samples(
                leg, places, ((p, one) for p, one in arrivals if now - ARRIVAL_WINDOW <= one.at <= now)
            )
        )

    def _at_destination(
        self, session: Connection[Any], consignments: Sequence[UUID]
    ) -> Mapping[UUID, Arrival | None]:
        parameters = {
            "consignments": list(consignments),
            "arrived": ARRIVED_AT_DESTINATION,
            "most": MAX_ANNOUNCEMENTS,
        }
        rows = session.execute(statement("eta_destination"), parameters).fetchall()
        estimates = _estimates(session, (row[2] for row in rows), {})
        return {cons: _arrival(at, events, expected, estimates) for cons, at, events, expected in rows}

    def _at_borders(self, session: Connection[Any], now: Micros) -> Iterator[tuple[str, Arrival]]:
        parameters = {
            "since": now - ARRIVAL_WINDOW,
            "arrived": ARRIVED,
            "places": list(crossings_by_place()),
            "most": MAX_ANNOUNCEMENTS,
        }
        rows = session.execute(statement("eta_border"), parameters).fetchall()
        self._at_border = _estimates(session, (row[2] for row in rows), self._at_border)
        for place, at, events, expected in rows:
            for crossing, _ in crossings_by_place()[place]:
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
    """For each event whether it is an estimate; those in ``known`` are not read again."""
    wanted = {no for events in several for no in events or () if no}
    found = {no: known.get(no, False) for no in wanted}
    fresh = sorted(wanted - known.keys())
    if not fresh:
        return found
    registry = store.read_snapshot(session)
    for stored in event_reader.events_by_number(session, fresh):
        try:
            payload = decode_stored(stored, registry).payload
        except Unreadable:
            continue
        found[stored.no] = getattr(payload, "classifier", None) is Classifier.EST
    return found


def eta_samples(
    leg: EtaMetrics, places: Iterable[str], arrivals: Iterable[tuple[str, Arrival]]
) -> Iterator[Sample]:
    """Samples of arrivals by place (a corridor or crossing); ``places`` are all that are exported."""
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
        yield Sample(leg.error_median, (place,), percentile(off, 50) / SECOND)
        yield Sample(leg.error_p90, (place,), percentile(off, 90) / SECOND)
        yield Sample(leg.late_median, (place,), percentile(sorted(errors), 50) / SECOND)
