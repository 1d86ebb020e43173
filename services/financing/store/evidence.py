"""The evidence of a decision or a status: the cargo as derived from stored events, and the statements on its subjects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.derive import view_of
from services.domain.evidence import group_evidence
from services.domain.facts import FOREVER, Facts, Micros
from services.domain.interpretation import Attribution
from services.financing.domain.cargo import Cargo, Report
from services.financing.domain.statements import Record, read
from services.financing.store import statement
from services.financing.store.identifiers import note_id
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, decode_stored, reread
from services.query.views import facts_of

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cargo of some consignments, and all statements on them and on some subjects.

    ``reports`` are the facts of each event that was read, ``facts`` those of all that count.
    """

    cargo: tuple[Cargo, ...]
    record: Record
    reports: tuple[Report, ...] = ()
    facts: Facts = field(default_factory=Facts)


def gather_evidence(
    session: Session,
    consignments: Sequence[bytes],
    subjects: Iterable[bytes],
    registry: Registry,
    as_of: Micros,
    known_at: Micros = FOREVER,
) -> Evidence:
    """Read, in the caller's transaction, what concerns ``consignments`` and ``subjects``: as of ``as_of``, known by ``known_at``.

    A constant number of statements; some milliseconds for an ordinary consignment. Raises Unreadable.
    """
    loaded = event_reader.load_facts(session, consignments) if consignments else []
    return evidence_of(session, consignments, loaded, subjects, registry, as_of, known_at)


class LoadedStatements(NamedTuple):
    """Stored statements on some subjects that were read beforehand."""

    subjects: frozenset[bytes] = frozenset()
    events: Sequence[Stored] = ()


def evidence_of(
    session: Session,
    consignments: Sequence[bytes],
    loaded: Sequence[Stored],
    subjects: Iterable[bytes],
    registry: Registry,
    as_of: Micros,
    known_at: Micros = FOREVER,
    loaded_statements: LoadedStatements = LoadedStatements(),
) -> Evidence:
    """The same from facts ``loaded`` already, and perhaps some statements; missing ones are read."""
    events = [reread(s, registry) for s in loaded if s.append_us <= known_at]
    facts = facts_of(events)
    cargo = []
    for consignment in consignments:
        founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
        gathered = None if founded is None else group_evidence(facts, founded, as_of)
        if gathered is not None:
            cargo.append(Cargo.of(view_of(facts, gathered, as_of), gathered, facts.links))
    wanted = {*subjects, *(note_id(note) for each in cargo for note in each.notes)}
    if not loaded_statements.subjects <= wanted:
        loaded_statements = (
            LoadedStatements()
        )  # it may hold statements on subjects that turned out not to belong here
    further = load_statements(session, missing) if (missing := wanted - loaded_statements.subjects) else ()
    known = {event.stored.no for event in events}
    more = {stored.no: stored for stored in (*loaded_statements.events, *further) if stored.no not in known}
    spoken_of = statements_in((stored for _, stored in sorted(more.items())), registry, known_at)
    # Also of what was set aside since: a key that turns out stolen lifts no block.
    reports = (Report(event.stored.append_us, event.facts) for event in events)
    return Evidence(tuple(cargo), Record.all([*map(_record_of, events), spoken_of]), tuple(reports), facts)


def statements_about(
    session: Session, subjects: Iterable[bytes], registry: Registry, known_at: Micros = FOREVER
) -> Record:
    """The statements on financings, applications and notes (16-byte ids), known by ``known_at``. Raises Unreadable."""
    return statements_in(load_statements(session, subjects), registry, known_at)


def statements_in(events: Iterable[Stored], registry: Registry, known_at: Micros = FOREVER) -> Record:
    """The statements of ``events`` as far as they were known by ``known_at``. Raises Unreadable."""
    return Record.all(
        read(relevant.statement, relevant.stored.content, relevant.payload, relevant.stored.append_us)
        for relevant in (
            decode_stored(stored, registry)
            for stored in events
            if stored.append_us <= known_at and not stored.quarantined
        )
    )


def load_statements(session: Session, subjects: Iterable[bytes]) -> list[Stored]:
    """The events on ``subjects`` (16-byte ids) with what withdraws them, in order."""
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    cursor.execute(statement("words_read"), {"subjects": uuids(sorted(set(subjects)))})
    return [event_reader.stored_of(row) for row in cursor.fetchall()]


def _record_of(event: Reread) -> Record:
    if event.stored.quarantined:
        return Record()
    verified = event.admitted.verified
    envelope = verified.envelope
    statement_ = Attribution(
        verified.event, envelope.source, verified.party.publisher, envelope.published_micros
    )
    return read(statement_, verified.content, event.admitted.payload, event.stored.append_us)
