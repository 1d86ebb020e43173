"""The book of a decision: everything that it rests on, asked for at once behind the locks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.core.facts import Micros
from services.core.objects import Thing
from services.named_sql import nested
from services.processors.financing import lifecycle
from services.processors.financing.asking import Ask, Book
from services.processors.financing.cargo import Cargo
from services.processors.financing.external import Answer, Finding
from services.processors.financing.fingerprints import Fingerprint
from services.processors.financing.products import Products
from services.processors.financing.reserving import encumbrance
from services.processors.financing.store.evidence import Spoken, evidence_of
from services.processors.financing.store.holding import Held, financings_of
from services.processors.financing.store.kept import cargo_in, held_in, met_in
from services.processors.financing.store.names import application_id, financing_id, note_id
from services.processors.financing.store.rows import ruling_of
from services.processors.financing.store.statements import statement
from services.processors.financing.uniqueness import Entry
from services.processors.financing.words import live
from services.registry.registry import Registry
from services.storage import reading
from services.storage.arrays import uuids

Session = Connection[Any]
Rows = Cursor[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is looked at: with the things that it names and the fingerprints of its papers, if it has any."""

    ask: Ask
    on: Sequence[Thing]
    prints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """What was found: the rows that each question gave. ``before`` are the subjects whose words were asked for."""

    cargo: Rows | None
    own: Rows | None
    met: Rows
    rulings: Rows
    external: Rows
    earlier: Rows
    facts: Rows
    words: Rows
    before: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Found:
    """The book, and the consignments that the request is about, as named or as reserved on."""

    book: Book
    things: tuple[Thing, ...]


def read_book(
    session: Session,
    asked: Asked,
    held: Held,
    registry: Registry,
    at: Micros,
    table: Products,
    required: frozenset[str],
) -> Found:
    """Read what is locked by ``held``, in one round trip; a second one where the cargo's notes are not among the papers."""
    ask = asked.ask
    with session.pipeline():  # nothing of it depends on the answer to another
        opened = _open(session, asked, held)
    things = tuple(sorted(asked.on)) if opened.cargo is None else cargo_in(opened.cargo.fetchall())
    prints = asked.prints
    if opened.own is not None:
        prints = tuple(print_ for name, print_ in held_in(opened.own.fetchall()) if name == ask.financing)
    entries = met_in(opened.met.fetchall(), prints)
    rulings = tuple(map(ruling_of, opened.rulings.fetchall()))
    holds = lifecycle.holds(rulings)
    subjects = {*held.involved, *_applications(ask, holds.values())}
    evidence = evidence_of(
        session,
        held.consignments,
        _stored(opened.facts),
        subjects,
        registry,
        at,
        spoken=Spoken(opened.before | subjects, _stored(opened.words)),
    )
    earlier = opened.earlier.fetchone()
    book = Book(
        rulings=rulings,
        words=live(evidence.record, at, at),
        cargo=evidence.cargo if _whole(things, evidence.cargo) else (),
        prints=prints,
        entries=tuple(
            Entry(print_, encumbrance(name, holds[name].terms, table[holds[name].terms.product]))
            for name, print_ in entries
            if name in holds
        ),
        external=tuple(
            Answer(name, Finding(finding), at) for name, finding, at in opened.external.fetchall()
        ),
        required=required,
        earlier=None if earlier is None else ruling_of(earlier),
    )
    return Found(book, things)


def _open(session: Session, asked: Asked, held: Held) -> Opened:
    ask = asked.ask
    named = uuids(sorted(financings_of(ask)))
    involved = uuids(held.involved)
    # Its papers name the notes of the cargo, if the request is a fair one.
    notes = {note_id(canonical_key(ObjectKind.NOTE, note.key)) for note in ask.papers.notes}
    before = frozenset({*held.involved, *_applications(ask, ()), *notes})
    own = financing_id(ask.financing).hex() if ask.financing else None
    digests = uuids(sorted({each.digest for each in asked.prints}))
    repeated = {
        "asked_by": ask.asked_by,
        "idempotency": ask.idempotency,
        "request": None if ask.request is None else ask.request.hex(),
    }

    def rows(query: bytes, parameters: dict[str, Any]) -> Rows:
        return session.cursor(binary=True, row_factory=tuple_row).execute(query, parameters)

    return Opened(
        cargo=None if asked.on else rows(statement("cargo_of"), {"financings": named}),
        own=None if asked.prints else rows(statement("entries_of"), {"financings": named}),
        met=rows(_entries_sought(), {"digests": digests, "own": own}),
        rulings=rows(statement("decisions_of"), {"financings": involved}),
        external=rows(statement("external"), {"financing": own}),
        earlier=rows(statement("decision_asked"), repeated),
        facts=reading.ask_facts(session, held.consignments),
        words=rows(_words_involved(), {"subjects": uuids(sorted(before)), "involved": involved}),
        before=before,
    )


@cache
def _entries_sought() -> bytes:
    """What is held under the fingerprints given, or under those of the financing itself."""
    return nested(statement("entries"), digests=statement("digests_sought"))


@cache
def _words_involved() -> bytes:
    """The words on subjects and on the applications of the financings involved."""
    return nested(statement("words_read"), subjects=statement("subjects_involved"))


def _applications(ask: Ask, holds: Iterable[lifecycle.Hold]) -> set[bytes]:
    names = {hold.terms.application for hold in holds}
    return {application_id(name) for name in names | ({ask.terms.application} if ask.terms else set())}


def _stored(cursor: Rows) -> list[reading.Stored]:
    return [reading.stored_of(row) for row in cursor.fetchall()]


def _whole(things: Sequence[Thing], cargo: Iterable[Cargo]) -> bool:
    """Whether each thing that was named is, or leads to, a consignment that is founded and known."""
    known = frozenset[Thing]().union(*(each.things for each in cargo))
    return bool(things) and all(thing in known for thing in things)
