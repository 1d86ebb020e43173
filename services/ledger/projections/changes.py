"""Changes since a position in the order of visibility, the events that they withdraw, and the consignments that they may reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, Self, TypeVar

from psycopg import Connection

from services.domain.facts import EventId, Facts
from services.domain.objects import ObjectId
from services.ledger.projections import statement
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.ledger.storage.event_reader import Position, Stored


def rows_after(
    session: Connection[Any], query: bytes, after: Position, limit: int
) -> tuple[list[Any], Position]:
    """At most ``limit`` rows (xid, number, ...) of ``query`` after a position in the order of visibility, and the position of the last.

    A reader that goes on from the returned position misses nothing.
    """
    parameters = {"xid": str(after.xid), "no": after.no, "limit": limit}
    found = session.execute(query, parameters, binary=True).fetchall()
    return found, Position(int(found[-1][0]), found[-1][1]) if found else after


def quarantined_after(session: Connection[Any], after: Position, limit: int) -> tuple[list[int], Position]:
    """The numbers of at most ``limit`` events quarantined after a position, and the position of the last."""
    rows, position = rows_after(session, statement("aside"), after, limit)
    return [row[1] for row in rows], position


def extend_idle_timeout(session: Connection[Any]) -> None:
    """Allow this transaction to be idle between two statements for longer than a frozen client may be."""
    session.execute(statement("patience"))


class EventContent(Protocol):
    """What a projection reads from events: the domain's facts and its own additions; ``|`` merges."""

    @property
    def facts(self) -> Facts:
        """The facts."""
        ...

    def __or__(self, other: Self, /) -> Self: ...


S = TypeVar("S", bound=EventContent)


def with_targets(session: Connection[Any], arrived: S, read: Callable[[Iterable[Stored]], S]) -> S:
    """``arrived`` with the events that it corrects or retracts, at any depth, and the variants under its ids.

    Statements of these events may no longer hold. ``read`` interprets stored events.
    """
    ids = uuids(sorted(event for event, _ in arrived.facts.contents))
    varied: set[EventId] = {row[0] for row in session.execute(statement("varied"), {"ids": ids}, binary=True)}
    todo = {w.target for w in arrived.facts.withdrawals} | varied
    seen: set[EventId] = set()
    affected = arrived
    while todo - seen:
        targets = event_reader.events_by_id(session, sorted(todo - seen))
        seen |= todo
        content = read(targets)
        affected |= content
        todo = {w.target for w in content.facts.withdrawals}
    return affected


def reachable_consignments(session: Connection[Any], objects: Iterable[ObjectId]) -> set[ObjectId]:
    """The consignments that facts about ``objects`` may reach, by any path and at any time: a superset."""
    ids = uuids(sorted({*objects}))
    return {row[0] for row in session.execute(statement("reached"), {"ids": ids}, binary=True)}


def unsettled(session: Connection[Any]) -> int | None:
    """The latest unsettled note; None where the state is settled. What is derived before is derived again after it."""
    row = session.execute(statement("unsettled")).fetchone()
    return None if row is None else row[0]
