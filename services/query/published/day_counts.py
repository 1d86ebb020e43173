"""Counts of what a party's keys signed by day, cached in the process: what was stored since they were counted is added to them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.ledger.storage.arrays import adapt, bigints
from services.ledger.storage.term_numbers import key_number
from services.query.published import statement
from services.query.view_cache import StateMark

Session = Connection[Any]
MOST_ADDED = 20_000
"""Events stored since up to which they are looked at; of more everything is counted anew, by the index."""


class DayCount(NamedTuple):
    """Accepted events of one UTC day (since 1970), and of these the ones in quarantine and those of which another content is stored."""

    day: int
    accepted: int
    quarantined: int
    contradicted: int


class Period(NamedTuple):
    """Events of ``keys`` (key ids) appended in [since, until)."""

    keys: frozenset[str]
    since: Micros
    until: Micros

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the statements about it."""
        keys = bigints([key_number(each) for each in sorted(self.keys)])
        return {"keys": keys, "since": self.since, "until": self.until}


class _Accepted(NamedTuple):
    """Events by day that ``snapshot`` saw in these ``partitions`` of the bodies."""

    snapshot: str
    partitions: Sequence[int]
    by_day: Mapping[int, int]


class _Cached(NamedTuple):
    state: StateMark
    accepted: _Accepted
    counts: list[DayCount]


class DayCounts:
    """Of at most ``most`` periods, the least recently counted dropped first. For several threads.

    What is returned is always as of the transaction that asks: the same again where nothing was stored since, else with what was. Events
    are never taken away but with their partition; where the partitions are others, or another server answers, everything is counted.
    """

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._cached: dict[Period, _Cached] = {}

    def of(self, session: Session, period: Period, state: StateMark | None) -> list[DayCount]:
        """The counts of each day of ``period`` with events; ``state`` was read before, in the same transaction."""
        known = self._cached.get(period)
        if known is not None and state is not None:
            if known.state == state:
                return known.counts
            before = known.accepted if known.state.server == state.server else None
        else:
            before = None
        accepted = _accepted(session, period, before)
        counts = _counts(session, period, accepted.by_day)
        if state is not None:
            with self._lock:
                self._cached.pop(period, None)
                self._cached[period] = _Cached(state, accepted, counts)
                if len(self._cached) > self._most:
                    self._cached.pop(next(iter(self._cached)))
        return counts


def _accepted(session: Session, period: Period, before: _Accepted | None) -> _Accepted:
    if before is not None:
        given = {**period.parameters, "snapshot": before.snapshot, "most": MOST_ADDED}
        rows = _rows(session, "per_day_since", given)
        snapshot, partitions, stored = rows[0][:3]
        if stored <= MOST_ADDED and partitions == before.partitions:
            added = {day: events for *_, day, events in rows if day is not None}
            return _Accepted(snapshot, partitions, Counter(before.by_day) + Counter(added))
    rows = _rows(session, "per_day", period.parameters)
    snapshot, partitions = rows[0][:2]
    return _Accepted(snapshot, partitions, {day: events for _, _, day, events in rows if day is not None})


def _counts(session: Session, period: Period, accepted: Mapping[int, int]) -> list[DayCount]:
    quarantined = dict(_rows(session, "quarantined_per_day", period.parameters))
    contradicted = dict(_rows(session, "contradicted_per_day", period.parameters))
    return [
        DayCount(day, events, quarantined.get(day, 0), contradicted.get(day, 0))
        for day, events in sorted(accepted.items())
    ]


def _rows(session: Session, name: str, values: dict[str, Any]) -> list[Any]:
    adapt(session)
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), values).fetchall()
