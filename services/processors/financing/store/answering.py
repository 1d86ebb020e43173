"""Answers to a bank on its own financing, read from the store without locking anything."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.core.facts import Micros
from services.processors.financing import lifecycle
from services.processors.financing.products import Products
from services.processors.financing.status import Status, status
from services.processors.financing.store.desk import cargo_of, rulings_of
from services.processors.financing.store.evidence import Evidence, canonical, gather_evidence
from services.processors.financing.store.names import application_id, financing_id
from services.processors.financing.store.statements import statement
from services.registry import store as registry_store
from services.registry.registry import Registry
from services.storage.arrays import adapt, uuids

Session = Connection[Any]


def status_of(
    session: Session,
    financing: str,
    asked_by: str,
    as_of: Micros,
    known_at: Micros,
    registry: Registry | None = None,
    table: Products | None = None,
) -> Status | None:
    """The status of ``financing`` at ``as_of`` as it was known at ``known_at``; None for all but its bank.

    Reads in the caller's transaction; some milliseconds. Raises Unreadable.
    """
    adapt(session)
    own = financing_id(financing)
    hold = lifecycle.holds(rulings_of(session, [own])).get(financing)
    if hold is None or hold.bank != asked_by:
        return None
    groups = canonical(session, cargo_of(session, [own]))
    rows = session.cursor(binary=True, row_factory=tuple_row).execute(
        statement("financings_on"), {"ids": uuids(groups)}
    )
    involved = {own, *(row[0] for row in rows.fetchall())}
    evidence = _evidence(session, groups, involved, hold, as_of, known_at, registry)
    rulings = rulings_of(session, involved)
    return status(financing, asked_by, rulings, evidence.record, evidence.cargo, as_of, known_at, table)


def _evidence(
    session: Session,
    groups: list[bytes],
    involved: set[bytes],
    hold: lifecycle.Hold,
    as_of: Micros,
    known_at: Micros,
    registry: Registry | None,
) -> Evidence:
    subjects = {*involved, application_id(hold.terms.application)}
    known = registry_store.look(session) if registry is None else registry
    return gather_evidence(session, groups, subjects, known, as_of, known_at)
