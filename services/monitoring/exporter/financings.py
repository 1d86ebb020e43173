"""How many financings hold an interest, and which requests for a decision wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from services.domain.facts import Micros
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import SECOND, Sample
from services.telemetry import gauges


def ask(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """The samples of all banks together: a bank's own figures are for the bank."""
    counts = dict(session.execute(statement("financings")).fetchall())
    for pledged, status in ((False, "reserved"), (True, "pledged")):
        yield Sample(gauges.FINANCINGS, (status,), counts.get(pledged, 0))
    row = session.execute(statement("requests")).fetchone()
    waiting, oldest = row or (0, None)
    yield Sample(gauges.FINANCING_REQUESTS, (), waiting)
    if oldest is not None:
        yield Sample(gauges.FINANCING_REQUEST_OLDEST, (), oldest / SECOND)
