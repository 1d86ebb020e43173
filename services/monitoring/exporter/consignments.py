"""Consignments under way by corridor and phase, those that are disputed, exceptional, late or silent, and what the checks find in trades.

All heads are read in one pass, since they change too often for an index on the phase. Whether a consignment is overdue or silent
is decided by the domain and stored by the cases process; here it is only counted, and not exported while that process is behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import Connection

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import ObjectKind, Region
from services.cases.domain.causes import CaseKind
from services.domain.facts import Micros
from services.domain.objects import object_id
from services.domain.rules import DELIVERED_PHASE, HOUR
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import SECOND, Sample
from services.telemetry import gauges
from services.trade.domain.checks import CHECKS
from services.trade.domain.trade_findings import OPEN

PHASES = ("announced", "booked", "gathered", "on_the_way", "at_destination", "collected")
"""By the number of the phase; 0 where nothing but the founding is known."""
NONE = "none"
_CORRIDOR_BATCH = 2_000
_CORRIDOR_SPREAD = HOUR // 2
ConsignmentRow = tuple[UUID, int, bool, bool, bool]


class Corridors:
    """Caches the corridor of each consignment under way for about an hour: the lookup is far dearer than the count."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[str, Micros]] = {}  # with its expiry

    def of(self, session: Connection[Any], wanted: Sequence[UUID], now: Micros) -> Mapping[UUID, str]:
        """The corridor of each of ``wanted``; other entries are dropped."""
        cached = {
            one: found for one in wanted if (found := self._known.get(one)) is not None and found[1] > now
        }
        unknown = [one for one in wanted if one not in cached]
        for start in range(0, len(unknown), _CORRIDOR_BATCH):
            parameters = {
                "consignments": unknown[start : start + _CORRIDOR_BATCH],
                "crossings": list(corridors()),
            }
            for one, crossing in session.execute(statement("corridors"), parameters).fetchall():
                until = now + HOUR + one.int % _CORRIDOR_SPREAD  # spread expiries
                cached[one] = (NONE if crossing is None else corridors()[crossing], until)
        self._known = cached
        return {one: corridor for one, (corridor, _) in cached.items()}

    def measure(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """Samples of all corridors."""
        rows = session.execute(statement("under_way"), {"delivered": DELIVERED_PHASE * 100}).fetchall()
        return consignment_samples(rows, self.of(session, [row[0] for row in rows], now))


def consignment_samples(rows: Iterable[ConsignmentRow], corridor_of: Mapping[UUID, str]) -> Iterator[Sample]:
    """Samples of rows of (consignment, phase, disputed, exceptional, broken)."""
    counts: Counter[tuple[str, str]] = Counter()
    disputed: Counter[str] = Counter()
    exceptional: Counter[str] = Counter()
    mending = 0
    for consignment, phase, with_dispute, with_exception, broken in rows:
        mending += broken
        if phase >= len(PHASES):
            continue  # selected only as its fold failed
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
    """The crossings at China's border, by the place id that planned routes name."""
    return {
        UUID(bytes=object_id(ObjectKind.PLACE, crossing.place)): crossing.id
        for crossing in railnet.crossings().values()
        if not crossing.by_sea
        and "CN" in {railnet.stations()[side.station].country for side in (crossing.a, crossing.b)}
    }


MAX_CAUSE_AGE: Micros = HOUR // 4
"""Causes as of an older moment are not exported."""
BUCKETS: Mapping[str, Micros] = {
    "under_1_day": 24 * HOUR,
    "1_to_3_days": 72 * HOUR,
    "3_to_7_days": 168 * HOUR,
}
"""Upper bounds; the last bucket has none."""
LAST_BUCKET = "over_7_days"
LatenessRow = tuple[UUID, str, str, Micros]


def lateness_measurement() -> Callable[[Connection[Any], Micros], Iterable[Sample]]:
    """A measurement of late, overdue and silent consignments, with a cache of their corridors."""
    known = Corridors()

    def measure(session: Connection[Any], now: Micros) -> Iterable[Sample]:
        found = session.execute(statement("judged")).fetchone()
        if found is None or found[0] is None or found[0] < now - MAX_CAUSE_AGE:
            return ()
        rows = session.execute(statement("lateness")).fetchall()
        corridor_of = known.of(session, list({row[0] for row in rows}), now)
        return (*lateness_samples(rows, corridor_of, found[0]), *_silent_publishers(session))

    return measure


def _silent_publishers(session: Connection[Any]) -> Iterator[Sample]:
    for publisher, leg, since in session.execute(statement("silent_publishers")).fetchall():
        yield Sample(gauges.PUBLISHER_SILENT, (publisher, leg), since / SECOND)


def lateness_samples(
    rows: Iterable[LatenessRow], corridor_of: Mapping[UUID, str], as_of: Micros
) -> Iterator[Sample]:
    """Samples of rows of (consignment, kind of cause, milestone, since)."""
    silent: Counter[str] = Counter()
    overdue: set[tuple[UUID, str]] = set()
    late: dict[UUID, Micros] = {}
    for consignment, kind, what, since in rows:
        if kind == CaseKind.SILENT:
            silent[corridor_of[consignment]] += 1
            continue
        overdue.add((consignment, what))
        if what in movements():
            late[consignment] = min(since, late.get(consignment, since))
    of_milestone = Counter((what, corridor_of[consignment]) for consignment, what in overdue)
    of_bucket = Counter(
        (corridor_of[consignment], bucket(as_of - since)) for consignment, since in late.items()
    )
    for corridor in (*corridors().values(), NONE):
        yield Sample(gauges.CONSIGNMENTS_SILENT, (corridor,), silent[corridor])
        for name in (*BUCKETS, LAST_BUCKET):
            yield Sample(gauges.CONSIGNMENTS_LATE, (corridor, name), of_bucket[corridor, name])
    for labels, count in of_milestone.items():
        yield Sample(gauges.MILESTONES_OVERDUE, labels, count)
    yield Sample(gauges.LATENESS_AS_OF, (), as_of / SECOND)


def bucket(late: Micros) -> str:
    """The name of the lateness bucket."""
    return next((name for name, limit in BUCKETS.items() if late < limit), LAST_BUCKET)


@cache
def movements() -> frozenset[str]:
    """The names of the milestones that move cargo: late documents do not make a consignment late."""
    return frozenset(spec.name for spec in catalogue.specs() if spec.region is Region.MOVEMENT)


def measure_trades(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """What the checks find in trades by check and verdict, also those that nothing was found by; neither a trade nor a value. One statement."""
    found = dict(session.execute(statement("trade_findings")).fetchall())
    for check in CHECKS:
        for verdict in OPEN:
            yield Sample(gauges.TRADE_FINDINGS, (check, str(verdict)), found.get(f"{check} {verdict}", 0))
