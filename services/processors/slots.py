"""Static group membership: each worker process holds one numbered slot of its group, leased in Postgres.

Kafka keeps the partitions of a static member that restarts, so a killed worker is back within about two seconds without a
rebalance; a dynamic member that vanishes stalls the group until its session times out. The slot number determines the member's
name. A supervisor passes itself as `owner`, so a restarted process takes over its slot at once; any other waits for the lease.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from services.processors import statement

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot held by this process, `holder`, while its lease is renewed."""

    group: str
    number: int
    holder: uuid.UUID

    @property
    def instance_id(self) -> str:
        """Kafka's `group.instance.id`."""
        return f"lianyun-{self.group}-{self.number}"


def take(dsn: str, group: str, owner: str, lease: float) -> Slot:
    """Lease the owner's slot of `group`, or the lowest free one, for `lease` seconds. Blocks; raises psycopg.Error.

    A process that still holds the owner's slot loses it at its next `renew`.
    """
    holder = uuid.uuid4()
    names = {"group": group, "owner": owner, "holder": holder, "lease": lease}
    with psycopg.connect(dsn, application_name="lianyun slots") as session:
        session.execute(statement("lock_slots"), names)
        row = session.execute(statement("take_slot"), names).fetchone()
    assert row is not None, "the statement always finds a slot"
    return Slot(group, row[0], holder)


class Lease:
    """Renews a slot on a thread of its own until `stop`; calls `lost` once when another process holds the slot.

    Failures of the database are retried until the lease ends, since the slot is reserved that long.
    """

    def __init__(self, dsn: str, slot: Slot, lease: float, lost: Callable[[str], None]) -> None:
        self._dsn, self._slot, self._lease, self._lost = dsn, slot, lease, lost
        self._ends = time.monotonic() + lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slot-lease", daemon=True)

    def start(self) -> None:
        """Begin renewing; returns at once."""
        self._thread.start()

    def stop(self, release: bool) -> None:
        """End renewing; with `release` the slot becomes free at once. Blocks for at most about 3 s."""
        self._stop.set()
        self._thread.join(timeout=3)
        if release:
            try:
                self._execute("release_slot")
            except psycopg.Error as error:
                log.warning("slot not released, it frees itself: %s", error, extra={"action": "slot_kept"})

    def _run(self) -> None:
        while not self._stop.wait(self._lease / 3):
            try:
                held = self._execute("renew_slot")
            except psycopg.Error as error:
                if time.monotonic() > self._ends:
                    self._lost(f"slot {self._slot.number} could not be renewed: {error}")
                    return
                log.warning("slot not renewed, trying again: %s", error, extra={"action": "slot_renewal"})
                continue
            if not held:
                self._lost(
                    f"slot {self._slot.number} of group {self._slot.group} belongs to another process now"
                )
                return
            self._ends = time.monotonic() + self._lease

    def _execute(self, name: str) -> bool:
        slot = self._slot
        names = {"group": slot.group, "slot": slot.number, "holder": slot.holder, "lease": self._lease}
        options = "-c statement_timeout=2s -c lock_timeout=2s"
        with psycopg.connect(
            self._dsn, application_name="lianyun slots", connect_timeout=3, options=options
        ) as session:
            return session.execute(statement(name), names).rowcount == 1
