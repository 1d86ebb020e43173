"""People as registered: added, given teams and permissions for an interval, ended, erased; each in the caller's transaction.

Every change is entered in the audit trail, which holds only salted digests of subject and name: with the salt they are gone.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.ledger.audit_trail.entries import enter
from services.ledger.registry.party import Party
from services.ledger.storage.arrays import adapt, uuids
from services.people.domain.person import Grant, Permission, Person, PersonId, fault_of, fault_of_teams
from services.people.store import statement

Session = Connection[Any]


class PersonError(Exception):
    """What cannot be recorded; the text says why."""


def add(
    session: Session,
    party: Party,
    issuer: str,
    subject: str,
    name: str,
    teams: Iterable[str],
    permissions: Iterable[Permission],
    *,
    at: Micros,
    by: str,
) -> PersonId:
    """Register a person of ``party`` from ``at`` on; returns its pseudonym. Raises PersonError for one that is registered already."""
    wanted = frozenset(teams)
    problem = fault_of(issuer, subject, name, wanted)
    if problem is not None:
        raise PersonError(problem)
    id_, salt = UUID(bytes=secrets.token_bytes(16)), secrets.token_bytes(16)
    values = {"id": id_, "issuer": issuer, "subject": subject, "name": name, "salt": salt, "party": party.no}
    if session.execute(statement("add"), {**values, "at": at, "by": by}).fetchone() is None:
        raise PersonError(f"{subject!r} of {issuer} is registered already")
    entry = {
        "issuer": issuer,
        "party": party.no,
        "registered": at,
        "by": by,
        "salt": _digest(salt),
        "subject": _digest(salt + subject.encode()),
        "name": _digest(salt + name.encode()),
    }
    enter(session, "person", id_, entry)
    _grant(session, id_, wanted, permissions, at, by)
    return id_.bytes


def change(
    session: Session,
    person: PersonId,
    *,
    teams: Iterable[str] | None = None,
    permissions: Iterable[Permission] | None = None,
    by: str,
    at: Micros | None = None,
) -> Grant:
    """End what the person may do now and give it these teams and permissions from the same moment on; None leaves as it is.

    Blocks while a step of the person is being taken. ``at`` is the database's clock by default. Raises PersonError where the
    person may do nothing now.
    """
    moment = _turn(session, person, at)
    known = by_id(session, person)
    present = None if known is None else known.grant(moment)
    if known is None or present is None:
        raise PersonError(
            "the person has ended or was never registered: somebody who comes back is added again"
        )
    wanted = present.teams if teams is None else frozenset(teams)
    if (problem := fault_of_teams(wanted)) is not None:
        raise PersonError(problem)
    granted = present.permissions if permissions is None else frozenset(permissions)
    if present.since == moment:
        raise PersonError("the person was changed at this very moment: try again")
    _end(session, person, moment)
    _grant(session, UUID(bytes=person), wanted, granted, moment, by)
    return Grant(moment, None, wanted, granted)


def end(session: Session, person: PersonId, *, at: Micros | None = None) -> bool:
    """End what the person may do, its sessions with it; False where it may do nothing. Blocks while it takes a step."""
    return _end(session, person, _turn(session, person, at))


def erase(session: Session, person: PersonId) -> bool:
    """Erase subject, name and saved views of a person that has ended, and where it was notified; its pseudonym and all that it did stay.

    False where they are gone. Raises PersonError while the person may do anything.
    """
    moment = _turn(session, person, None)
    known = by_id(session, person)
    if known is not None and any(each.until is None or each.until > moment for each in known.grants):
        raise PersonError("the person has not ended: end it first")
    id_ = UUID(bytes=person)
    if session.execute(statement("erase"), {"id": id_}).fetchone() is None:
        return False
    session.execute(statement("remove_views"), {"id": id_})
    enter(session, "person", id_, {"subject": None, "name": None, "salt": None})
    gone = _rows(session, "erase_addresses", {"client": f"person:{person.hex()}", "at": moment})
    for subscription, ended in gone:
        entry = {"address": None, "salt": None, "state": "ENDED", "reason": "person", "ended": ended}
        enter(session, "subscription", subscription, entry)
    return True


def hold_shared(session: Session, person: PersonId) -> None:
    """Keep the person as it is until the transaction ends; blocks while it is being changed."""
    session.execute(statement("turn_shared"), {"id": person.hex()})


def by_id(session: Session, person: PersonId) -> Person | None:
    """The person with that pseudonym."""
    return by_ids(session, [person]).get(person)


def by_ids(session: Session, persons: Iterable[PersonId]) -> dict[PersonId, Person]:
    """The people with those pseudonyms."""
    found = _people(session, "by_id", {"ids": uuids(sorted(set(persons)))})
    return {each.id: each for each in found}


def by_subject(session: Session, issuer: str, subject: str) -> Person | None:
    """The person whom ``issuer`` calls ``subject``."""
    return next(iter(_people(session, "by_subject", {"issuer": issuer, "subject": subject})), None)


def listed(session: Session, issuer: str | None = None, party: str | None = None) -> list[Person]:
    """Everybody ever registered, of one issuer and one party or of all, by party and name."""
    return _people(session, "people", {"issuer": issuer, "party": party})


def teams_of(session: Session, party: str, at: Micros) -> list[str]:
    """The teams of the party that anybody is in at ``at``."""
    return [row[0] for row in _rows(session, "teams_of", {"party": party, "at": at})]


def _people(session: Session, name: str, parameters: dict[str, Any]) -> list[Person]:
    adapt(session)
    return people_of(_rows(session, name, parameters))


def people_of(rows: Iterable[Sequence[Any]]) -> list[Person]:
    """The people of rows as ``by_id`` selects them, of statements of others too."""
    grants: dict[tuple[Any, ...], list[Grant]] = defaultdict(list)
    for *person, since, until, teams, permissions in rows:
        given = grants[tuple(person)]
        if since is not None:
            granted = frozenset(map(Permission, permissions))
            given.append(Grant(since, until, frozenset(teams), granted))
    return [
        Person(id_, issuer, party, subject, shown, tuple(given))
        for (id_, issuer, party, subject, shown), given in grants.items()
    ]


def _turn(session: Session, person: PersonId, at: Micros | None) -> Micros:
    """Wait for the steps that the person is taking; then the moment, no earlier than any of theirs."""
    session.execute(statement("turn"), {"id": person.hex()})
    if at is not None:
        return at
    ((moment,),) = _rows(session, "clock", {})
    return int(moment)


def _end(session: Session, person: PersonId, at: Micros) -> bool:
    id_ = UUID(bytes=person)
    ended = session.execute(statement("end_grant"), {"id": id_, "at": at}).fetchall()
    for (since,) in ended:
        enter(session, "person_grant", f"{id_} {since}", {"until": at})
    return bool(ended)


def _grant(
    session: Session, id_: UUID, teams: Iterable[str], permissions: Iterable[Permission], at: Micros, by: str
) -> None:
    row = {"teams": sorted(teams), "permissions": sorted(map(str, permissions)), "by": by}
    session.execute(statement("grant"), {**row, "id": id_, "since": at})
    enter(session, "person_grant", f"{id_} {at}", {**row, "until": None})


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> Sequence[Any]:
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()
