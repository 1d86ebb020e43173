"""Whom new events concern: what they correct or retract, and the consignments that all of it may reach."""

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
    """At most ``limit`` rows (transaction, number, ...) of ``query`` after a place, and the place of the last of them."""
    asked = {"xid": str(after.xid), "no": after.no, "limit": limit}
    found = session.execute(query, asked, binary=True).fetchall()
    return found, Position(int(found[-1][0]), found[-1][1]) if found else after


def quarantined_after(session: Connection[Any], after: Position, limit: int) -> tuple[list[int], Position]:
    """The numbers of at most ``limit`` events that were put aside with their key, and the place of the last of them."""
    rows, position = rows_after(session, statement("aside"), after, limit)
    return [row[1] for row in rows], position


def extend_idle_timeout(session: Connection[Any]) -> None:
    """Let this transaction think between two statements without being taken for a frozen client."""
    session.execute(statement("patience"))


class EventContent(Protocol):
    """What events say to a projection: the heart's facts, and whatever else; ``|`` merges."""

    @property
    def facts(self) -> Facts:
        """The facts among it."""
        ...

    def __or__(self, other: Self, /) -> Self: ...


S = TypeVar("S", bound=EventContent)


def with_targets(session: Connection[Any], arrived: S, said: Callable[[Iterable[Stored]], S]) -> S:
    """``arrived`` with the events that it corrects or retracts, at any depth, and the variants under its ids.

    What these said may no longer hold. ``said`` reads stored events.
    """
    ids = uuids(sorted(event for event, _ in arrived.facts.contents))
    varied: set[EventId] = {row[0] for row in session.execute(statement("varied"), {"ids": ids}, binary=True)}
    todo = {w.target for w in arrived.facts.withdrawals} | varied
    seen: set[EventId] = set()
    affected = arrived
    while todo - seen:
        targets = event_reader.events_by_id(session, sorted(todo - seen))
        seen |= todo
        told = said(targets)
        affected |= told
        todo = {w.target for w in told.facts.withdrawals}
    return affected


def reachable_consignments(session: Connection[Any], objects: Iterable[ObjectId]) -> set[ObjectId]:
    """The consignments that facts about the objects may reach, on whatever way and at whatever time; rather too many."""
    ids = uuids(sorted({*objects}))
    return {row[0] for row in session.execute(statement("reached"), {"ids": ids}, binary=True)}


def unsettled(session: Connection[Any]) -> int | None:
    """The latest note that waits to be settled; None where the state is settled. What is judged meanwhile is judged again."""
    row = session.execute(statement("unsettled")).fetchone()
    return None if row is None else row[0]
