"""Loads what the observations of one cargo or one shipper depend on: stored events, read again as at admission."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.envelope import Envelope, event_id
from schemas.events.base import ObjectKind
from schemas.events.finance_terms import own_key
from services.credit.domain import statements
from services.credit.domain.cargo import matters
from services.credit.domain.statements import CreditFacts, FinancingStatement
from services.credit.store import statement
from services.credit.store.faults import INFRASTRUCTURE, UnreadableEvent
from services.domain.facts import EventId, Facts
from services.domain.liveness import Liveness, judge
from services.domain.objects import ObjectId, Thing
from services.ledger.admission.raw_bytes import unframe
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, reread

SHARED = frozenset({ObjectKind.CONTAINER, ObjectKind.NOTE, ObjectKind.BOOKING, ObjectKind.DECLARATION})
"""What may carry the cargo of several consignments."""


class EventFacts(NamedTuple):
    """The facts of a set of events, and what they state to credit."""

    facts: Facts
    credit: CreditFacts

    def __or__(self, other: EventFacts) -> EventFacts:
        return EventFacts(self.facts | other.facts, self.credit | other.credit)

    def liveness(self) -> Liveness:
        """The liveness of the events."""
        return judge(self.facts.withdrawals, self.facts.equivocated)


class EventCache:
    """The facts of stored events by number, quarantined or not: the cargoes of one train rest on the same events.

    At most ``most`` are cached; when full it is emptied.
    """

    def __init__(self, most: int = 60_000) -> None:
        self._most = most
        self._entries: dict[int, EventFacts] = {}

    def of(self, stored: Stored, registry: Registry) -> EventFacts:
        """The facts of the event. Raises UnreadableEvent."""
        found = self._entries.get(stored.no)
        if found is None:
            found = _read(stored, registry)
            if len(self._entries) >= self._most:
                self._entries.clear()
            self._entries[stored.no] = found
        return found


def _read(stored: Stored, registry: Registry) -> EventFacts:
    facts = Facts()
    try:
        read = reread(stored, registry)
        facts = read.facts
        return EventFacts(facts, _credit(read))
    except INFRASTRUCTURE:
        raise
    except Exception as problem:
        raise UnreadableEvent(stored.no, facts, problem) from problem


Skip = Callable[[UnreadableEvent], object]
"""Called with each event that cannot be read, and so states nothing to credit."""


def read_events(
    stored: Iterable[Stored],
    registry: Registry,
    cache: EventCache | None = None,
    *,
    aside: bool = False,
    skip: Skip | None = None,
) -> EventFacts:
    """The facts of stored events, from ``cache`` where they are in it. Raises UnreadableEvent, unless ``skip`` takes it.

    Quarantined events state nothing, unless ``aside`` asks for what they stated.
    """
    cache = cache or EventCache()
    read = []
    for each in stored:
        if each.quarantined and not aside:
            continue
        try:
            read.append(cache.of(each, registry))
        except UnreadableEvent as faulty:
            if skip is None:
                raise
            skip(faulty)
            read.append(EventFacts(faulty.facts, CreditFacts()))
    return EventFacts(
        Facts.union(each.facts for each in read), CreditFacts.union(each.credit for each in read)
    )


def _credit(read: Reread) -> CreditFacts:
    return statements.read(read.statement, read.payload)


def of_cargo(
    session: Connection[Any], consignment: ObjectId, registry: Registry, cache: EventCache | None = None
) -> EventFacts:
    """All facts that may concern one consignment, and the links of its boxes and documents elsewhere; some milliseconds."""
    stored = {each.no: each for each in event_reader.load_facts(session, [consignment])}
    first = read_events(stored.values(), registry, cache)
    ends = {end for link in first.facts.links for end in (link.left, link.right)}
    ids = sorted(thing.id for thing in ends if thing.kind in SHARED)
    numbers = {row[0] for row in session.execute(statement("siblings"), {"ids": uuids(ids)}, binary=True)}
    more = event_reader.events_by_number(session, sorted(numbers - stored.keys()))
    if not more:
        return first
    with_withdrawals = by_ids(session, [each.id for each in more])
    rest = read_events((each for each in with_withdrawals if each.no not in stored), registry, cache)
    return first | rest


def by_ids(session: Connection[Any], ids: Sequence[EventId]) -> list[Stored]:
    """The events of that identity, in all variants, with what withdraws them."""
    rows = session.execute(statement("closure"), {"ids": uuids(sorted(set(ids)))}, binary=True)
    return event_reader.events_by_number(session, sorted({row[0] for row in rows}))


EventsByKey = Mapping[str, set[EventId]]
"""Events by the keys under which they are to be found."""


def by_keys(
    session: Connection[Any],
    keys: Iterable[str],
    registry: Registry,
    more: EventsByKey = MappingProxyType({}),
    skip: Skip | None = None,
) -> EventFacts:
    """All events under the keys, and under the keys of those in turn (the answers of a dispute, the end of a loan).

    ``more`` are keys that are not indexed in the database yet. Raises UnreadableEvent, unless ``skip`` takes it.
    """
    todo, seen = set(keys), set[str]()
    found = EventFacts(Facts(), CreditFacts())
    while todo:
        seen |= todo
        rows = session.execute(statement("about"), {"keys": sorted(todo)}, binary=True)
        events = {row[0] for row in rows}.union(*(more.get(key, set()) for key in todo))
        credit = read_events(by_ids(session, sorted(events)), registry, skip=skip)
        found |= credit
        todo = {key for _, key in index_keys(credit)} - seen
    return found


def loans(
    session: Connection[Any],
    keys: Iterable[str],
    registry: Registry,
    more: EventsByKey = MappingProxyType({}),
) -> EventFacts:
    """The events under the keys, with the platform's refusals to reserve for the applicants among them."""
    found = by_keys(session, keys, registry, more)
    applied = {each.application for each in found.credit.financings if each.code == "APPLIED"}
    rows = refusals(session, {application.partition("/")[0] for application in applied})
    refused = frozenset(
        FinancingStatement(decision_id(headers), guard, "", own_key(application), at)
        for guard, at, application, headers in rows
    )
    return found | EventFacts(Facts(), CreditFacts(financings=refused))


