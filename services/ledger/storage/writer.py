"""The writer of one worker: claims partitions, applies batches, and settles notes while idle."""

from __future__ import annotations

import logging
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Self

from services.ledger.admission.raw_bytes import message_labels
from services.ledger.storage import batch_transaction, claims, points, settlement
from services.ledger.storage.batch import MOST_EVENTS, Applied, Batch
from services.ledger.storage.batch_transaction import Projection, RecordRefused, Terms, project
from services.ledger.storage.bodies import prepare_partitions, topic_numbers
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.errors import FAULTS_OF_EVENTS, GaveUp
from services.ledger.storage.generations import current_generation
from services.ledger.storage.ledger_protocol import Claim, PartitionId
from services.ledger.storage.rows import state_rows
from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import Session, end_frozen, open_session, set_session_generation
from services.ledger.storage.work import Work
from services.runtime.transactions import CONFLICTS, RetryPolicy, retry_transaction

log = logging.getLogger(__name__)

ATTEMPTS = 30
"""How often a transaction is tried against deadlocks, serialisation failures and lock timeouts."""

FAULTS_OF_OURS = (ArithmeticError, LookupError, TypeError, ValueError, struct.error)
"""What this program raises on an event that admission should have refused."""


class Writer:
    """Writes the current generation over one connection; every method blocks. Not thread-safe.

    ``record_refused`` stores dead letters in the batch's transaction. ``settle=False`` switches settlement off, which loses
    events, for the test that shows so. ``projections`` write in the same transactions. After an exception nothing of the
    batch is applied.
    """

    def __init__(
        self,
        dsn: str,
        record_refused: RecordRefused,
        *,
        settle: bool = True,
        projections: Sequence[Projection] = (),
    ) -> None:
        self._session: Session = open_session(dsn)
        require_schema(self._session)
        self._record_refused = record_refused
        self._settle = settle
        self._projections = tuple(projections)
        self._owner = "unclaimed"
        self._terms = Terms()
        self._topics: dict[str, int] = {}
        self._generation = current_generation(self._session)
        self._session.commit()
        set_session_generation(self._session, self._generation)
        self._free_until = prepare_partitions(self._session)
        self._first = 0
        self._folding = False
        self._fresh: list[str] = []

    @property
    def session(self) -> Session:
        """The connection, for what shares the batch's transaction."""
        return self._session

    def claim_partitions(self, owner: str, wanted: Sequence[AssignedPartition]) -> list[Claim]:
        """Claim ``wanted`` for ``owner``: see ``services.ledger.storage.claims``."""
        self._owner = owner
        return claims.claim_partitions(self._session, owner, wanted)

    def moved_claims(self, epochs: Mapping[PartitionId, int]) -> list[PartitionId]:
        """The claims whose partitions an operator has moved: see ``services.ledger.storage.claims``."""
        return claims.moved_claims(self._session, self._owner, epochs)

    def note_stopped(
        self, partition: PartitionId, epoch: int, reason: str | None, detail: str | None
    ) -> None:
        """Store why a partition is stopped: see ``services.ledger.storage.claims``."""
        claims.note_stopped(self._session, partition, epoch, reason, detail)

    def apply(self, batch: Batch) -> Applied:
        """Apply ``batch`` in one transaction.

        Raises Fenced (a partition was claimed by another), RegistryMoved (repeat admission of the batch), GenerationMoved
        (restart the process), GaveUp; FAULTS_OF_EVENTS where an event cannot be stored; any other psycopg.Error is a fault
        of the infrastructure.
        """
        if len(batch.events) > MOST_EVENTS:
            raise ValueError(f"{len(batch.events)} events in one batch; {MOST_EVENTS} are the most")
        self._prepare_partitions()
        applied = self._with_repair(lambda work, singly: self._apply(work, batch, singly))
        self._terms.committed(self._fresh)
        return applied

    def apply_or_bisect(self, batch: Batch) -> Applied:
        """Apply ``batch``; where an event makes it fail, cut it in two until that event fails alone.

        Such an event becomes a dead letter INTERNAL_ERROR, and its offset advances. Raises as ``apply`` otherwise.
        """
        try:
            return self.apply(batch)
        except (*FAULTS_OF_EVENTS, *FAULTS_OF_OURS) as error:
            if not batch.events:
                raise
            if len(batch.events) == 1:
                record = batch.events[0].record
                log.error(
                    "storing %s/%d@%d failed, and of its batch it alone: %s: %s; it becomes a dead letter",
                    record.topic,
                    record.partition,
                    record.offset,
                    type(error).__name__,
                    error,
                    extra={"action": "event_failed", **message_labels(record.headers)},
                )
                return self.apply(batch.without_events([batch.events[0].refused(error)]))
        first, second = batch.halves()
        return self.apply_or_bisect(first) + self.apply_or_bisect(second)

    def tick(self) -> Applied:
        """Settle notes, end frozen sessions, prepare partitions; called about once a second by an idle worker.

        A change is settled two ticks later, if nobody else writes.
        """
        self._prepare_partitions()
        if not self._settle or not self.pending():
            return Applied()
        end_frozen(self._session, self._owner)
        return self._with_repair(self._tick)

    def pending(self) -> int:
        """The number of unsettled notes over all workers; at 0 every head is exact."""
        row = Work(self._session).row("pending_count")
        self._session.rollback()
        return 0 if row is None else int(row[0])

    def close(self) -> None:
        """Close the connection; what is not committed is not applied."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _with_repair(self, transaction: Callable[[Work, bool], Applied]) -> Applied:
        """Run a transaction; where folding fails, run it again and fold each head in a savepoint."""
        try:
            return self._persist(lambda work: transaction(work, False))
        except FAULTS_OF_EVENTS:
            if not self._folding:
                raise
        return self._persist(lambda work: transaction(work, True))

    def _persist(self, transaction: Callable[[Work], Applied]) -> Applied:
        """Run one transaction, retried on conflicts; before each retry sessions without progress are ended."""
        retries = count()

        def attempt() -> tuple[Work, Applied]:
            retried, work = next(retries), Work(self._session)
            try:
                return work, replace(transaction(work), retries=retried)
            finally:
                self._folding = work.folding

        try:
            work, applied = retry_transaction(
                self._session,
                attempt,
                RetryPolicy(CONFLICTS, attempts=ATTEMPTS),
                lambda: end_frozen(self._session, self._owner),
            )
        except CONFLICTS as conflict:
            raise GaveUp(f"{ATTEMPTS} times in a row another transaction was in the way") from conflict
        work.stage("commit")
        points.reach("after_commit")
        return replace(applied, seconds=work.seconds)

    def _apply(self, work: Work, batch: Batch, singly: bool) -> Applied:
        rows = [event.rows or state_rows(event.facts) for event in batch.events]
        self._fresh = self._terms.unknown(each.terms for each in rows)
        work.stage("encode")
        waiting = settlement.unmarked(work) if self._settle else ()
        batch_transaction.fence(work, batch)
        points.reach("after_fence")
        first = batch_transaction.hold_versions(work, self._generation, batch.registry)
        self._first = first
        topics = self._known_topics(batch)
        self._terms.put(work, self._fresh)
        work.stage("fence")
        taken = settlement.take_over(work, waiting) if self._settle else settlement.NO_NOTES
        work.stage("settle")
        entered = batch_transaction.store_events(work, first, batch.events, rows, topics, taken.note)
        stored = [(no, batch.events[no - first]) for no in entered.numbers] if self._projections else []

        def projected(session: Session) -> None:
            project(session, self._projections, stored)

        folded = batch_transaction.fold_and_record(
            work, entered, batch.refused, self._record_refused, singly, projected
        )
        identified, events = entered.identified, batch.events
        return Applied(
            new=len(identified.new),
            duplicates=identified.duplicates,
            equivocations=len(identified.variants),
            refused=len(batch.refused),
            heads=folded.heads,
            train_heads=folded.trains,
            settled=taken.count,
            broken=len(folded.broken),
            numbers=entered.numbers,
            duplicates_of=Counter(events[i].publisher for i in identified.repeated(len(events))),
            equivocations_of=Counter(events[i].publisher for i in identified.variants),
        )

    def _tick(self, work: Work, singly: bool) -> Applied:
        waiting = settlement.unmarked(work)
        batch_transaction.hold_versions(work, self._generation, None)
        taken = settlement.take_over(work, waiting)
        if not taken.note:
            return Applied(settled=taken.count)
        entered = batch_transaction.store_events(work, 0, (), (), {}, taken.note)
        folded = batch_transaction.fold_and_record(work, entered, (), self._record_refused, singly)
        return Applied(
            heads=folded.heads, train_heads=folded.trains, settled=taken.count, broken=len(folded.broken)
        )

    def _known_topics(self, batch: Batch) -> dict[str, int]:
        names = {event.record.topic for event in batch.events}
        if not names <= self._topics.keys():
            self._topics |= topic_numbers(self._session, names)
        return self._topics

    def _prepare_partitions(self) -> None:
        if self._first + 128 * MOST_EVENTS > self._free_until:
            self._free_until = prepare_partitions(self._session)
