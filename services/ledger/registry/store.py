"""The registry in Postgres: events that only grow, the tables folded from them, and snapshots for workers.

Every function works in the caller's transaction and neither commits nor rolls back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeVar

import orjson
from psycopg import Connection

from schemas.events.base import Role
from schemas.schemes import PublicKey, Scheme
from services.ledger.audit_trail.entries import enter
from services.ledger.registry import fold, statement
from services.ledger.registry.events import parse
from services.ledger.registry.fair_lock import take_turn
from services.ledger.registry.key import Key
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A registry event as stored: the version it made, when (UTC microseconds) and by whom it was registered."""

    version: int
    at: int
    by: str
    event: fold.Event


def version(session: Session) -> int:
    """The current version, without waiting for anybody; about 0.1 ms."""
    return _one(session, "version")


def hold(session: Session) -> int:
    """The current version, kept until the transaction ends; waits while a change is being made.

    A batch calls this after its offsets and before its identities, and judges its events again where the version is
    not the one that it judged them by.
    """
    return _one(session, "hold_version")


def load(session: Session) -> Registry:
    """The whole registry at its current version, read while changes are held off until the transaction ends.

    The version is held first, so the rows that follow belong to it also at READ COMMITTED.
    """
    return _rows(session, hold(session))


def look(session: Session) -> Registry:
    """The whole registry at one version, for those who only read: holds nothing off and needs no right to write.

    Where a change comes in between, it is read again.
    """
    before = version(session)
    while True:
        read = _rows(session, before)
        after = version(session)
        if after == before:
            return read
        before = after


def history(session: Session, after: int = 0) -> Iterator[Recorded]:
    """The events above version ``after``, in order."""
    for number, at, by, body in session.execute(statement("events"), {"after": after}).fetchall():
        yield Recorded(number, at, by, parse(body))


EventT = TypeVar("EventT", bound=fold.Event)


def append(
    session: Session,
    event: EventT,
    *,
    at: int,
    by: str,
    require: Callable[[EventT, Registry], None] = lambda _event, _before: None,
) -> Registry:
    """Register ``event`` and return the registry after it; raises RegistryError where it is not allowed.

    ``require`` raises what more is to be refused, of the event and the registry before it.

    Gets its turn between batches that hold the registry, and makes later ones wait, until the transaction ends (see
    ``take_turn``). ``at`` is UTC microseconds and is recorded only; nothing is judged by it.
    """
    take_turn(session)
    before = load(session)
    after = fold.apply(before, event)
    require(event, before)
    body = event.model_dump_json(exclude_none=True)
    session.execute(
        statement("add_event"),
        {"version": after.version, "kind": event.kind, "at": at, "by": by, "body": body},
    )
    entry = {"kind": event.kind, "at": at, "by": by, "body": orjson.loads(body)}
    enter(session, "registry_event", after.version, entry)
    for code, party in after.parties.items():
        if before.party(code) != party:
            session.execute(statement("keep_earlier"), {"no": party.no})
            session.execute(statement("put_party"), _row(party))
    for key_id, key in after.keys.items():
        if before.key(key_id) != key:
            _put_key(session, key, after.parties[key.party].no)
    session.execute(statement("set_version"), {"version": after.version})
    return after


class RegistryReader:
    """Keeps the newest snapshot of one worker; not for several threads."""

    def __init__(self) -> None:
        self._known: Registry | None = None

    def current(self, session: Session) -> Registry:
        """The registry as of now: one small read per batch, everything only when the version has changed."""
        if self._known is None or self._known.version != version(session):
            self._known = load(session)
        return self._known

    def held(self, session: Session) -> Registry:
        """The registry, kept as it is until the caller's transaction ends."""
        held = hold(session)
        if self._known is None or self._known.version != held:
            self._known = load(session)
        return self._known


def _one(session: Session, name: str) -> int:
    row = session.execute(statement(name)).fetchone()
    if row is None:
        raise LookupError("the registry has no version: the database is not migrated")
    return int(row[0])


def _rows(session: Session, version: int) -> Registry:
    shapes = map(_shape, session.execute(statement("parties")))
    parties = [_party(list(every)) for _, every in groupby(shapes, key=lambda shape: shape.no)]
    keys = [_key(row) for row in session.execute(statement("keys"))]
    return Registry.of(version, parties, keys)


def _party(shapes: Sequence[Party]) -> Party:
    """One party of its shapes, the newest first; each knows those before it."""
    party = shapes[-1]
    for shape in reversed(shapes[:-1]):
        party = replace(shape, earlier=(replace(party, earlier=()), *party.earlier))
    return party


def _shape(row: tuple[Any, ...]) -> Party:
    no, code, name, roles, countries, managers, places, topics, sources, since, number = row
    return Party(
        no=no,
        code=code,
        name=name,
        roles=frozenset(map(Role, roles)),
        countries=frozenset(countries),
        managers=frozenset(managers),
        places=frozenset(places),
        sources=frozenset(sources),
        topics=frozenset(topics),
        since=since,
        version=number,
    )


def _key(row: tuple[Any, ...]) -> Key:
    party, scheme, raw, not_before, not_after, revoked_at, compromised_since = row
    public = PublicKey(Scheme(scheme), bytes(raw))
    return Key(party, public, not_before, not_after, revoked_at, compromised_since)


def _row(party: Party) -> dict[str, Any]:
    return {
        "no": party.no,
        "code": party.code,
        "name": party.name,
        "roles": sorted(party.roles),
        "countries": sorted(party.countries),
        "managers": sorted(party.managers),
        "places": sorted(party.places),
        "topics": sorted(party.topics),
        "sources": sorted(party.sources),
        "since": party.since,
        "version": party.version,
    }


def _put_key(session: Session, key: Key, party: int) -> None:
    session.execute(
        statement("put_key"),
        {
            "key_id": key.key_id,
            "party": party,
            "scheme": str(key.scheme),
            "public_key": key.public.raw,
            "not_before": key.not_before,
            "not_after": key.not_after,
            "revoked_at": key.revoked_at,
            "compromised_since": key.compromised_since,
        },
    )