def refusals(session: Connection[Any], applicants: Iterable[str]) -> list[Any]:
    """(guard, moment, application, framed headers) of the refusals that count against the applicants."""
    asked = {"applicants": sorted(applicants)}
    return session.execute(statement("refusals"), asked, binary=True).fetchall()


def decision_id(headers: bytes) -> EventId:
    """The id of a recorded decision, which is an event of the platform, from its framed headers."""
    envelope = Envelope.from_headers(unframe(headers))
    return event_id(envelope.source, envelope.id)


CLOSURES = "closures"
"""The key of all closures of borders by those in whose territory they lie."""


def index_keys(events: EventFacts) -> set[tuple[EventId, str]]:
    """(event, key) of each event that is about no cargo."""
    credit = events.credit
    found = {(lifting.event, f"event {lifting.restriction.hex()}") for lifting in events.facts.liftings}
    for restriction in events.facts.restrictions:
        if restriction.kind == "BORDER_CLOSED" and restriction.territorial:
            found |= {(restriction.event, key) for key in (CLOSURES, f"event {restriction.event.hex()}")}
    found |= {(c.event, f"shipper {c.shipper}") for c in credit.consents}
    found |= {(r.event, f"event {r.consent.hex()}") for r in credit.revocations}
    found |= {(c.event, f"event {c.event.hex()}") for c in credit.consents}
    found |= {
        (d.event, key) for d in credit.disputes for key in (f"shipper {d.shipper}", f"event {d.event.hex()}")
    }
    found |= {(r.event, f"event {r.dispute.hex()}") for r in credit.resolutions}
    return found | {(loan.event, key) for loan in credit.financings for key in _loan_keys(loan)}


def _loan_keys(loan: FinancingStatement) -> set[str]:
    keys = {f"application {loan.application}"} if loan.application else set()
    if loan.code == "APPLIED":
        keys |= {f"shipper {loan.application.partition('/')[0]}", f"event {loan.event.hex()}"}
    if loan.financing:
        keys.add(f"financing {loan.financing}")
    if loan.request is not None:
        keys.add(f"event {loan.request.hex()}")
    return keys


def affected_things(facts: Facts) -> set[Thing]:
    """The objects of facts and the ends of links, whose consignments have to be evaluated again.

    Facts that no signal uses, such as running positions of trains, affect none.
    """
    things = {claim.thing for claim in facts.claims if claim.milestone in matters()}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    things |= {founding.consignment for founding in facts.foundings}
    things |= {route.thing for route in facts.routes}
    return things | {Thing(ObjectKind.PLACE, restriction.place) for restriction in facts.restrictions}
