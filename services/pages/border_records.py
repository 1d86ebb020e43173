"""The record of past forecasts of borders for all who look: made at most every few minutes, since it reads what is counted of all borders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from services.arrival.domain.history import week_of
from services.arrival.domain.record import Border, BorderRecord, records, weekly
from services.arrival.domain.tables import tables
from services.arrival.store.reader import read_border_cells
from services.domain.facts import Micros
from services.pages.cache import TimedCache

WEEKS = 52
Weeks = Mapping[int, BorderRecord | None]
Records = tuple[tuple[BorderRecord, Weeks], ...]
"""By crossing and direction: the whole record, and that of each week, None for one with too few crossings."""


class SharedRecords:
    """The records for all who look, some minutes old at most."""

    EVERY = 600.0

    def __init__(self) -> None:
        self._made: TimedCache[None, Records] = TimedCache(self.EVERY)

    def read(self, session: Connection[Any], now: Micros) -> Records:
        """The records of the last year."""
        return self._made.of(None, lambda: _records(session, now))


def _records(session: Connection[Any], now: Micros) -> Records:
    cells, since, table = read_border_cells(session), week_of(now) - WEEKS, tables()
    by_week: Mapping[Border, Weeks] = weekly(cells, since, table)
    found = records(cells, since, table)
    return tuple((each, by_week[each.crossing, each.first, each.last]) for each in found)
