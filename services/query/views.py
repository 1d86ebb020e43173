"""The view of a consignment as stored: load what may concern it, read it again, derive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from services.core.derive import derive
from services.core.facts import Facts, Micros
from services.core.objects import Thing
from services.core.view import View
from services.query.reread import Reread, reread
from services.registry import store
from services.registry.registry import Registry
from services.storage import reading
from services.storage.reading import Stored


@dataclass(frozen=True, slots=True)
class Told:
    """A view with the events behind it, by their 16-byte ids, so that each value can name who said it and how."""

    view: View
    as_of: Micros
    events: dict[bytes, Reread]


def consignments_of(connection: Connection[Any], things: Iterable[Thing]) -> list[bytes]:
    """The canonical ids of the consignments that facts about any of ``things`` reach, at any time, in order."""
    found: dict[bytes, None] = {}
    for thing in things:
        found.update(dict.fromkeys(reading.consignments_of(connection, thing.kind, thing.key)))
    return list(found)


def told_of(
    connection: Connection[Any],
    consignment: bytes,
    as_of: Micros,
    registry: Registry | None = None,
    read: Callable[[Stored, Registry], Reread] = reread,
) -> Told | None:
    """The view of the group that ``consignment`` (16 bytes) belongs to at ``as_of``; None where it was never founded.

    Its timeline leaves out a train's running positions that were superseded. Reads in the caller's transaction; some
    milliseconds for an ordinary consignment. ``read`` may remember what it has read for whoever looks at many
    consignments of one train. Raises Unreadable.
    """
    known = registry if registry is not None else store.look(connection)
    events = [read(stored, known) for stored in reading.load_facts(connection, [consignment], as_of)]
    facts = facts_of(events)
    founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
    view = None if founded is None else derive(facts, founded, as_of)
    return None if view is None else Told(view, as_of, {event.stored.id: event for event in events})


def facts_of(events: Sequence[Reread]) -> Facts:
    """The merge of what ``events`` state; quarantined ones state nothing, as if they had never been accepted."""
    return Facts.union(event.facts for event in events if not event.stored.quarantined)
