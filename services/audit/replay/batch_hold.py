"""A hold of all batches for less than a second, so that two generations can be brought to the same point.

A hold lasts a second at most: statements that are not done by its deadline are cancelled, and batches go on. Where this
process itself is suspended, the database ends the hold.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection

from services.audit.replay.outcome import ReplayError
from services.ledger.storage.session import Session, end_frozen
from services.runtime.transactions import LOCKED, RetryPolicy, retry

PATIENCE = 0.3
"""Seconds that a hold waits for batches under way; they wait behind it meanwhile."""
DEADLINE = 0.9
"""Seconds after the beginning of a hold, waiting included, at which all that it still does is cancelled."""
STANDSTILL = 1.0
"""Seconds after which the database ends the idle session of a hold: later than any deadline."""
ATTEMPTS = 100
_AGAIN = 0.02
_LOCK = b"LOCK TABLE lianyun.registry_version, lianyun.generation IN EXCLUSIVE MODE"


class HoldExpired(Exception):
    """The deadline of a hold came before its end: nothing of the block counts but what it had committed itself.

    Where the database had to end the hold, one of its sessions is closed.
    """


@dataclass(slots=True)
class Holds:
    """How often and how long batches were held, from the moment they began to queue; seconds."""

    count: int = 0
    longest: float = 0.0
    cut_short: int = 0


@contextmanager
def held(gate: Connection[Any], writing: Session, holds: Holds) -> Iterator[float]:
    """Hold every batch, redrive and change of the registry until the end of the block; yields its deadline.

    Writers take their locks on rows of these tables, and a lock of the whole table queues fairly, where one of the rows
    would starve behind overlapping batches. ``gate``'s transaction is committed at the end, or rolled back on an
    exception. At the deadline (a moment of ``time.monotonic``) the statements of both sessions are cancelled, one after
    another, so that the block ends with HoldOver at its next one; only computing between them is not cut off, and has to
    be short. Raises ReplayError where batches under way do not end.
    """
    started = _acquire(gate, writing)
    deadline = started + DEADLINE
    cancelling = _Cancelling(deadline, gate, writing)
    try:
        yield deadline
        gate.commit()
    except psycopg.Error as problem:
        over = time.monotonic() >= deadline
        cancelling.stop()
        _roll_back(gate, writing)
        lost = gate.closed or writing.closed
        if not lost and not (over and isinstance(problem, psycopg.OperationalError)):
            raise
        holds.cut_short += 1
        raise HoldExpired from problem
    except BaseException:
        _roll_back(gate, writing)
        raise
    finally:
        cancelling.stop()
        holds.count += 1
        holds.longest = max(holds.longest, time.monotonic() - started)


class _Cancelling:
    """From a deadline on cancels the statements of the sessions, repeatedly, until it is stopped."""

    def __init__(self, deadline: float, *sessions: Connection[Any]) -> None:
        self._deadline, self._sessions = deadline, sessions
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hold-deadline", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cancel nothing from now on; when it returns, no cancellation is on its way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        if self._stop.wait(max(0.0, self._deadline - time.monotonic())):
            return
        while not self._stop.is_set():
            for session in self._sessions:
                with contextlib.suppress(psycopg.Error):
                    session.cancel_safe(timeout=2.0)
            self._stop.wait(_AGAIN)


def _roll_back(gate: Connection[Any], writing: Session) -> None:
    for session in (gate, writing):  # in this order: the first lets batches go on
        try:
            session.rollback()
        except psycopg.Error:  # ended by the database, which has rolled back
            session.close()


def _acquire(gate: Connection[Any], writing: Session) -> float:
    """Open a transaction of ``gate`` that holds the lock; the moment at which it began to wait."""

    def lock() -> float:
        started = time.monotonic()
        gate.execute(f"SET LOCAL lock_timeout = {int(PATIENCE * 1_000)}".encode())
        gate.execute(f"SET LOCAL idle_in_transaction_session_timeout = {int(STANDSTILL * 1_000)}".encode())
        gate.execute(_LOCK)
        return started

    def release() -> None:
        gate.rollback()
        end_frozen(writing, "replay")

    try:
        return retry(lock, RetryPolicy(LOCKED, attempts=ATTEMPTS, pause=0.1), release)
    except LOCKED:
        gate.rollback()
        raise ReplayError(
            "Batches under way did not end, so they could not be held; nothing was switched. "
            "Look for sessions that make no progress (`lianyun doctor`) and try again."
        ) from None
