"""Batches held for a moment, so that what is stored and what is derived can be brought to the same point."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, errors

from services.replay.outcome import ReplayError
from services.storage.session import Session, end_frozen

PATIENCE = 0.4
"""Seconds that a hold waits for batches under way; they wait behind it meanwhile."""
ATTEMPTS = 100
_LOCK = b"LOCK TABLE lianyun.registry_version, lianyun.generation IN EXCLUSIVE MODE"


@dataclass(slots=True)
class Holds:
    """How often and how long batches were held, from the moment they began to queue; seconds."""

    count: int = 0
    longest: float = 0.0


@contextmanager
def held(gate: Connection[Any], writing: Session, holds: Holds) -> Iterator[float]:
    """Hold every batch, redrive and change of the registry until the end of the block; yields when it began.

    Writers take their locks on rows of these tables, and a lock of the whole table queues fairly, where one of the rows
    would starve behind overlapping batches. ``gate``'s transaction is committed at the end, or rolled back on an
    exception. Raises ReplayError where batches under way do not end.
    """
    started = _shut(gate, writing)
    try:
        yield started
        gate.commit()
    except BaseException:
        gate.rollback()
        raise
    finally:
        holds.count += 1
        holds.longest = max(holds.longest, time.monotonic() - started)


def _shut(gate: Connection[Any], writing: Session) -> float:
    for _ in range(ATTEMPTS):
        started = time.monotonic()
        try:
            gate.execute(f"SET LOCAL lock_timeout = {int(PATIENCE * 1_000)}".encode())
            gate.execute(_LOCK)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            gate.rollback()
            end_frozen(writing, "replay")
            time.sleep(0.1)
        else:
            return started
    raise ReplayError(
        "Batches under way did not end, so they could not be held; nothing was switched. "
        "Look for sessions that make no progress (`lianyun doctor`) and try again."
    )
