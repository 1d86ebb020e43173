"""Which consignments are late, of what, and which have fallen silent, by corridor.

Whether a plan is overdue and a cargo silent is the heart's to judge, of the whole view of a consignment. The process that keeps
cases does so at every new fact and at every moment that is due, and keeps what it found; here it is counted, and judged no
second time. Where that process is behind, nothing is said.
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

# The heads are read in one pass: they change too often to carry an index of their phase. The corridor of each is looked up
# once and remembered for about an hour, since that is many times dearer and hardly ever changes.

PHASES = ("announced", "booked", "gathered", "on_the_way", "at_destination", "collected")
"""By the number of the phase; 0 where no fact about its boxes says more than that it was founded."""
NONE = "none"
_CORRIDOR_BATCH = 2_000
_CORRIDOR_SPREAD = HOUR // 2
ConsignmentRow = tuple[UUID, int, bool, bool, bool]


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
        for start in range(0, len(unknown), _CORRIDOR_BATCH):
            parameters = {
                "consignments": unknown[start : start + _CORRIDOR_BATCH],
                "crossings": list(corridors()),
            }
            for one, crossing in session.execute(statement("corridors"), parameters).fetchall():
                until = now + HOUR + one.int % _CORRIDOR_SPREAD  # not all at the same time
                kept[one] = (NONE if crossing is None else corridors()[crossing], until)
        self._known = kept
        return {one: corridor for one, (corridor, _) in kept.items()}

    def measure(self, session: Connection[Any], now: Micros) -> Iterable[Sample]:
        """The samples of all corridors."""
        rows = session.execute(statement("under_way"), {"delivered": DELIVERED_PHASE * 100}).fetchall()
        return consignment_samples(rows, self.of(session, [row[0] for row in rows], now))


def consignment_samples(rows: Iterable[ConsignmentRow], corridor_of: Mapping[UUID, str]) -> Iterator[Sample]:
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


MAX_CAUSE_AGE: Micros = HOUR // 4
"""Causes that are of an older moment are not counted."""
BUCKETS: Mapping[str, Micros] = {
    "under_1_day": 24 * HOUR,
    "1_to_3_days": 72 * HOUR,
    "3_to_7_days": 168 * HOUR,
}
"""How late less than; the last bucket has no end."""
LAST_BUCKET = "over_7_days"
LatenessRow = tuple[UUID, str, str, Micros]


def lateness_measurement() -> Callable[[Connection[Any], Micros], Iterable[Sample]]:
    """A question that remembers which corridor the consignments take of which something is late."""
    known = Corridors()

    def measure(session: Connection[Any], now: Micros) -> Iterable[Sample]:
        found = session.execute(statement("judged")).fetchone()
        if found is None or found[0] is None or found[0] < now - MAX_CAUSE_AGE:
            return ()
        rows = session.execute(statement("lateness")).fetchall()
        return lateness_samples(rows, known.of(session, list({row[0] for row in rows}), now), found[0])

    return measure


def lateness_samples(
    rows: Iterable[LatenessRow], corridor_of: Mapping[UUID, str], as_of: Micros
) -> Iterator[Sample]:
    """The samples of rows of (consignment, kind of cause, name of the milestone, since when)."""
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
    """The bucket of who is so late."""
    return next((name for name, limit in BUCKETS.items() if late < limit), LAST_BUCKET)


@cache
def movements() -> frozenset[str]:
    """The milestones that move the cargo itself, by name: papers that come late do not make a consignment late."""
    return frozenset(spec.name for spec in catalogue.specs() if spec.region is Region.MOVEMENT)
