"""What a decision or a status looks at, read from the store: the cargo as the heart derives it, and words about financing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.core.derive import derive
from services.core.facts import FOREVER, Micros
from services.core.gathering import gather
from services.core.interpretation import Statement
from services.core.objects import Thing
from services.processors.financing.cargo import Cargo
from services.processors.financing.store.names import note_id
from services.processors.financing.store.statements import statement
from services.processors.financing.words import Record, read
from services.query.reread import Reread, reread
from services.query.views import facts_of
from services.registry.registry import Registry
from services.storage import reading
from services.storage.arrays import uuids

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cargo of some consignments and everything that was said to financing about them and about some subjects."""

    cargo: tuple[Cargo, ...]
    record: Record


def canonical(session: Session, things: Iterable[Thing]) -> list[bytes]:
    """The groups that consignments belong to, by their canonical ids, in order; what was never founded has none."""
    found: dict[bytes, None] = {}
    for thing in things:
        found.update(dict.fromkeys(reading.consignments_of(session, thing.kind, thing.key)))
    return sorted(found)


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
    loaded = reading.load_facts(session, consignments) if consignments else []
    events = [reread(s, registry) for s in loaded if s.append_us <= known_at]
    facts = facts_of(events)
    cargo = []
    for consignment in consignments:
        founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
        gathered = None if founded is None else gather(facts, founded, as_of)
        view = None if founded is None else derive(facts, founded, as_of)
        if gathered is not None and view is not None:
            cargo.append(Cargo.of(view, gathered, facts.links))
    wanted = {*subjects, *(note_id(note) for each in cargo for note in each.notes)}
    more = _spoken(session, wanted, registry, known_at, {event.stored.no for event in events})
    return Evidence(tuple(cargo), _record([*events, *more]))


def words_about(
    session: Session, subjects: Iterable[bytes], registry: Registry, known_at: Micros = FOREVER
) -> Record:
    """What was said of financings, applications and notes (16-byte ids), known by ``known_at``; raises Unreadable."""
    return _record(_spoken(session, subjects, registry, known_at, frozenset()))


def _spoken(
    session: Session,
    subjects: Iterable[bytes],
    registry: Registry,
    known_at: Micros,
    known: Collection[int],
) -> list[Reread]:
    """The events on ``subjects`` with what withdraws them, but for those numbered in ``known``."""
    rows = session.cursor(binary=True, row_factory=tuple_row).execute(
        statement("words_read"), {"subjects": uuids(sorted(set(subjects)))}
    )
    found = [reading.stored_of(row) for row in rows.fetchall()]
    return [
        reread(stored, registry)
        for stored in found
        if stored.no not in known and stored.append_us <= known_at
    ]


def _record(events: Iterable[Reread]) -> Record:
    record = Record()
    for event in events:
        if not event.stored.quarantined:
            record |= _said(event)
    return record


def _said(event: Reread) -> Record:
    verified = event.admitted.verified
    envelope = verified.envelope
    statement_ = Statement(
        verified.event, envelope.source, verified.party.publisher, envelope.published_micros
    )
    return read(statement_, verified.content, event.admitted.payload, event.stored.append_us)
