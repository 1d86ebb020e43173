"""Facts about pledged cargo, in the order in which they became visible: what has to be told to whoever holds the pledge."""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection

from services.financing.store import statement
from services.financing.store.summaries import names_of
from services.ledger.storage.event_reader import Position

Session = Connection[Any]


class Watched(NamedTuple):
    """An event (its number) that a pledged financing has to be looked at for, and the place behind it."""

    financing: str
    event: int
    position: Position


def watched(session: Session, bank: str, after: Position, limit: int) -> list[Watched]:
    """At most ``limit`` facts about cargo pledged to ``bank`` after a place; a reader that goes on from there misses none.

    One fact may concern several financings and comes once for each, all at one place; a page never ends between them, unless
    it holds nothing else.
    """
    first, end = names_of(bank)
    given = {"xid": str(after.xid), "no": after.no, "first": first, "end": end, "limit": limit}
    rows = session.execute(statement("watched"), given).fetchall()
    found = [Watched(name, no, Position(int(xid), no)) for xid, no, name in rows]
    if len(found) < limit:
        return found
    last = found[-1].position
    whole = [each for each in found if each.position != last]
    return whole or found


def end(session: Session) -> Position:
    """The place behind everything that is visible to everybody now."""
    row = session.execute(statement("watched_end")).fetchone()
    assert row is not None
    return Position(int(row[0]), -1)
