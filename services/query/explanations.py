"""What is known of an object that reaches no consignment, and why: read from stored events, derived by the domain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from services.domain.explanations import Obstacle, Unreached, Ways
from services.domain.facts import FREEING, EventId, Founding, Link, Micros, PlannedRoute
from services.domain.objects import Thing
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.query.stored_events import Reread, SourcedEvents, reread
from services.query.views import SourcedView, facts_of


@dataclass(frozen=True, slots=True)
class ExplainedObject:
    """What is known of one object as of a moment beside any view.

    ``obstacles`` say why the object itself reaches no consignment, () where it does; ``unreached`` are the facts about it that
    reach none. ``links`` touch it, ``foundings`` are of it (a consignment), each whether it counts or not.
    """

    thing: Thing
    obstacles: tuple[Obstacle, ...]
    unreached: tuple[Unreached, ...]
    links: tuple[Link, ...]
    foundings: tuple[Founding, ...]
    routes: tuple[PlannedRoute, ...]
    ways: Ways
    sources: SourcedEvents


def read_explanation(
    connection: Connection[Any],
    thing: Thing,
    as_of: Micros,
    registry: Registry | None = None,
    views: Iterable[SourcedView] = (),
) -> ExplainedObject | None:
    """What is known of ``thing`` up to ``as_of``; None where no event names it.

    ``views`` are those of the consignments that it reaches, read as of the same moment: their events are not read again. Raises
    Unreadable.
    """
    known = registry if registry is not None else store.read_snapshot(connection)
    stored = event_reader.events_about(connection, thing.kind, thing.key, as_of)
    seen = {event.stored.no: event for view in views for event in view.sources.every}
    fresh = [reread(each, known) for each in stored if each.no not in seen]
    return explain(thing, [*fresh, *seen.values()], as_of)


def explain(thing: Thing, events: Iterable[Reread], as_of: Micros) -> ExplainedObject | None:
    """The same from ``events`` that were read; None where none of them names ``thing``. Pure."""
    sources = SourcedEvents(events)
    facts = facts_of(sources.every)
    ways = Ways(facts)
    unreached = ways.unreached(thing, as_of)
    links = sorted(
        (
            link
            for link in facts.links
            if thing in (link.left, link.right) and link.start <= as_of and link.kind not in FREEING
        ),
        key=lambda link: (link.start, link.event, link.left, link.right),
    )
    foundings = sorted((f for f in facts.foundings if f.consignment == thing), key=_published)
    routes = sorted((route for route in facts.routes if route.thing == thing), key=_published)
    claimed = any(claim.thing == thing and claim.happened <= as_of for claim in facts.claims)
    if not (claimed or links or foundings or routes or sources.quarantined({thing})):
        return None
    return ExplainedObject(
        thing,
        ways.obstacles(thing, as_of),
        unreached,
        tuple(links),
        tuple(foundings),
        tuple(routes),
        ways,
        sources,
    )


def _published(fact: Founding | PlannedRoute) -> tuple[Micros, EventId]:
    return fact.published, fact.event
