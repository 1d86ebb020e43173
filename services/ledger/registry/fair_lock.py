"""A fair turn for whoever changes the registry, among batches that hold it one over the other.

Batches lock the version's row together; whoever wants that row for itself starves as long as one of them always has it.
A lock of the whole table queues: batches that come later wait behind it. It is waited for in bounded turns, so that one
long reader does not make everybody wait for as long as it reads.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from psycopg import Connection

from services.ledger.registry.errors import RegistryError
from services.runtime.transactions import LOCKED, RetryPolicy, retry_transaction

FIRST, LONGEST = 0.5, 2.0
"""Seconds that the first turn and the later ones last at most; batches that queue behind wait as long."""
BETWEEN = 0.1
"""Seconds in which those may run that had to wait."""
PATIENCE = 30.0

_LOCK = b"LOCK TABLE lianyun.registry_version IN EXCLUSIVE MODE"


def take_turn(session: Connection[Any]) -> None:
    """Shut everybody else out of the registry until the caller's transaction ends; plain reads go on.

    Must not have held the registry in the same transaction: two who have would wait for one another. Blocks up to 30 s,
    then raises RegistryError.
    """
    turns = (min(FIRST * 2**number, LONGEST) for number in count())
    row = session.execute("SELECT current_setting('lock_timeout')").fetchone()
    assert row is not None
    lock_timeout = row[0]

    def lock() -> None:
        session.execute(f"SET LOCAL lock_timeout = {int(next(turns) * 1_000)}".encode())
        session.execute(_LOCK)
        session.execute("SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))

    try:
        retry_transaction(session, lock, RetryPolicy(LOCKED, timeout=PATIENCE + BETWEEN, pause=BETWEEN))
    except LOCKED:
        raise RegistryError(
            f"The registry was in use for {PATIENCE:.0f} s without a break; nothing was changed.",
            "Look for sessions that make no progress (`lianyun doctor`) and try again.",
        ) from None
