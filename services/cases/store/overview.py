"""Lists of cases and the whole of one case, read without locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.envelope import Envelope
from schemas.events import catalogue
from schemas.events.base import Episode, ObjectKind, Role
from services.cases.domain.causes import CaseId, CaseKind, Cause, joined
from services.cases.domain.lifecycle import Case, Status, Step, Team
from services.cases.domain.visibility import CaseScope
from services.cases.store import statement
from services.cases.store.case_service import NoSuchCase, steps_of
from services.cases.store.rows import cause_of, step_of, team_of
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, texts, uuids
from services.ledger.storage.term_numbers import term_number

Session = Connection[Any]
SHORTEST = 4
"""Digits of an id by which a case may be named, at least."""


class Ambiguous(Exception):
    """Several cases have ids that begin so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases to list; what is None or False does not choose. ``closed_since`` adds those that were closed since then.

    ``scope`` leaves those that a party may see.
    """

    crossing: str | None = None
    kind: CaseKind | None = None
    owner: Team | None = None
    unowned: bool = False
    everything: bool = False
    closed_since: Micros | None = None
    cases: Collection[CaseId] | None = None
    limit: int = 500
    scope: CaseScope | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A case in a list."""

    id: CaseId
    kind: CaseKind
    what: str
    about: Thing
    jurisdiction: str
    place: str
    occurrence: str
    crossing: str
    since: Micros
    due: Micros
    life: Case
    stands: bool

    @property
    def short(self) -> str:
        """The first digits of the id, as people name it."""
        return self.id.hex()[:8]

    def status(self, at: Micros) -> Status:
        """The status at ``at``."""
        return self.life.status(at)

    @property
    def acts(self) -> Role | None:
        """The role that has to act by the event type; None where the type names none."""
        episode = Episode.__members__.get(self.what)
        return next((s.owner for s in catalogue.specs() if episode and s.opens is episode), None)


@dataclass(frozen=True, slots=True)
class Whole:
    """All of one case: its steps, and its cause with the consignments that show it; no cause where it is gone."""

    listed: Listed
    steps: tuple[Step, ...]
    cause: Cause | None
    consignments: tuple[bytes, ...]


def find(session: Session, text: str) -> CaseId:
    """The case whose id begins with ``text`` (hexadecimal digits). Raises NoSuchCase, Ambiguous."""
    adapt(session)
    digits = text.strip().lower()
    if not SHORTEST <= len(digits) <= 32 or not set(digits) <= set("0123456789abcdef"):
        raise NoSuchCase(text)
    rows = _rows(session, "find", {"low": digits.ljust(32, "0"), "high": digits.ljust(32, "f")})
    if not rows:
        raise NoSuchCase(text)
    if len(rows) > 1:
        raise Ambiguous(text)
    found: CaseId = rows[0][0]
    return found


def listed(session: Session, wanted: Wanted) -> list[Listed]:
    """The cases that ``wanted`` chooses, those first that are due first."""
    adapt(session)
    owner = wanted.owner
    parameters = {
        "cases": None if wanted.cases is None else uuids(sorted(wanted.cases)),
        "all": wanted.everything or wanted.cases is not None,
        "since": wanted.closed_since if wanted.closed_since is not None else 2**62,
        "crossing": wanted.crossing,
        "kind": None if wanted.kind is None else str(wanted.kind),
        "party": owner and owner.party,
        "desk": owner and owner.name,
        "unowned": wanted.unowned,
        "limit": wanted.limit,
        **_scoped(wanted.scope),
    }
    return [_listed(row) for row in _rows(session, "list", parameters)]


def whole(session: Session, case: CaseId, scope: CaseScope | None = None) -> Whole:
    """All of one case. Raises NoSuchCase, also where the case is not within ``scope``."""
    found = listed(session, Wanted(cases=[case], scope=scope))
    if not found:
        raise NoSuchCase(case.hex())
    rows = [cause_of(row) for row in _rows(session, "causes_by_case", {"ids": uuids([case])})]
    cause = joined(each for _, each in rows).get(case)
    steps = steps_of(session, [case])[case]
    return Whole(found[0], tuple(steps), cause, tuple(sorted(cons for cons, _ in rows)))


def steps_since(session: Session, since: Micros) -> list[Step]:
    """The steps of all cases from ``since`` on, in order."""
    adapt(session)
    return [step_of(row) for row in _rows(session, "steps_since", {"since": since})]


def events_named(session: Session, events: Iterable[EventId]) -> dict[EventId, tuple[str, str]]:
    """Source and id of the events, as their publishers called them."""
    return {event: (each.source, each.id) for event, each in envelopes_of(session, events).items()}


def envelopes_of(session: Session, events: Iterable[EventId]) -> dict[EventId, Envelope]:
    """The envelopes of the events."""
    return {
        each.id: Envelope.from_headers(each.headers)
        for each in event_reader.events_by_id(session, sorted({*events}))
    }


def _scoped(scope: CaseScope | None) -> dict[str, Any]:
    return {
        "viewer": scope and scope.party,
        "places": texts([] if scope is None else scope.places),
        "jurisdictions": texts([] if scope is None else scope.jurisdictions),
        "engaged": term_number(scope.party) if scope is not None and scope.engaged else None,
    }


def _listed(row: tuple[Any, ...]) -> Listed:
    case, kind, what, about_kind, about, jurisdiction, place, occurrence, crossing, since, due, *life = row
    opened, last, at, closed, party, desk, snoozed_until, reason, stands = life
    now = Case(case, opened, last, at, closed, team_of(party, desk), snoozed_until, reason)
    thing = Thing(ObjectKind(about_kind), about)
    return Listed(
        case, CaseKind(kind), what, thing, jurisdiction, place, occurrence, crossing, since, due, now, stands
    )


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()
