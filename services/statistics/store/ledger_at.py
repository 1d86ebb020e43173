"""The ledger as of a publication: the accepted events that were visible then, whatever came since, and what they state of a month.

Nothing here reads a projection for a value: claims and links only lead to the events, which are read again from their signed bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.envelope import Envelope, event_id
from schemas.events.base import ObjectKind, Role
from schemas.events.decode import decode_admitted
from schemas.events.finance_decision import DecidedWhole
from schemas.events.link import ConsignmentOpened
from services.arrival.store.projector import ALWAYS
from services.domain.derive import derive
from services.domain.facts import Facts, Micros
from services.domain.objects import ObjectId, Thing, object_id
from services.domain.view import View
from services.ledger.admission.raw_bytes import unframe
from services.ledger.projections import changes
from services.ledger.registry import store as registry_store
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, reread
from services.statistics.domain import months
from services.statistics.domain.corridors import Corridor, corridor_of
from services.statistics.domain.observations import (
    DEPARTED,
    Journey,
    Observation,
    Pledge,
    journey_of,
    of_journey,
    of_pledge,
)
from services.statistics.store import statement

Session = Connection[Any]
_AT_ONCE = 200
"""Consignments that are read in one transaction."""
_MOST = 30_000
"""Events that are kept read: those of a train concern all that it carries."""


class Position(NamedTuple):
    """A position in the ledger: what transactions below ``xid`` had accepted, at the moment ``as_of``."""

    xid: int
    as_of: Micros


def present(session: Session) -> Position:
    """The position up to which everything is visible now."""
    row = session.execute(statement("horizon")).fetchone()
    assert row is not None
    return Position(*row)


class LedgerAt:
    """Reads the events visible at ``position`` on a session in autocommit mode. ``newest``: when the last event behind the month read last was stored."""

    def __init__(self, session: Session, position: Position) -> None:
        adapt(session)
        self._session, self.position = session, position
        rows = session.execute(statement("batches")).fetchall()
        self._firsts = [first for first, _, _ in rows]
        self._batches = [(xid, at) for _, xid, at in rows]
        later = session.execute(statement("aside_since"), {"xid": str(position.xid)})
        self._counted_then = {row[0] for row in later}
        self._registry = registry_store.read_snapshot(session)
        self._read: dict[int, Reread] = {}
        self.newest: Micros = 0

    def observations(self, month: int) -> list[Observation]:
        """All that is observed of the journeys that left in a month, and of the pledges decided in it, in order."""
        self.newest = 0
        found = {o for journey in self.journeys(month) for o in of_journey(journey)}
        found |= set(self._pledged(month))
        return sorted(found)

    def journeys(self, month: int) -> Iterator[Journey]:
        """The journeys that left in a month."""
        since, until = months.begins(month), months.begins(month + 1)
        bounds = {"departed": DEPARTED, "since": since, "until": until}
        with self._session.transaction():
            objects = [row[0] for row in self._session.execute(statement("departed"), bounds, binary=True)]
            candidates = changes.reachable_consignments(self._session, objects) if objects else set()
        seen: set[Thing] = set()
        todo = sorted(candidates)
        for first in range(0, len(todo), _AT_ONCE):
            with self._session.transaction():
                for id_ in todo[first : first + _AT_ONCE]:
                    view, events = self.view(id_)
                    if view is None or view.consignment in seen:
                        continue
                    seen.add(view.consignment)
                    journey = journey_of(view, _shipper(view, events))
                    if journey is not None and since <= journey.departed < until:
                        stored = (each.stored.no for each in events)
                        self.newest = max(self.newest, *(self._batch(no)[1] for no in stored))
                        yield journey

    def view(self, consignment: ObjectId) -> tuple[View | None, Sequence[Reread]]:
        """The view of a consignment and the events behind it; None where it is not founded. Raises Unreadable."""
        stored = event_reader.load_facts(self._session, [consignment])
        events = [self._event(each) for each in stored if self._counts(each)]
        facts = Facts.union(each.facts for each in events)
        founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
        return (None if founded is None else derive(facts, founded, ALWAYS)), events

    def _event(self, stored: Stored) -> Reread:
        found = self._read.get(stored.no)
        if found is None:
            if len(self._read) >= _MOST:
                self._read.clear()
            found = self._read[stored.no] = reread(stored, self._registry)
        return found

    def _counts(self, stored: Stored) -> bool:
        aside = stored.quarantined and stored.no not in self._counted_then
        return not aside and self._batch(stored.no)[0] < self.position.xid

    def _batch(self, no: int) -> tuple[int, Micros]:
        return self._batches[bisect_right(self._firsts, no) - 1]

    def _pledged(self, month: int) -> Iterator[Observation]:
        bounds = {"since": months.begins(month), "until": months.begins(month + 1)}
        rows = self._session.execute(statement("pledges"), {**bounds, "xid": str(self.position.xid)})
        known: dict[str, Corridor | None] = {}
        for pledge in pledges(rows.fetchall(), bounds["since"], bounds["until"]):
            for name in pledge.cargo:
                if name not in known:
                    with self._session.transaction():
                        view, _ = self.view(object_id(ObjectKind.CONSIGNMENT, name))
                    route = () if view is None or view.route is None else view.route.places
                    known[name] = corridor_of(route)
            yield from of_pledge(pledge, [known[name] for name in pledge.cargo])


def _shipper(view: View, events: Iterable[Reread]) -> str:
    """The one shipper that the foundings of the consignment name; "" where there is none, or several."""
    gone = {dead.event for dead in view.not_live}
    named = {
        party.party
        for each in events
        if isinstance(each.payload, ConsignmentOpened)
        and each.stored.id not in gone
        and any(founding.consignment in view.members for founding in each.facts.foundings)
        for party in each.payload.parties
        if party.role is Role.SHIPPER
    }
    return next(iter(named)) if len(named) == 1 else ""


def pledges(rows: Iterable[tuple[bytes, bytes]], since: Micros, until: Micros) -> Iterator[Pledge]:
    """The pledges decided in [since, until), from the platform's signed decisions on their financings (framed headers, payload)."""
    by_financing: dict[str, list[tuple[bytes, DecidedWhole]]] = defaultdict(list)
    for headers, payload in rows:
        envelope = Envelope.from_headers(unframe(headers))
        decided = decode_admitted(envelope.type, payload)
        if isinstance(decided, DecidedWhole) and decided.financing is not None:
            by_financing[decided.financing].append((event_id(envelope.source, envelope.id), decided))
    for financing, decisions in sorted(by_financing.items()):
        first = next((d for _, d in decisions if str(d.action) == "PLEDGE"), None)
        reserved = next((d for _, d in decisions if str(d.action) == "RESERVE"), None)
        if first is None or reserved is None or first.amount is None:
            continue
        if not since <= first.happened_micros < until:
            continue
        yield Pledge(
            financing,
            first.asked_by,
            reserved.applicant or "",
            first.amount.minor_units,
            first.amount.currency_code,
            reserved.cargo,
            any(str(d.action) == "RELEASE" for _, d in decisions),
            tuple(sorted(event for event, _ in decisions)),
        )
