"""What a decision or a status looks at, read from the store: the cargo as the heart derives it, and words about financing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.derive import view_of
from services.domain.evidence import gather
from services.domain.facts import FOREVER, Micros
from services.domain.interpretation import Statement
from services.domain.objects import Thing
from services.financing.domain.cargo import Cargo
from services.financing.domain.goods import Report
from services.financing.domain.statements import Record, read
from services.financing.store import statement
from services.financing.store.identifiers import note_id
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, hear, reread
from services.query.views import facts_of

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cargo of some consignments and everything that was said to financing about them and about some subjects.

    ``reports`` is what each of the facts states that were looked at.
    """

    cargo: tuple[Cargo, ...]
    record: Record
    reports: tuple[Report, ...] = ()


def canonical(session: Session, things: Iterable[Thing]) -> list[bytes]:
    """The groups that consignments belong to, by their canonical ids, in order; what was never founded has none."""
    found: dict[bytes, None] = {}
    for thing in things:
        found.update(dict.fromkeys(event_reader.consignments_of(session, thing.kind, thing.key)))
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
    loaded = event_reader.load_facts(session, consignments) if consignments else []
    return evidence_of(session, consignments, loaded, subjects, registry, as_of, known_at)


class Spoken(NamedTuple):
    """What was read beforehand of words about some subjects."""

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
    spoken: Spoken = Spoken(),
) -> Evidence:
    """The same with the facts ``loaded`` already, and perhaps some words; what is missing of these is read."""
    events = [reread(s, registry) for s in loaded if s.append_us <= known_at]
    facts = facts_of(events)
    cargo = []
    for consignment in consignments:
        founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
        gathered = None if founded is None else gather(facts, founded, as_of)
        if gathered is not None:
            cargo.append(Cargo.of(view_of(facts, gathered, as_of), gathered, facts.links))
    wanted = {*subjects, *(note_id(note) for each in cargo for note in each.notes)}
    if not spoken.subjects <= wanted:
        spoken = Spoken()  # it may hold words about what turned out not to belong here
    further = words_of(session, missing) if (missing := wanted - spoken.subjects) else ()
    known = {event.stored.no for event in events}
    more = {stored.no: stored for stored in (*spoken.events, *further) if stored.no not in known}
    spoken_of = words_in((stored for _, stored in sorted(more.items())), registry, known_at)
    # Also of what was set aside since: a key that turns out stolen lifts no block.
    reports = (Report(event.stored.append_us, event.facts) for event in events)
    return Evidence(tuple(cargo), Record.all([*map(_said, events), spoken_of]), tuple(reports))


def words_about(
    session: Session, subjects: Iterable[bytes], registry: Registry, known_at: Micros = FOREVER
) -> Record:
    """What was said of financings, applications and notes (16-byte ids), known by ``known_at``; raises Unreadable."""
    return words_in(words_of(session, subjects), registry, known_at)


def words_in(events: Iterable[Stored], registry: Registry, known_at: Micros = FOREVER) -> Record:
    """What ``events`` say to financing, as far as they were known by ``known_at``; raises Unreadable."""
    return Record.all(
        read(heard.statement, heard.stored.content, heard.payload, heard.stored.append_us)
        for heard in (
            hear(stored, registry)
            for stored in events
            if stored.append_us <= known_at and not stored.quarantined
        )
    )


def words_of(session: Session, subjects: Iterable[bytes]) -> list[Stored]:
    """The events on ``subjects`` (16-byte ids) with what withdraws them, in order."""
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    cursor.execute(statement("words_read"), {"subjects": uuids(sorted(set(subjects)))})
    return [event_reader.stored_of(row) for row in cursor.fetchall()]


def _said(event: Reread) -> Record:
    if event.stored.quarantined:
        return Record()
    verified = event.admitted.verified
    envelope = verified.envelope
    statement_ = Statement(
        verified.event, envelope.source, verified.party.publisher, envelope.published_micros
    )
    return read(statement_, verified.content, event.admitted.payload, event.stored.append_us)
