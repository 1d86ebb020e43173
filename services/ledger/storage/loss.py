"""Going on elsewhere in the log: past what it no longer has, or back to where it is another one; both are recorded."""

from __future__ import annotations

from typing import Any

from services.ledger.storage import statement
from services.ledger.storage.ledger_protocol import Mark
from services.ledger.storage.platform_events import record_platform_event
from services.ledger.storage.session import Session

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
