"""The view of a consignment as stored: load what may concern it, read it again, derive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from services.domain.derive import derive
from services.domain.facts import Claim, Facts, Link, Micros
from services.domain.liveness import Liveness, judge
from services.domain.objects import Thing
from services.domain.view import View
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, reread


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
        found.update(dict.fromkeys(event_reader.consignments_of(connection, thing.kind, thing.key)))
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
    known = registry if registry is not None else store.read_snapshot(connection)
    events = [read(stored, known) for stored in event_reader.load_facts(connection, [consignment], as_of)]
    facts = facts_of(events)
    founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
    view = None if founded is None else derive(facts, founded, as_of)
    return None if view is None else Told(view, as_of, {event.stored.id: event for event in events})


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is known of a thing that belongs to no consignment: ``claims`` and ``links`` in order, and which events still count."""

    thing: Thing
    claims: tuple[Claim, ...]
    links: tuple[Link, ...]
    liveness: Liveness
    events: dict[bytes, Reread]


def waiting_of(
    connection: Connection[Any], thing: Thing, as_of: Micros, registry: Registry | None = None
) -> Waiting | None:
    """What was said of ``thing`` itself and had happened at ``as_of``; None where nobody said anything. Raises Unreadable."""
    known = registry if registry is not None else store.read_snapshot(connection)
    events = [
        reread(stored, known) for stored in event_reader.events_naming(connection, thing.kind, thing.key)
    ]
    facts = facts_of(events)
    claims = sorted((c for c in facts.claims if c.thing == thing and c.happened <= as_of), key=_when)
    links = sorted(
        (link for link in facts.links if thing in (link.left, link.right) and link.start <= as_of),
        key=lambda link: (link.start, link.event, link.left, link.right),
    )
    if not claims and not links:
        return None
    liveness = judge(facts.withdrawals, facts.equivocated)
    return Waiting(thing, tuple(claims), tuple(links), liveness, {event.stored.id: event for event in events})


def _when(claim: Claim) -> tuple[Micros, bytes]:
    return claim.happened, claim.event


def facts_of(events: Sequence[Reread]) -> Facts:
    """The merge of what ``events`` state; quarantined ones state nothing, as if they had never been accepted."""
    return Facts.union(event.facts for event in events if not event.stored.quarantined)
