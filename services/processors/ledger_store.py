"""The `Store` of the pipeline: the ledger's writer, the registry, and the projections that run in the same transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import psycopg

from services.credit.store import subject_index as credit
from services.financing.store import subject_index as financing
from services.ledger.admission.model import AdmissionSettings, Refused
from services.ledger.dead_letters import requests
from services.ledger.dead_letters.batch import Hour, LetterSettings, full_hours, record_refused
from services.ledger.dead_letters.service import PostgresLedger
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryReader
from services.ledger.storage.batch import Advance, Applied, Batch, Event
from services.ledger.storage.batch_transaction import Projection
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.ledger_protocol import Claim, PartitionId, mark_of
from services.ledger.storage.writer import Writer
from services.processors import ports
from services.processors.admission import Accepted
from services.processors.log_identity import LogMoved

PROJECTIONS: tuple[Projection, ...] = (financing.follow, credit.follow)


class LedgerStore:
    """`ports.Store` on Postgres, with one connection for writing and one that reads the registry.

    For one thread, except `registry`. `owner` identifies this process in the ledger. `projections` other than the default serve
    measurements of their cost. With ``admission`` it carries out redrives that people asked for, whenever nothing else is to be done.
    """

    REDRIVES_EVERY = 1.0
    """Seconds between two looks for redrives that were asked for."""

    def __init__(
        self,
        dsn: str,
        owner: str,
        letters: LetterSettings | None = None,
        projections: Sequence[Projection] = PROJECTIONS,
        admission: AdmissionSettings | None = None,
    ) -> None:
        self._admission, self._redrives = admission, PostgresLedger(projections)
        self._redrives_due = 0.0
        self._owner = owner
        self._letters = letters or LetterSettings()
        self._full: frozenset[Hour] = frozenset()
        self._writer = Writer(
            dsn,
            lambda session, refused: record_refused(session, refused, self._letters, self._full),
            projections=projections,
        )
        self._reading = psycopg.connect(dsn, autocommit=True, application_name="lianyun registry")
        self._reader = RegistryReader()
        self._registry = Registry.of(0)

    @property
    def registry(self) -> Registry:
        """The snapshot loaded last."""
        return self._registry

    @property
    def topics(self) -> frozenset[str]:
        """The topics that this snapshot names."""
        return self._registry.topics

    def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim partitions; one unknown to the ledger starts at offset 0, wherever the log starts."""
        wanted = [AssignedPartition(p.topic, p.partition, topic_ids.get(p.topic), 0) for p in partitions]
        return self._writer.claim_partitions(self._owner, wanted)

    def moved(self, epochs: Mapping[PartitionId, int]) -> Sequence[PartitionId]:
        """The claims that an operator has moved since."""
        return self._writer.moved_claims(epochs)

    def note_stopped(self, partition: PartitionId, epoch: int, moved: LogMoved | None) -> None:
        """Store what stopped a partition; commits."""
        reason, detail = (None, None) if moved is None else (moved.moved.value, moved.detail)
        self._writer.note_stopped(partition, epoch, reason, detail)

    def apply(self, batch: ports.Batch[Accepted | Refused], registry: Registry) -> Applied:
        """Apply a batch in one transaction, or in several where a single event fails."""
        events: list[Event] = []
        refused: list[Refused] = []
        for part in batch:
            for outcome in part.outcomes:
                if isinstance(outcome, Refused):
                    refused.append(outcome)
                else:
                    events.append(outcome.event)
        advances = tuple(
            Advance(
                *part.slice.partition,
                part.slice.epoch,
                part.slice.first,
                part.slice.next_offset,
                mark_of(part.slice.records[-1], part.slice.leader_epoch),
            )
            for part in batch
        )
        self._full = full_hours(self._reading, refused, self._letters)
        return self._writer.apply_or_bisect(Batch(advances, tuple(events), tuple(refused), registry.version))

    def refresh(self) -> None:
        """Reload the registry where its version changed."""
        with self._reading.transaction():
            self._registry = self._reader.current(self._reading)

    def idle(self) -> None:
        """Settle what is waiting for the horizon; carry out a redrive that was asked for."""
        self._writer.tick()
        if self._admission is None or time.monotonic() < self._redrives_due:
            return
        if requests.carry_out(self._reading, self._redrives, self._admission) is None:
            self._redrives_due = time.monotonic() + self.REDRIVES_EVERY

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._reading.close()
