"""Things read in the order in which they became visible, so that whoever goes on from a place misses nothing."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from services.ledger.following import statement
from services.ledger.storage.reading import Position


def rows_after(
    session: Connection[Any], query: bytes, after: Position, limit: int
) -> tuple[list[Any], Position]:
    """At most ``limit`` rows (transaction, number, ...) of ``query`` after a place, and the place of the last of them."""
    asked = {"xid": str(after.xid), "no": after.no, "limit": limit}
    found = session.execute(query, asked, binary=True).fetchall()
    return found, Position(int(found[-1][0]), found[-1][1]) if found else after


def put_aside(session: Connection[Any], after: Position, limit: int) -> tuple[list[int], Position]:
    """The numbers of at most ``limit`` events that were put aside with their key, and the place of the last of them."""
    rows, position = rows_after(session, statement("aside"), after, limit)
    return [row[1] for row in rows], position


def be_patient(session: Connection[Any]) -> None:
    """Let this transaction think between two statements without being taken for a frozen client."""
    session.execute(statement("patience"))
