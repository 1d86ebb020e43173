"""Views of consignments derived from stored events, and the hand-overs of one train."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import Connection

from services.domain.derive import derive
from services.domain.facts import Facts, LinkKind, Micros
from services.domain.objects import Thing
from services.domain.relevance import relevant
from services.domain.view import HandoverState, HandoverView, View
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, RereadCache, SourcedEvents

EVENTS = RereadCache()
"""The events that this process has read for views."""


@dataclass(frozen=True, slots=True)
class SourcedView:
    """A view with the events behind it, so that each value can name its publisher and event; ``facts`` are those that it is derived from.

    ``made`` holds what was made of the view by whoever keeps it (``services.query.view_cache``), by what else that depends on.
    """

    view: View
    as_of: Micros
    sources: SourcedEvents
    facts: Facts = field(default=Facts(), compare=False, repr=False)
    made: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)


def consignments_of(connection: Connection[Any], things: Iterable[Thing]) -> list[bytes]:
    """The canonical ids of the consignments that facts about any of ``things`` reach, at any time, in order."""
    of_each = event_reader.consignments_of_each(connection, [(thing.kind, thing.key) for thing in things])
    return list(dict.fromkeys(found for each in of_each for found in each))


def read_view(
    connection: Connection[Any],
    consignment: bytes,
    as_of: Micros,
    registry: Registry | None = None,
    read: Callable[[Stored, Registry], Reread] = EVENTS,
) -> SourcedView | None:
    """The view of the group that ``consignment`` (16 bytes) belongs to at ``as_of``; None where it was never founded.

    The timeline leaves out a train's superseded running positions. Reads in the caller's transaction, by a constant number of
    statements; a few milliseconds for an ordinary consignment. By default ``read`` keeps what it has read in the process; whoever
    judges what is stored gives ``reread``. Raises Unreadable.
    """
    known = registry if registry is not None else store.read_snapshot(connection)
    events = [read(stored, known) for stored in event_reader.load_facts(connection, [consignment], as_of)]
    return view_of_events(events, consignment, as_of)


def read_views(
    connection: Connection[Any],
    consignments: Sequence[bytes],
    as_of: Micros,
    registry: Registry,
    read: Callable[[Stored, Registry], Reread] = EVENTS,
) -> list[SourcedView | None]:
    """``read_view`` of each of ``consignments``, in order, by two statements for all of them, one for a single one."""
    if len(consignments) < 2:
        return [read_view(connection, each, as_of, registry, read) for each in consignments]
    numbers = event_reader.numbers_of_each(connection, consignments, as_of)
    return views_of_numbers(connection, numbers, as_of, registry, read)


def views_of_numbers(
    connection: Connection[Any],
    numbers: Mapping[bytes, Sequence[int]],
    as_of: Micros,
    registry: Registry,
    read: Callable[[Stored, Registry], Reread] = EVENTS,
) -> list[SourcedView | None]:
    """The view of each consignment by the ``numbers`` of its events (``event_reader.numbers_of_each``), in order; one statement."""
    wanted = sorted({no for nos in numbers.values() for no in nos})
    events = {
        stored.no: read(stored, registry) for stored in event_reader.events_of_walks(connection, wanted)
    }
    return [view_of_events([events[no] for no in nos], each, as_of) for each, nos in numbers.items()]


def view_of_events(events: Sequence[Reread], consignment: bytes, as_of: Micros) -> SourcedView | None:
    """The view of the group that ``consignment`` belongs to from the events that may concern it. Pure."""
    counted = [event for event in events if not event.stored.quarantined]
    foundings = (founding for event in counted for founding in event.grouped.rest.foundings)
    founded = next((f.consignment for f in foundings if f.consignment.id == consignment), None)
    if founded is None:
        return None
    facts = relevant([event.indexed for event in counted], founded)
    view = derive(facts, founded, as_of)
    return None if view is None else SourcedView(view, as_of, SourcedEvents(events), facts)


def facts_of(events: Sequence[Reread]) -> Facts:
    """The merge of what ``events`` state; quarantined ones state nothing, as if they had never been accepted."""
    return Facts.union(event.facts for event in events if not event.stored.quarantined)


@dataclass(frozen=True, slots=True)
class Difference:
    """One box that is not on every list, and on which it is; None for a list that nobody has sent or signed."""

    container: str
    announced: bool | None
    delivered: bool | None
    received: bool | None


def handovers_of_train(connection: Connection[Any], train: Thing, as_of: Micros) -> list[HandoverView]:
    """The hand-overs whose lists name ``train`` (by any of its names), as of ``as_of``, by time.

    Lists that name no train count where they hold a box of it. The state is that of all boxes. Reads in the caller's transaction; some milliseconds for each
    consignment on board. Raises Unreadable.
    """
    registry = store.read_snapshot(connection)
    found: dict[tuple[str, str], HandoverView] = {}
    for consignment in consignments_of(connection, [train]):
        sourced = read_view(connection, consignment, as_of, registry)
        if sourced is None:
            continue
        names = {train} | {
            other
            for event in sourced.sources.every
            for link in event.facts.links
            if link.kind is LinkKind.SAME_TRAIN and train in (link.left, link.right)
            for other in (link.left, link.right)
        }
        for handover in sourced.view.handovers:
            if not handover.trains or names & set(handover.trains):
                # By which lists it is known depends on the boxes whose hand-over one looks at.
                key = handover.border, handover.occurrence or handover.events[0].hex()
                found[key] = max(found.get(key, handover), handover, key=lambda each: len(each.events))
    whole = (
        replace(
            each, state=HandoverState.DIFFERENT if each.missing or each.surplus else HandoverState.CONFIRMED
        )
        if each.state is not HandoverState.ONE_SIDED
        else each
        for each in found.values()
    )
    return sorted(whole, key=lambda each: (each.since, each.border, each.occurrence))


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
