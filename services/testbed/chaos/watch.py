"""Watches the ledger from outside: who owns which partition, whether it moves, and how long it stood still."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg

Partition = tuple[str, int]
_LOOK_SECONDS = 0.05


class NoFlow(Exception):
    """Nothing moved for longer than anybody should have to wait; the text says what was waited for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a partition of the ledger stands: the next offset to apply and the slot that owns it."""

    next_offset: int
    owner: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in some time: the longest standstill, when certain partitions moved first, whether sessions waited."""

    standstill: float
    moved_after: float | None
    waiting: bool


class Watch:
    """Looks at the ledger of ``dsn``; connects anew whenever the database went away. Not for several threads."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def places(self) -> dict[Partition, Place]:
        """Where every partition stands; empty while the database does not answer."""
        rows = self._rows("SELECT topic, part, next_offset, owner FROM lianyun.kafka_offset")
        return {(str(t), int(str(p))): Place(int(str(n)), str(o)) for t, p, n, o in rows}

    def slot_of(self, worker: int) -> str:
        """The name under which ``worker`` owns partitions, "" while it has none."""
        rows = self._rows("SELECT worker_group, slot, owner FROM lianyun.worker_slot")
        found = (f"lianyun-{g}-{n}" for g, n, owner in rows if str(owner).rpartition("/")[2] == str(worker))
        return next(found, "")

    def owned_by(self, worker: int) -> dict[Partition, Place]:
        """The partitions of ``worker`` and where they stand."""
        slot = self.slot_of(worker)
        return {partition: place for partition, place in self.places().items() if place.owner == slot}

    def wait_moved(self, before: Mapping[Partition, Place], what: str, patience: float = 90.0) -> float:
        """Wait until one of the partitions in ``before`` has moved on; return the seconds. Raises NoFlow."""
        return self.wait(
            lambda: moved(before, self.places()), f"{what}: none of {len(before)} partitions moved", patience
        )

    def wait(
        self, done: Callable[[], bool], what: str, patience: float = 90.0, look: float = _LOOK_SECONDS
    ) -> float:
        """Wait until ``done()``, asked every ``look`` seconds; return the seconds it took.

        Raises NoFlow after ``patience`` seconds.
        """
        started = time.monotonic()
        while not done():
            if time.monotonic() - started > patience:
                raise NoFlow(f"{what} within {patience:.0f} s")
            time.sleep(look)
        return time.monotonic() - started

    def during(self, seconds: float, own: Mapping[Partition, Place]) -> Seen:
        """Look at the ledger for ``seconds``, in which a worker that had the partitions of ``own`` does nothing."""
        began = still = time.monotonic()
        longest, adopted, waiting = 0.0, None, False
        before = self.places()
        while (now := time.monotonic()) - began < seconds:
            places = self.places()
            if moved(before, places):
                longest, still, before = max(longest, now - still), now, places
            if adopted is None and moved(own, places):
                adopted = now - began
            waiting = waiting or self._somebody_waits()
            time.sleep(_LOOK_SECONDS)
        return Seen(max(longest, time.monotonic() - still), adopted, waiting)

    def _somebody_waits(self) -> bool:
        return bool(
            self._rows(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'lianyun' "
                "AND cardinality(pg_blocking_pids(pid)) > 0"
            )
        )

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, query: str) -> list[tuple[object, ...]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=2)
            return self._connection.execute(query.encode()).fetchall()
        except psycopg.OperationalError:
            self.close()
            return []


def moved(before: Mapping[Partition, Place], now: Mapping[Partition, Place]) -> bool:
    """Whether a partition of ``before`` has moved on."""
    return any(p in now and now[p].next_offset > place.next_offset for p, place in before.items())
