"""Which consignments are late, of what, and which have fallen silent, by corridor.

Whether a plan is overdue and a cargo silent is the heart's to judge, of the whole view of a consignment. The process that keeps
cases does so at every new fact and at every moment that is due, and keeps what it found; here it is counted, and judged no
second time. Where that process is behind, nothing is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any
from uuid import UUID

from psycopg import Connection

from schemas.events import catalogue
from schemas.events.base import Region
from services.cases.domain.causes import CaseKind
from services.domain.facts import Micros
from services.domain.rules import HOUR
from services.monitoring.exporter import statement
from services.monitoring.exporter.consignments import NONE, Corridors, corridors
from services.monitoring.exporter.sample import SECOND, Sample
from services.telemetry import gauges

BEHIND: Micros = HOUR // 4
"""Causes that are of an older moment are not counted."""
BUCKETS: Mapping[str, Micros] = {
    "under_1_day": 24 * HOUR,
    "1_to_3_days": 72 * HOUR,
    "3_to_7_days": 168 * HOUR,
}
"""How late less than; the last bucket has no end."""
LAST = "over_7_days"
Row = tuple[UUID, str, str, Micros]


def asking() -> Callable[[Connection[Any], Micros], Iterable[Sample]]:
    """A question that remembers which corridor the consignments take of which something is late."""
    known = Corridors()

    def ask(session: Connection[Any], now: Micros) -> Iterable[Sample]:
        found = session.execute(statement("judged")).fetchone()
        if found is None or found[0] is None or found[0] < now - BEHIND:
            return ()
        rows = session.execute(statement("lateness")).fetchall()
        return samples(rows, known.of(session, list({row[0] for row in rows}), now), found[0])

    return ask


def samples(rows: Iterable[Row], corridor_of: Mapping[UUID, str], as_of: Micros) -> Iterator[Sample]:
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
        for name in (*BUCKETS, LAST):
            yield Sample(gauges.CONSIGNMENTS_LATE, (corridor, name), of_bucket[corridor, name])
    for labels, count in of_milestone.items():
        yield Sample(gauges.MILESTONES_OVERDUE, labels, count)
    yield Sample(gauges.LATENESS_AS_OF, (), as_of / SECOND)


def bucket(late: Micros) -> str:
    """The bucket of who is so late."""
    return next((name for name, limit in BUCKETS.items() if late < limit), LAST)


@cache
def movements() -> frozenset[str]:
    """The milestones that move the cargo itself, by name: papers that come late do not make a consignment late."""
    return frozenset(spec.name for spec in catalogue.specs() if spec.region is Region.MOVEMENT)
