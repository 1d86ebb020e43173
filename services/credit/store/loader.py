"""What has to be known to judge one cargo or one shipper: stored events, read again as at admission."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.envelope import Envelope, event_id
from schemas.events.base import ObjectKind
from schemas.events.finance_terms import own_key
from services.credit.domain import interpretation as credit
from services.credit.domain.cargo import matters
from services.credit.domain.statements import CreditFacts, FinancingSaid
from services.credit.store import statement
from services.credit.store.faults import INFRASTRUCTURE, Faulty
from services.domain.facts import EventId, Facts
from services.domain.interpretation import Statement
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


class Known(NamedTuple):
    """What a set of events says, to the heart and to credit."""

    facts: Facts
    told: CreditFacts

    def __or__(self, other: Known) -> Known:
        return Known(self.facts | other.facts, self.told | other.told)

    def liveness(self) -> Liveness:
        """Which of the events still count."""
        return judge(self.facts.withdrawals, self.facts.equivocated)


class Readings:
    """What stored events were read as, by number: the cargoes of one train rest on the same events.

    At most ``most`` are kept; when it is full it begins anew. Whether an event is put aside is no part of it.
    """

    def __init__(self, most: int = 60_000) -> None:
        self._most = most
        self._kept: dict[int, Known] = {}

    def of(self, stored: Stored, registry: Registry) -> Known:
        """What the event says. Raises Faulty."""
        found = self._kept.get(stored.no)
        if found is None:
            found = _read(stored, registry)
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[stored.no] = found
        return found


def _read(stored: Stored, registry: Registry) -> Known:
    facts = Facts()
    try:
        read = reread(stored, registry)
        facts = read.facts
        return Known(facts, _credit(read))
    except INFRASTRUCTURE:
        raise
    except Exception as problem:
        raise Faulty(stored.no, facts, problem) from problem


Skip = Callable[[Faulty], object]
"""What is told of an event that cannot be read, and so says nothing to credit."""


def known(
    stored: Iterable[Stored],
    registry: Registry,
    readings: Readings | None = None,
    *,
    aside: bool = False,
    skip: Skip | None = None,
) -> Known:
    """Read stored events again, or take from ``readings`` what they were read as. Raises Faulty, unless ``skip`` is told of it.

    Quarantined ones say nothing, unless ``aside`` asks what they said.
    """
    kept = readings or Readings()
    read = []
    for each in stored:
        if each.quarantined and not aside:
            continue
        try:
            read.append(kept.of(each, registry))
        except Faulty as faulty:
            if skip is None:
                raise
            skip(faulty)
            read.append(Known(faulty.facts, CreditFacts()))
    return Known(Facts.union(each.facts for each in read), CreditFacts.union(each.told for each in read))


def _credit(read: Reread) -> CreditFacts:
    admitted = read.admitted
    envelope = admitted.envelope
    said_by = Statement(read.stored.id, envelope.source, admitted.party.publisher, envelope.published_micros)
    return credit.read(said_by, admitted.payload)


def of_cargo(
    session: Connection[Any], consignment: ObjectId, registry: Registry, readings: Readings | None = None
) -> Known:
    """All that may concern one consignment, with where its boxes and papers lead besides; some milliseconds."""
    stored = {each.no: each for each in event_reader.load_facts(session, [consignment])}
    first = known(stored.values(), registry, readings)
    ends = {end for link in first.facts.links for end in (link.left, link.right)}
    ids = sorted(thing.id for thing in ends if thing.kind in SHARED)
    numbers = {row[0] for row in session.execute(statement("siblings"), {"ids": uuids(ids)}, binary=True)}
    more = event_reader.events_by_number(session, sorted(numbers - stored.keys()))
    if not more:
        return first
    with_withdrawals = by_ids(session, [each.id for each in more])
    rest = known((each for each in with_withdrawals if each.no not in stored), registry, readings)
    return first | rest


def by_ids(session: Connection[Any], ids: Sequence[EventId]) -> list[Stored]:
    """The events of that identity, in all variants, with what withdraws them."""
    rows = session.execute(statement("closure"), {"ids": uuids(sorted(set(ids)))}, binary=True)
    return event_reader.events_by_number(session, sorted({row[0] for row in rows}))


Noted = Mapping[str, set[EventId]]
"""Events by the keys under which they are to be found."""


def by_keys(
    session: Connection[Any],
    keys: Iterable[str],
    registry: Registry,
    more: Noted = MappingProxyType({}),
    skip: Skip | None = None,
) -> Known:
    """All events that speak of the keys, and of what these speak of in turn (an objection's answers, a loan's end).

    ``more`` are keys that are not noted in the database yet. Raises Faulty, unless ``skip`` is told of it.
    """
    todo, seen = set(keys), set[str]()
    found = Known(Facts(), CreditFacts())
    while todo:
        seen |= todo
        rows = session.execute(statement("about"), {"keys": sorted(todo)}, binary=True)
        events = {row[0] for row in rows}.union(*(more.get(key, set()) for key in todo))
        told = known(by_ids(session, sorted(events)), registry, skip=skip)
        found |= told
        todo = {key for _, key in about(told)} - seen
    return found


def loans(
    session: Connection[Any], keys: Iterable[str], registry: Registry, more: Noted = MappingProxyType({})
) -> Known:
    """The events that speak of the keys, with the platform's refusals to reserve for the applicants among them."""
    found = by_keys(session, keys, registry, more)
    applied = {said.application for said in found.told.financings if said.word == "APPLIED"}
    rows = refusals(session, {application.partition("/")[0] for application in applied})
    refused = frozenset(
        FinancingSaid(decision_id(headers), guard, "", own_key(application), at)
        for guard, at, application, headers in rows
    )
    return found | Known(Facts(), CreditFacts(financings=refused))


