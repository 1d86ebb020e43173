"""Claiming partitions of the log: who claims last may apply, and whoever claimed before is fenced off."""

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
    """Claim ``wanted`` for ``owner`` and return where to read on; a partition never read starts at its beginning.

    Commits. Blocks up to 2 s for an open transaction of the previous owner, then ends that session: a frozen client
    can hold the row for ever, and no timeout of the server ends one that stopped in the middle of a message. The
    session is known by its pid and start, so a new one under the same pid is safe. Raises Fenced when it cannot.
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
    end_frozen(session, owner)  # at a rebalance that a frozen worker has caused it has been silent for long

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
    """Which of ``owner``'s claims an operator has moved elsewhere since they were made; ends the transaction."""
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
    """Remember why the partition is not read on, under the claim of ``epoch``; None: nothing stops it any more. Commits.

    Without effect where somebody has claimed it since: they look for themselves.
    """
    values = {**partition._asdict(), "epoch": epoch, "reason": reason, "detail": detail}
    session.execute(statement("note_stopped"), values)
    session.commit()


def _mark(offset: int | None, digest: bytes | None, leader_epoch: int | None) -> Mark | None:
    return None if offset is None or digest is None else Mark(offset, digest, leader_epoch)


def _end_owner(session: Session, owner: str, parameters: dict[str, Any]) -> None:
    ended = [row[0] for row in session.execute(statement("end_owner"), parameters).fetchall()]
    if ended:
        what = f"ended the previous owner's sessions {ended} while claiming"
        session.execute(statement("log_fence"), {"owner": owner, "what": what})
    session.commit()


LOSS_ACCEPTED = "loss_accepted"
"""Kind of the platform event; its detail names topic, partition, what was next and what is, and who decided."""
LOG_REDRIVEN = "log_redriven"
"""The same for a partition that was moved back, to apply what its log has now in the place of what was read."""
MOVED = (LOSS_ACCEPTED, LOG_REDRIVEN)
"""After these the offsets of a partition may repeat."""


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
    """Let a partition go on at ``next_offset`` of the topic ``topic_id``, in the caller's transaction; ``kind`` is one of MOVED.

    ``last`` is the log's record before it, by which the log is recognised from now on; None where it has none. Whoever has
    claimed the partition is fenced off. Returns what was recorded, None where the ledger never read that partition.
    What was applied before stays, and is recognised by its identity where it is read again; offsets that are skipped count
    as holes.
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
