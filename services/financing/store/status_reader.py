"""Answers to a bank on its own financing, read from the store without locking anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.financing.domain import lifecycle, uniqueness
from services.financing.domain.cargo import Cargo
from services.financing.domain.decisions import Ruling
from services.financing.domain.products import Products, products
from services.financing.domain.requests import Book, Reply
from services.financing.domain.reservation import encumbrance
from services.financing.domain.statements import Word, live
from services.financing.domain.status import Status, status
from services.financing.domain.uniqueness import Entry, Verdict
from services.financing.store import statement
from services.financing.store.evidence import Evidence, canonical, gather_evidence
from services.financing.store.financings import cargo_of, entries_of, entries_under, rulings_of
from services.financing.store.identifiers import application_id, financing_id
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage.arrays import adapt, uuids

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Looked:
    """A status with what it was taken from: the cargo, the words that count, and every decision involved."""

    status: Status
    cargo: tuple[Cargo, ...]
    words: tuple[Word, ...]
    rulings: tuple[Ruling, ...]


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
    looked = look(session, financing, asked_by, as_of, known_at, registry, table)
    return None if looked is None else looked.status


def look(
    session: Session,
    financing: str,
    asked_by: str,
    as_of: Micros,
    known_at: Micros,
    registry: Registry | None = None,
    table: Products | None = None,
) -> Looked | None:
    """The same with what it was taken from."""
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
    found = status(financing, asked_by, rulings, evidence.record, evidence.cargo, as_of, known_at, table)
    if found is None:
        return None
    book = Book(words=live(evidence.record, as_of, known_at), cargo=evidence.cargo)
    return Looked(found, evidence.cargo, book.about(hold), rulings)


def encumbered(session: Session, financing: str, at: Micros) -> Reply:
    """Whether the interest of ``financing`` is taken: by itself (OWN), by somebody else (TAKEN), by nobody (FREE).

    Nobody else is named, nor told of. Other registries are not asked.
    """
    own = [print_ for name, print_ in entries_of(session, [financing_id(financing)]) if name == financing]
    met = entries_under(session, own)
    known = rulings_of(session, {financing_id(name) for name, _ in met} | {financing_id(financing)})
    holds = lifecycle.holds(known, at)
    table = products()
    entries = [
        Entry(print_, encumbrance(name, hold.terms, table[hold.terms.product]))
        for name, print_ in met
        if (hold := holds.get(name)) is not None and hold.held(at) and hold.terms.product in table.rows
    ]
    hold = holds[financing]
    wanted = encumbrance(financing, hold.terms, table[hold.terms.product])
    checked = uniqueness.check(wanted, own, entries)
    gravest = checked.gravest
    if hold.held(at):
        return Reply("OWN", match="EXACT")
    if checked.verdict is Verdict.CLEAR or gravest is None:
        return Reply("FREE", match="NONE")
    return Reply("TAKEN" if checked.verdict is Verdict.TAKEN else "REVIEW", match=str(gravest.match))


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
    known = registry_store.read_snapshot(session) if registry is None else registry
    return gather_evidence(session, groups, subjects, known, as_of, known_at)
