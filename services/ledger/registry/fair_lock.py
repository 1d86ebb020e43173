"""A fair turn for whoever changes the registry, among batches that hold it one over the other.

Batches lock the version's row together; whoever wants that row for itself starves as long as one of them always has it.
A lock of the whole table queues: batches that come later wait behind it. It is waited for in bounded turns, so that one
long reader does not make everybody wait for as long as it reads.
"""

from __future__ import annotations

import time
from typing import Any

from psycopg import Connection, errors

from services.ledger.registry.errors import RegistryError

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
    until, turn = time.monotonic() + PATIENCE, FIRST
    row = session.execute("SELECT current_setting('lock_timeout')").fetchone()
    assert row is not None
    while True:
        try:
            with session.transaction():  # a turn that fails leaves the caller's transaction whole
                session.execute(f"SET LOCAL lock_timeout = {int(turn * 1_000)}".encode())
                session.execute(_LOCK)
                session.execute("SELECT set_config('lock_timeout', %s, true)", (row[0],))
            return
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if time.monotonic() > until:
                raise RegistryError(
                    f"The registry was in use for {PATIENCE:.0f} s without a break; nothing was changed.",
                    "Look for sessions that make no progress (`lianyun doctor`) and try again.",
                ) from None
        time.sleep(BETWEEN)
        turn = min(turn * 2, LONGEST)
