"""When each partner was last heard, after how long it counts as silent, and when its keys run out.

The accepted events are followed by position, so each is looked at once, whoever restarts: no index over all events is
needed. Until all that is visible was followed nothing is said of when partners were heard, since it could be too early.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from psycopg import Connection

from services.domain.facts import Micros
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import SECOND, Sample
from services.telemetry import gauges

BATCHES = 500
"""Transactions of workers that one step follows at most: a step writes, and readers by position wait for who writes."""
SECONDS = 5.0
"""How long steps go on at one look while there is more: years of events are caught up with in hours."""


def asking(
    expected: Mapping[str, float], usual: float
) -> Callable[[Connection[Any], Micros], Iterator[Sample]]:
    """A question that follows the events for a while, and tells of all parties that may publish.

    ``expected`` seconds by party, ``usual`` for every other.
    """

    def ask(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
        end = time.monotonic() + SECONDS
        while _followed(session) == BATCHES and time.monotonic() < end:
            pass
        behind = session.execute(statement("behind")).fetchone()
        whole = behind is not None and not behind[0]
        for code, appended, ends in session.execute(statement("partners")).fetchall():
            yield Sample(gauges.PARTNER_EXPECTED_INTERVAL, (code,), expected.get(code, usual))
            if whole and appended is not None:
                yield Sample(gauges.PARTNER_LAST_ACCEPTED, (code,), appended / SECOND)
            if ends is not None:
                yield Sample(gauges.PARTNER_KEY_EXPIRES, (code,), ends / SECOND)

    return ask


def _followed(session: Connection[Any]) -> int:
    """Take one step; how many transactions it looked at: none where another exporter is at it."""
    row = session.execute(statement("follow"), {"batches": BATCHES}).fetchone()
    return 0 if row is None else int(row[0])
