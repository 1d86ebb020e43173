"""The totals of banks, added up beside the requests: a thread for each bank that somebody looks at, a short transaction for each thousand."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolClosed

from services.financing.domain.totals import Totals, totals_of
from services.financing.store.status_reader import crossings_of, portfolio, summaries
from services.ledger.registry.registry import Registry
from services.pages.financings.portfolio import crossing_ids, day_of

log = logging.getLogger(__name__)
Pool = ConnectionPool[Connection[Any]]


class Counted(NamedTuple):
    """The totals of so many financings as of ``at``; ``whole``: those are all open ones of the bank."""

    at: int
    totals: Totals = Totals()
    number: int = 0
    whole: bool = False


class SharedTotals:
    """The totals of each bank, some minutes old at most. For several threads."""

    EVERY = 300.0
    PATIENCE = 1.0
    AT_ONCE = 1_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, tuple[float, Counted]] = {}
        self._under_way: dict[str, tuple[Counted, threading.Event]] = {}

    def of(self, pool: Pool, bank: str, now: int, registry: Registry) -> Counted:
        """The totals of ``bank``, or as far as they are; waits a second for them at most."""
        with self._lock:
            known = self._made.get(bank)
            if known is not None and time.monotonic() - known[0] < self.EVERY:
                return known[1]
            if bank not in self._under_way:
                self._under_way[bank] = Counted(now), threading.Event()
                arguments = (pool, bank, now, registry)
                threading.Thread(target=self._work, args=arguments, name="totals", daemon=True).start()
            ready = self._under_way[bank][1]
        ready.wait(self.PATIENCE)
        with self._lock:
            if bank in self._made:
                return self._made[bank][1]
            return self._under_way[bank][0] if bank in self._under_way else Counted(now)

    def _work(self, pool: Pool, bank: str, now: int, registry: Registry) -> None:
        try:
            found = self._count(pool, bank, now, registry)
            with self._lock:
                self._made[bank] = time.monotonic(), found
        except (psycopg.Error, PoolClosed) as problem:
            log.warning("totals of %s: %s", bank, type(problem).__name__, extra={"action": "totals_failed"})
        except Exception:
            log.exception("totals of %s cannot be added up", bank, extra={"action": "totals_failed"})
        finally:
            with self._lock:
                self._under_way.pop(bank)[1].set()

    def _count(self, pool: Pool, bank: str, now: int, registry: Registry) -> Counted:
        found, place, ids = Counted(now), "", crossing_ids()
        while True:
            with pool.connection() as session:
                names = portfolio(session, bank, place, self.AT_ONCE, True)
                passed = crossings_of(session, names, ids)
                read = summaries(session, names, now, registry)
            each = ((one.state, passed.get(one.financing, ())) for one in read)
            totals = found.totals.plus(totals_of(each, day_of(now)))
            found = Counted(now, totals, found.number + len(names), len(names) < self.AT_ONCE)
            if found.whole:
                return found
            place = names[-1]
            with self._lock:
                self._under_way[bank] = found, self._under_way[bank][1]
