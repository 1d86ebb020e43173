"""All endpoints at one look, for operators."""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.notifications.webhooks import statement


class Endpoint(NamedTuple):
    """One subscription with what waits for it and what was given up; ``oldest_due`` of what waits and may be sent."""

    id: str
    party: str
    url: str
    state: str
    reason: str
    failing_since: Micros | None
    waiting: int
    oldest_due: Micros | None
    dead: int


def endpoints(session: Connection[Any]) -> list[Endpoint]:
    """All subscriptions that were not removed, by party and id; in the caller's transaction."""
    rows = session.cursor(row_factory=tuple_row).execute(statement("endpoints")).fetchall()
    return [Endpoint(*row) for row in rows]
