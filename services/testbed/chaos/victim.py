"""A worker that can be trapped: the ordinary worker process with a hook at its named points. Run by the prover."""

from __future__ import annotations

import os
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
from services.testbed.chaos.traps import FOLDER, Stepper


class TrappedStore(LedgerStore):
    """The worker's store; says when partitions are claimed and the consumer is about to seek."""

    stepper: Stepper

    def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim as ever, then stand at the point between claim and seek."""
        claims = super().claim(partitions, topic_ids)
        if claims:
            self.stepper.reach("before_seek")
        return claims

    def apply(self, batch: ports.Batch[Accepted | Refused], registry: Registry) -> Applied:
        """Apply as ever; a transaction that fails is no longer in hand."""
        try:
            return super().apply(batch, registry)
        finally:
            self.stepper.abandon()


def main() -> None:
    """Run one trapped worker until it is told to stop, or hit."""
    worker = int(os.environ["LIANYUN_WORKER_OWNER"].rpartition("/")[2])
    stepper = Stepper(Path(os.environ[FOLDER]), worker)
    points.install(stepper.reach)

    def open_store(settings: WorkerSettings, name: str) -> TrappedStore:
        store = TrappedStore(settings.dsn.get_secret_value(), name)
        store.stepper = stepper
        return store

    run(open_store, lambda settings: EventAdmitter(admission_settings(settings.network)))


if __name__ == "__main__":
    main()
