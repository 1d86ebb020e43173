"""The hand-overs of one train: what was announced against what both railways signed, box by box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from services.domain.facts import LinkKind, Micros
from services.domain.objects import Thing
from services.domain.view import HandoverView
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, reread
from services.query.views import consignments_of, told_of


@dataclass(frozen=True, slots=True)
class Difference:
    """One box that is not on every list, and on which it is; None for a list that nobody has sent or signed."""

    container: str
    announced: bool | None
    delivered: bool | None
    received: bool | None


def handovers_of_train(connection: Connection[Any], train: Thing, as_of: Micros) -> list[HandoverView]:
    """The hand-overs that lists of ``train`` (by any name of it) tell of, as of ``as_of``, in the order of their times.

    Lists that name no train count where they hold a box of it. Reads in the caller's transaction; some milliseconds for each
    consignment on board. Raises Unreadable.
    """
    registry = store.read_snapshot(connection)
    known: dict[int, Reread] = {}

    def read(stored: Stored, by: Registry) -> Reread:
        return known.setdefault(stored.no, known.get(stored.no) or reread(stored, by))

    found: dict[tuple[str, str, tuple[bytes, ...]], HandoverView] = {}
    for consignment in consignments_of(connection, [train]):
        told = told_of(connection, consignment, as_of, registry, read)
        if told is None:
            continue
        names = {train} | {
            other
            for event in told.events.values()
            for link in event.facts.links
            if link.kind is LinkKind.SAME_TRAIN and train in (link.left, link.right)
            for other in (link.left, link.right)
        }
        for handover in told.view.handovers:
            if not handover.trains or names & set(handover.trains):
                found[handover.border, handover.occurrence, handover.events] = handover
    return sorted(found.values(), key=lambda each: (each.since, each.border, each.occurrence))


def differences(handover: HandoverView) -> tuple[Difference, ...]:
    """The boxes that are on some of the lists only, in order; what one side has not signed yet is no difference."""
    sides = (
        (handover.announced, handover.announcing),
        (handover.delivered, handover.delivering),
        (handover.received, handover.receiving),
    )
    found = []
    for box in sorted(handover.announced | handover.delivered | handover.received):
        on = [box in listed if by else None for listed, by in sides]
        if False in on:
            found.append(Difference(box, *on))
    return tuple(found)