def refusals(session: Connection[Any], applicants: Iterable[str]) -> list[Any]:
    """(guard, moment, application, framed headers) of the refusals that speak against the applicants."""
    asked = {"applicants": sorted(applicants)}
    return session.execute(statement("refusals"), asked, binary=True).fetchall()


def decision_id(headers: bytes) -> EventId:
    """The id of a recorded decision, which is an event of the platform, from its framed headers."""
    envelope = Envelope.from_headers(unframe(headers))
    return event_id(envelope.source, envelope.id)


CLOSURES = "closures"
"""The key of all closures of borders by those in whose territory they lie."""


def about(said: Known) -> set[tuple[EventId, str]]:
    """By which keys each event that is about no cargo is to be found."""
    told = said.told
    found = {(lifting.event, f"event {lifting.restriction.hex()}") for lifting in said.facts.liftings}
    for restriction in said.facts.restrictions:
        if restriction.kind == "BORDER_CLOSED" and restriction.territorial:
            found |= {(restriction.event, key) for key in (CLOSURES, f"event {restriction.event.hex()}")}
    found |= {(c.event, f"shipper {c.shipper}") for c in told.consents}
    found |= {(r.event, f"event {r.consent.hex()}") for r in told.revocations}
    found |= {(c.event, f"event {c.event.hex()}") for c in told.consents}
    found |= {
        (d.event, key) for d in told.disputes for key in (f"shipper {d.shipper}", f"event {d.event.hex()}")
    }
    found |= {(r.event, f"event {r.dispute.hex()}") for r in told.resolutions}
    return found | {(loan.event, key) for loan in told.financings for key in _loan_keys(loan)}


def _loan_keys(said: FinancingSaid) -> set[str]:
    keys = {f"application {said.application}"} if said.application else set()
    if said.word == "APPLIED":
        keys |= {f"shipper {said.application.partition('/')[0]}", f"event {said.event.hex()}"}
    if said.financing:
        keys.add(f"financing {said.financing}")
    if said.request is not None:
        keys.add(f"event {said.request.hex()}")
    return keys


def spoken_of(facts: Facts) -> set[Thing]:
    """The objects that facts are about, or that links join, whose consignments have to be judged again.

    Facts that no signal looks at, as the running positions of trains, concern nobody.
    """
    things = {claim.thing for claim in facts.claims if claim.milestone in matters()}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    things |= {founding.consignment for founding in facts.foundings}
    things |= {route.thing for route in facts.routes}
    return things | {Thing(ObjectKind.PLACE, restriction.place) for restriction in facts.restrictions}
