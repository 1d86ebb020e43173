"""Going on where the log no longer has what comes next: the gap is accepted by name, and recorded."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from services.storage.session import Session
from services.storage.statements import statement

LOSS_ACCEPTED = "loss_accepted"
"""Kind of the platform event; its detail names topic, partition, what was next and what is, and who decided."""


def accept_loss(
    session: Session, topic: str, partition: int, next_offset: int, topic_id: str | None, by: str, why: str
) -> dict[str, Any] | None:
    """Let a partition go on at ``next_offset`` of the topic ``topic_id``, in the caller's transaction.

    Whoever has claimed it is fenced off. Returns what was recorded, None where the ledger never read that partition.
    What was applied before stays; offsets that are skipped count as holes.
    """
    parameters = {"topic": topic, "part": partition, "next": next_offset, "topic_id": topic_id}
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
        "by": by,
        "why": why,
    }
    session.execute(
        "INSERT INTO lianyun.platform_event (kind, detail) VALUES (%s, %s)", (LOSS_ACCEPTED, Jsonb(detail))
    )
    return detail
