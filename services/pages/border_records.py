"""The record of past forecasts of borders for all who look: made at most every few minutes, since it reads what is counted of all borders."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from services.arrival.domain.history import week_of
from services.arrival.domain.record import Border, BorderRecord, records, weekly
from services.arrival.domain.tables import tables
from services.arrival.store.reader import read_border_cells
from services.domain.facts import Micros

WEEKS = 52
Weeks = Mapping[int, BorderRecord | None]
Records = tuple[tuple[BorderRecord, Weeks], ...]
"""By crossing and direction: the whole record, and that of each week, None for one with too few crossings."""


class SharedRecords:
    """For several threads, one of which makes them."""

    EVERY = 600.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[float, Records] | None = None

    def read(self, session: Connection[Any], now: Micros) -> Records:
        """The records of the last year, some minutes old at most."""
        with self._lock:
            if self._made is None or time.monotonic() - self._made[0] >= self.EVERY:
                cells, since, table = read_border_cells(session), week_of(now) - WEEKS, tables()
                by_week: Mapping[Border, Weeks] = weekly(cells, since, table)
                found = tuple(
                    (each, by_week[each.crossing, each.first, each.last])
                    for each in records(cells, since, table)
                )
                self._made = time.monotonic(), found
            return self._made[1]
