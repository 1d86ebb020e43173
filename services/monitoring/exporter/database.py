"""The database itself: sessions, size, the transaction that holds readers back, and what is not settled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from services.domain.facts import Micros
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import Sample
from services.telemetry import gauges


def ask(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """The samples of the server and of this database on it."""
    row = session.execute(statement("database")).fetchone()
    assert row is not None
    sessions, most, size, oldest, unsettled = row
    yield Sample(gauges.DATABASE_CLOCK_OFFSET, (), _clock_offset(session))
    yield Sample(gauges.DATABASE_CONNECTIONS, (), sessions)
    yield Sample(gauges.DATABASE_CONNECTIONS_MAX, (), most)
    yield Sample(gauges.DATABASE_SIZE, (), size)
    yield Sample(gauges.UNSETTLED, (), unsettled)
    if oldest is not None:
        yield Sample(gauges.OLDEST_TRANSACTION, (), float(oldest))


def _clock_offset(session: Connection[Any]) -> float:
    """How far the server's clock is ahead, seconds: against the middle of the way there and back."""
    asked = time.time()
    row = session.execute(statement("clock")).fetchone()
    answered = time.time()
    assert row is not None
    return float(row[0]) - (asked + answered) / 2
