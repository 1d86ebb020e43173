"""Amount limits as stored: set by a person of the bank for another one, read with the approvals that they decide.

A row says what counts from its moment on; none is changed. Each is entered in the audit trail. Who sets a limit waits for the
approvals of the bank that are under way, and these for it: the amount that a person may approve is that of the moment of the approval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from services.financing.domain.limits import Limit, LimitFault, fault_of
from services.financing.store import statement
from services.ledger.audit_trail.entries import enter
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.decision_locks import Clock, database_clock
from services.people.domain.person import Person, PersonId, Signatory
from services.people.store import people

Session = Connection[Any]


@dataclass(frozen=True)
class NewLimit:
    """What is to be set for ``person``: minor units of ``currency`` that it may prepare, and approve."""

    person: PersonId
    currency: str
    make: int
    check: int


def set_limit(
    session: Session, bank: str, by: Person, wanted: NewLimit, clock: Clock = database_clock
) -> Limit | LimitFault:
    """Record what ``by`` sets for somebody else of ``bank``, in the caller's transaction; blocks while the bank's people approve."""
    adapt(session)
    session.execute(statement("turn_of_limits"), {"bank": bank})
    people.hold_shared(session, by.id)
    at = clock(session)[0]
    limit = Limit(bank, wanted.person, wanted.currency, at, wanted.make, wanted.check, by.signatory)
    fault = fault_of(limit, people.by_ids(session, [by.id, wanted.person]))
    if fault is not None:
        return fault
    row = {
        "bank": bank,
        "may_make": limit.make,
        "may_check": limit.check,
        "by_issuer": limit.by.issuer,
        "by_person": UUID(bytes=limit.by.person),
    }
    person = UUID(bytes=limit.person)
    session.execute(statement("put_limit"), {**row, "person": person, "currency": limit.currency, "at": at})
    enter(session, "financing_limit", f"{person} {limit.currency} {at}", row)
    return limit


def hold_limits(session: Session, bank: str) -> None:
    """Keep the limits of ``bank`` as they are until the transaction ends; blocks while one is being set."""
    session.execute(statement("turn_of_limits_shared"), {"bank": bank})


def limits_of(session: Session, bank: str, persons: Iterable[PersonId] | None = None) -> list[Limit]:
    """Every limit ever set in ``bank``, in the order of their moments: all, or those of ``persons`` and the bank's first one."""
    adapt(session)
    given = {"bank": bank, "persons": None if persons is None else uuids(sorted(set(persons)))}
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return [limit_of(row) for row in cursor.execute(statement("limits"), given).fetchall()]


def limit_of(row: Sequence[Any]) -> Limit:
    """The limit in a row."""
    bank, person, currency, at, make, check, issuer, by = row
    return Limit(bank, bytes(person), currency, at, make, check, Signatory(issuer, bytes(by)))
