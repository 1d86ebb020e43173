"""Fault injection: files by which the prover has a worker process die or freeze at a named point of its work.

``fault-<worker>`` holds ``<point> <signal>``. The worker that reaches the point renames the file to ``fired-<worker>``
and signals itself; no chance is involved, so a run's plan is what happens. ``busy-<worker>`` holds one byte, the
number of the last point reached inside a transaction, 0 between transactions: what a kill from outside has hit is
read from it afterwards. Run as a module, this is the worker process itself, with a hook at each point.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.ledger.admission.model import Refused
from services.ledger.registry.registry import Registry
from services.ledger.storage import points
from services.ledger.storage.batch import Applied
from services.ledger.storage.ledger_protocol import Claim, PartitionId
from services.processors import ports
from services.processors.admission import Accepted, EventAdmitter
from services.processors.ledger_store import LedgerStore
from services.processors.process import run
from services.processors.settings import WorkerSettings, admission_settings

FOLDER = "LIANYUN_PROVING_TRAPS"
"""The environment variable that names the folder of these files."""

INSIDE = ("after_fence", "holding_heads", "before_commit")
POINTS = (*INSIDE, "after_commit", "before_seek")
"""Where a worker can be hit: inside the transaction, between commit and the hint to Kafka, between claim and seek."""


class FaultInjector:
    """The prover's side: arms faults in ``folder`` and sees which have fired."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def set(self, worker: int, point: str, number: signal.Signals) -> None:
        """Have ``worker`` signal itself when it reaches ``point`` with work in hand."""
        (self._folder / f"fired-{worker}").unlink(missing_ok=True)
        new = self._folder / f"new-{worker}"
        new.write_text(f"{point} {number.name}")
        new.rename(self._folder / f"fault-{worker}")

    def fired(self, worker: int) -> bool:
        """Whether the last trap of ``worker`` has been sprung."""
        return (self._folder / f"fired-{worker}").exists()

    def clear(self, worker: int) -> None:
        """Take a trap away that nobody stepped into."""
        (self._folder / f"fault-{worker}").unlink(missing_ok=True)

    def inside(self, worker: int) -> str:
        """The point inside a transaction that ``worker`` has reached last, "" when it is between transactions."""
        try:
            raw = (self._folder / f"busy-{worker}").read_bytes()
        except FileNotFoundError:
            return ""
        return INSIDE[raw[0] - 1] if raw and raw[0] else ""


class FaultPoints:
    """The worker's side: ``reach`` is called at every point."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._armed, self._fired = folder / f"fault-{worker}", folder / f"fired-{worker}"
        self._busy = os.open(folder / f"busy-{worker}", os.O_RDWR | os.O_CREAT, 0o600)
        self._batch = False
        self._note(0)

    def reach(self, point: str) -> None:
        """Step on ``point``; dies or freezes here if that fault is armed and there is work in hand."""
        if point == "after_fence":
            self._batch = True
        if point in INSIDE and self._batch:
            self._note(INSIDE.index(point) + 1)
        working = self._batch or point == "before_seek"
        if point == "after_commit":
            self._batch = False
            self._note(0)
        if working and self._armed.exists():
            self._fire(point)

    def abandon(self) -> None:
        """The transaction in hand was given up."""
        self._batch = False
        self._note(0)

    def _fire(self, point: str) -> None:
        try:
            wanted, name = self._armed.read_text().split()
        except (FileNotFoundError, ValueError):
            return
        if wanted == point:
            self._armed.rename(self._fired)
            os.kill(os.getpid(), signal.Signals[name])

    def _note(self, number: int) -> None:
        os.pwrite(self._busy, bytes((number,)), 0)


class FaultInjectingStore(LedgerStore):
    """The worker's store, with the point between claiming partitions and seeking."""

    fault_points: FaultPoints

    def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim as ever, then stand at the point between claim and seek."""
        claims = super().claim(partitions, topic_ids)
        if claims:
            self.fault_points.reach("before_seek")
        return claims

    def apply(self, batch: ports.Batch[Accepted | Refused], registry: Registry) -> Applied:
        """Apply as ever; a transaction that fails is no longer in hand."""
        try:
            return super().apply(batch, registry)
        finally:
            self.fault_points.abandon()


def main() -> None:
    """Run one worker with fault points until it is stopped or hit."""
    worker = int(os.environ["LIANYUN_WORKER_OWNER"].rpartition("/")[2])
    fault_points = FaultPoints(Path(os.environ[FOLDER]), worker)
    points.install(fault_points.reach)

    def open_store(settings: WorkerSettings, name: str) -> FaultInjectingStore:
        store = FaultInjectingStore(settings.dsn.get_secret_value(), name)
        store.fault_points = fault_points
        return store

    run(open_store, lambda settings: EventAdmitter(admission_settings(settings.network)))


if __name__ == "__main__":
    main()
