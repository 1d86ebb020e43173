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

LOCK_TIMEOUT = 0.3
"""Seconds that a hold waits for batches under way; later ones queue behind it meanwhile."""
DEADLINE = 0.9
"""Seconds after the beginning of a hold, waiting included, at which its statements are cancelled."""
IDLE_TIMEOUT = 1.0
"""Seconds after which the database ends the idle session of a hold: later than any deadline."""
ATTEMPTS = 100
_CANCEL_INTERVAL = 0.02
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
def held(control: Connection[Any], writing: Session, holds: Holds) -> Iterator[float]:
    """Hold every batch, redrive and change of the registry until the end of the block; yields its deadline.

    Writers take their locks on rows of these tables, and a lock of the whole table queues fairly, where one of the rows
    would starve behind overlapping batches. ``control``'s transaction is committed at the end, or rolled back on an
    exception. At the deadline (a moment of ``time.monotonic``) the statements of both sessions are cancelled, one after
    another, so that the block ends with HoldExpired at its next one; only computing between them is not cut off, and has to
    be short. Raises ReplayError where batches under way do not end.
    """
    started = _acquire(control, writing)
    deadline = started + DEADLINE
    canceller = _Canceller(deadline, control, writing)
    try:
        yield deadline
        control.commit()
    except psycopg.Error as problem:
        over = time.monotonic() >= deadline
        canceller.stop()
        _roll_back(control, writing)
        lost = control.closed or writing.closed
        if not lost and not (over and isinstance(problem, psycopg.OperationalError)):
            raise
        holds.cut_short += 1
        raise HoldExpired from problem
    except BaseException:
        _roll_back(control, writing)
        raise
    finally:
        canceller.stop()
        holds.count += 1
        holds.longest = max(holds.longest, time.monotonic() - started)


class _Canceller:
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
            self._stop.wait(_CANCEL_INTERVAL)


def _roll_back(control: Connection[Any], writing: Session) -> None:
    for session in (control, writing):  # in this order: the first lets batches go on
        try:
            session.rollback()
        except psycopg.Error:  # ended by the database, which has rolled back
            session.close()


def _acquire(control: Connection[Any], writing: Session) -> float:
    """Open a transaction of ``control`` that holds the lock; the moment at which it began to wait."""

    def lock() -> float:
        started = time.monotonic()
        control.execute(f"SET LOCAL lock_timeout = {int(LOCK_TIMEOUT * 1_000)}".encode())
        control.execute(
            f"SET LOCAL idle_in_transaction_session_timeout = {int(IDLE_TIMEOUT * 1_000)}".encode()
        )
        control.execute(_LOCK)
        return started

    def release() -> None:
        control.rollback()
        end_frozen(writing, "replay")

    try:
        return retry(lock, RetryPolicy(LOCKED, attempts=ATTEMPTS, pause=0.1), release)
    except LOCKED:
        control.rollback()
        raise ReplayError(
            "Batches under way did not end, so they could not be held; nothing was switched. "
            "Look for sessions that make no progress (`lianyun doctor`) and try again."
        ) from None
