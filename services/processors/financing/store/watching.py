"""Facts about pledged cargo, in the order in which they became visible: what has to be told to whoever holds the pledge."""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection

from services.processors.financing.store.statements import statement
from services.storage.reading import Position

Session = Connection[Any]


class Watched(NamedTuple):
    """An event (its number) that a pledged financing has to be looked at for, and the place behind it."""

    financing: str
    event: int
    position: Position


def watched(session: Session, after: Position, limit: int) -> list[Watched]:
    """At most ``limit`` such facts after a place; a reader that goes on from the last one misses none.

    A fact that concerns several financings comes once for each, all at one place, so a page may hold a few more.
    """
    given = {"xid": str(after.xid), "no": after.no, "limit": limit}
    rows = session.execute(statement("watched"), given).fetchall()
    return [Watched(name, no, Position(int(xid), no)) for xid, no, name in rows]
