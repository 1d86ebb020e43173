"""Claims of partitions of the log: the latest claimer may apply, earlier ones are fenced off; and moves of partitions by operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.ledger.storage import statement
from services.ledger.storage.arrays import bigints
from services.ledger.storage.bodies import topic_numbers
from services.ledger.storage.errors import Fenced
from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId
from services.ledger.storage.platform_events import record_platform_event
from services.ledger.storage.session import Session, end_frozen
from services.runtime.transactions import LOCKED, RetryPolicy, retry_transaction

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class AssignedPartition:
    """A partition that was assigned: its topic's id at the broker, and the first offset that the log still has."""

    topic: str
    partition: int
    topic_id: str | None = None
    beginning: int = 0


def claim_partitions(session: Session, owner: str, wanted: Sequence[AssignedPartition]) -> list[Claim]:
    """Claim ``wanted`` for ``owner`` and return the claims with their offsets; a partition never read starts at its beginning.

    Commits. Blocks up to 2 s for an open transaction of the previous owner, then ends that session: a frozen client
    can hold the row indefinitely, and no server timeout ends one that stopped in the middle of a message. The session
    is identified by pid and start, so a new one under the same pid is safe. Raises Fenced where the rows stay locked.
    """
    if not wanted:
        return []
    ordered = sorted(wanted, key=lambda w: (w.topic, w.partition))
    parameters: dict[str, Any] = {
        "owner": owner,
        "topics": [w.topic for w in ordered],
        "parts": bigints([w.partition for w in ordered]),
        "topic_ids": [w.topic_id for w in ordered],
        "beginnings": bigints([w.beginning for w in ordered]),
    }
    end_frozen(session, owner)  # a frozen worker that caused the rebalance has been silent for long

    def claim() -> list[Claim]:
        rows = session.execute(statement("claim_partitions"), parameters).fetchall()
        topic_numbers(session, parameters["topics"])
        return [
            Claim(PartitionId(topic, part), next_offset, epoch, topic_id, _mark(*last), stopped)
            for topic, part, next_offset, epoch, topic_id, *last, stopped in rows
        ]

    def end_blockers() -> None:
        _end_owner(session, owner, parameters)
        end_frozen(session, owner)

    try:
        return retry_transaction(session, claim, RetryPolicy(LOCKED, attempts=ATTEMPTS), end_blockers)
    except LOCKED:
        raise Fenced(
            f"{owner} cannot claim {ordered[0].topic}/{ordered[0].partition} and others: they stay locked"
        ) from None


def moved_claims(session: Session, owner: str, epochs: Mapping[PartitionId, int]) -> list[PartitionId]:
    """The claims of ``owner`` whose partitions an operator has moved since; ends the transaction."""
    ordered = sorted(epochs)
    values = {
        "owner": owner,
        "topics": [partition.topic for partition in ordered],
        "parts": bigints([partition.partition for partition in ordered]),
        "epochs": bigints([epochs[partition] for partition in ordered]),
    }
    rows = session.execute(statement("moved_claims"), values).fetchall()
    session.rollback()
    return [PartitionId(*row) for row in rows]


def note_stopped(
    session: Session, partition: PartitionId, epoch: int, reason: str | None, detail: str | None
) -> None:
    """Store why the partition is stopped, under the claim of ``epoch``; None: it is not stopped any more. Commits.

    Without effect where it has been claimed since.
    """
    values = {**partition._asdict(), "epoch": epoch, "reason": reason, "detail": detail}
    session.execute(statement("note_stopped"), values)
    session.commit()


def forget_fences(session: Session, days: int) -> int:
    """Remove fence records older than ``days``; returns how many."""
    gone = session.execute(
        "DELETE FROM lianyun.fence_log WHERE at < clock_timestamp() - make_interval(days => %s)", (days,)
    )
    return gone.rowcount


def _mark(offset: int | None, digest: bytes | None, leader_epoch: int | None) -> Mark | None:
    return None if offset is None or digest is None else Mark(offset, digest, leader_epoch)


def _end_owner(session: Session, owner: str, parameters: dict[str, Any]) -> None:
    ended = [row[0] for row in session.execute(statement("end_owner"), parameters).fetchall()]
    if ended:
        what = f"ended the previous owner's sessions {ended} while claiming"
        session.execute(statement("log_fence"), {"owner": owner, "what": what})
    session.commit()


LOSS_ACCEPTED = "loss_accepted"
"""Kind of the platform event; its detail names topic, partition, the offsets before and after, and the operator."""
LOG_REDRIVEN = "log_redriven"
"""Kind of the platform event for a partition that was moved back, to apply the present records of a log that was replaced."""
MOVED = (LOSS_ACCEPTED, LOG_REDRIVEN)
"""After these events the offsets of a partition may repeat."""


def move_partition(
    session: Session,
    kind: str,
    topic: str,
    partition: int,
    next_offset: int,
    topic_id: str | None,
    by: str,
    why: str,
    last: Mark | None = None,
) -> dict[str, Any] | None:
    """Move a partition to ``next_offset`` of the topic ``topic_id``, in the caller's transaction; ``kind`` is one of MOVED.

    ``last`` is the log's record before it, by which the log is recognised from now on; None where it has none. The present
    claimer is fenced off. Returns the recorded detail, None where the ledger never read that partition. Applied events stay
    and are duplicates where they are read again; skipped offsets count as holes.
    """
    parameters = {
        "topic": topic,
        "part": partition,
        "next": next_offset,
        "topic_id": topic_id,
        "last_offset": last and last.offset,
        "last_digest": last and last.digest,
        "last_leader_epoch": last and last.leader_epoch,
    }
    row = session.execute(statement("accept_loss"), parameters).fetchone()
    if row is None:
        return None
    detail = {
        "topic": topic,
        "partition": partition,
        "was": row[0],
        "next": next_offset,
        "topic_id_was": row[1],
        "topic_id": topic_id,
        "stopped": row[2],
        "by": by,
        "why": why,
    }
    record_platform_event(session, kind, detail)
    return detail
