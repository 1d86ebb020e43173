"""What every decision of the platform needs that is taken once: the locks on all that it depends on, and the moment under them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from services.domain.facts import Micros
from services.ledger.storage import statement
from services.ledger.storage.arrays import bigints
from services.ledger.storage.session import Session

Clock = Callable[[Session], tuple[Micros, int]]


def lock(session: Session, ids: Iterable[bytes]) -> None:
    """Lock ids of 16 bytes, also of what is not stored yet, until the transaction ends; in ascending order, so nobody waits in a circle."""
    session.execute(statement("lock_decided"), {"keys": bigints(sorted(map(lock_key, ids)))})


def lock_key(id_: bytes) -> int:
    """The advisory lock of an id; two ids that share one only wait for one another."""
    return int.from_bytes(id_[:8], signed=True)


def request_key(asked_by: str, idempotency: str) -> bytes:
    """The key under which repetitions of one request meet."""
    return hashlib.sha256(f"request\0{asked_by}\0{idempotency}".encode()).digest()[:16]


def database_clock(session: Session) -> tuple[Micros, int]:
    """(the moment, the transaction below which everything is visible) by the database."""
    row = session.execute(statement("moment_decided")).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
