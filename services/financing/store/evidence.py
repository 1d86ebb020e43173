"""The evidence of a decision or a status: the cargo as derived from stored events, and the statements on its subjects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.documents.domain.originals import ControlledOriginal, original_of
from services.documents.store.registers import registers_over
from services.domain.derive import view_of
from services.domain.evidence import group_evidence
from services.domain.facts import FOREVER, Facts, Micros
from services.domain.objects import Thing, consignment
from services.domain.relevance import of_named
from services.financing.domain.assignments import LEADING, KnownAssignments
from services.financing.domain.cargo import Cargo, Report
from services.financing.domain.followed_goods import FollowedGoods, follow
from services.financing.domain.pledged_goods import Pledge
from services.financing.domain.statements import Record, read
from services.financing.store import statement
from services.financing.store.identifiers import note_id
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, decode_stored, reread
from services.query.views import facts_of

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The goods of some consignments, and all statements on them and on some subjects.

    ``reports`` are the facts of each event that was read, ``facts`` those of all that count; none for the goods of a pledge.
    """

    goods: FollowedGoods
    record: Record
    reports: tuple[Report, ...] = ()
    facts: Facts = field(default_factory=Facts)

    @property
    def cargo(self) -> tuple[Cargo, ...]:
        """The cargo of the consignments."""
        return self.goods.cargo


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


class PledgedFinancing(NamedTuple):
    """A financing (16-byte id) that is or was pledged, and the subjects of the statements on it."""

    id: bytes
    pledge: Pledge
    subjects: frozenset[bytes]


def gather_pledged(
    session: Session,
    financings: Sequence[PledgedFinancing],
    registry: Registry,
    as_of: Micros,
    known_at: Micros,
    read: Callable[[Stored, Registry], Reread] = reread,
) -> list[Evidence]:
    """The same of the goods of each financing, in order, whatever consignment names them by now.

    A constant number of statements for all, each event read once; the facts grow with what is said of the goods and of what shares a
    box or note with them until the pledge ends. Raises Unreadable.
    """
    numbers = _numbers_of_pledged(session, financings)
    events = {
        stored.no: read(stored, registry)
        for stored in event_reader.events_of_walks(session, sorted({no for nos in numbers for no in nos}))
        if stored.append_us <= known_at
    }
    own = [[events[no] for no in nos if no in events] for nos in numbers]
    followed = [
        follow(_reports_of_named(facts), each.pledge, as_of)
        for each, facts in zip(financings, own, strict=True)
    ]
    subjects = [each.subjects | _notes(goods) for each, goods in zip(financings, followed, strict=True)]
    stated = load_statements_of_each(session, subjects)
    records = {no: record_of(event) for no, event in events.items()}
    found = []
    for goods, each, nos, loaded in zip(followed, own, numbers, stated, strict=True):
        known = frozenset(nos)
        further = statements_in((one for one in loaded if one.no not in known), registry, known_at)
        of_facts = (records[event.stored.no] for event in each)
        found.append(Evidence(goods, Record.all([*of_facts, further])))
    return found


def _reports_of_named(events: Sequence[Reread]) -> tuple[Report, ...]:
    """``reports_of`` without the facts about what only travels beside."""
    named = of_named([event.indexed for event in events])
    return tuple(
        Report(event.stored.append_us, facts, event.stored.quarantined)
        for event, facts in zip(events, named, strict=True)
    )


def _numbers_of_pledged(session: Session, financings: Sequence[PledgedFinancing]) -> list[list[int]]:
    """Of each financing the numbers of the events that may concern its goods, in order; one statement."""
    parameters = {
        "financings": uuids([each.id for each in financings]),
        "sinces": bigints([each.pledge.since for each in financings]),
        "untils": bigints([each.pledge.until for each in financings]),
    }
    return [nos or [] for (nos,) in event_reader.walk_rows(session, pledged_query(), parameters)]


@cache
def pledged_query() -> bytes:
    """For each pledged financing a row with the numbers of the events that may concern its goods."""
    return b"\n".join(
        (
            b"SELECT f.nos",
            b"FROM unnest(%(financings)s::uuid[], %(sinces)s::bigint[], %(untils)s::bigint[])",
            b"WITH ORDINALITY AS g (financing, since, until, place) CROSS JOIN LATERAL (",
            event_reader.numbers_query(False, statement("pledged_walk")),
            b") AS f ORDER BY g.place",
        )
    )


def _notes(goods: FollowedGoods) -> frozenset[bytes]:
    return frozenset(note_id(note) for each in goods.cargo for note in each.notes)


def reports_of(events: Iterable[Reread]) -> tuple[Report, ...]:
    """The facts of each event; also of what was set aside since: a key that turns out stolen lifts no block."""
    return tuple(Report(event.stored.append_us, event.facts, event.stored.quarantined) for event in events)


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
    goods = FollowedGoods(tuple(_cargo(consignments, facts, as_of)))
    wanted = {*subjects, *_notes(goods)}
    if not loaded_statements.subjects <= wanted:
        loaded_statements = (
            LoadedStatements()
        )  # it may hold statements on subjects that turned out not to belong here
    further = load_statements(session, missing) if (missing := wanted - loaded_statements.subjects) else ()
    known = {event.stored.no for event in events}
    more = {stored.no: stored for stored in (*loaded_statements.events, *further) if stored.no not in known}
    spoken_of = statements_in((stored for _, stored in sorted(more.items())), registry, known_at)
    return Evidence(goods, Record.all([*map(record_of, events), spoken_of]), reports_of(events), facts)


def with_originals(session: Session, evidence: Sequence[Evidence], at: Micros) -> list[Evidence]:
    """Each ``evidence`` with the originals of the register of documents over its cargo, by the transfers up to ``at`` that are effective.

    One statement where there are none. Raises LogRefused, BrokenChain.
    """
    members = {member for one in evidence for each in one.cargo for member in each.members}
    ids = sorted({consignment(*member.split("/", 1)).id for member in members})
    registers = registers_over(session, ids) if ids else ()
    found = [original for each in registers if (original := original_of(each, at)) is not None]
    return [_with_originals(each, found) for each in evidence] if found else list(evidence)


def _with_originals(evidence: Evidence, found: Sequence[ControlledOriginal]) -> Evidence:
    cargo = tuple(
        replace(each, originals=tuple(o for o in found if o.consignment in each.members))
        for each in evidence.cargo
    )
    return replace(evidence, goods=replace(evidence.goods, cargo=cargo))


def _cargo(consignments: Iterable[bytes], facts: Facts, as_of: Micros) -> Iterator[Cargo]:
    for id_ in consignments:
        founded = next((f.consignment for f in facts.foundings if f.consignment.id == id_), None)
        gathered = None if founded is None else group_evidence(facts, founded, as_of)
        if gathered is not None:
            yield Cargo.of(view_of(facts, gathered, as_of), gathered, facts.links)


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


def load_statements_of_each(session: Session, subjects: Sequence[Collection[bytes]]) -> list[list[Stored]]:
    """``load_statements`` of each set of ``subjects``, in order; two statements for all."""
    pairs = [(place, subject) for place, own in enumerate(subjects) for subject in sorted(own)]
    given = {"places": bigints([place for place, _ in pairs]), "subjects": uuids([each for _, each in pairs])}
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    rows = cursor.execute(statement("words_of_each"), given).fetchall()
    wanted = sorted({no for _, no in rows})
    events = {stored.no: stored for stored in event_reader.events_of_walks(session, wanted)}
    found: list[list[Stored]] = [[] for _ in subjects]
    for place, no in rows:
        found[place].append(events[no])
    return found


def record_of(event: Reread) -> Record:
    """What a stored event states to financing; nothing where it is quarantined."""
    if event.stored.quarantined:
        return Record()
    return read(event.statement, event.stored.content, event.payload, event.stored.append_us)


def known_assignments(
    session: Session, evidence: Evidence, consignments: Sequence[bytes], registry: Registry, at: Micros
) -> KnownAssignments:
    """What assigns the boxes and papers of ``consignments``, to them and to others, as known at ``at``.

    What else they are assigned to is read only where a link leads elsewhere, which is rare. ``evidence`` is what is read of them, with the links of everything that leads there. Raises Unreadable.
    """
    if not _elsewhere(evidence.facts, evidence.cargo):
        return KnownAssignments(evidence.facts, evidence.record.railways)
    rows = session.execute(statement("assigned_elsewhere"), {"ids": uuids(sorted(consignments))}).fetchall()
    stored = event_reader.with_withdrawals(session, [no for (no,) in rows])
    events = [reread(each, registry) for each in stored if each.append_us <= at]
    railways = evidence.record.railways | railways_of(events)
    return KnownAssignments(evidence.facts | facts_of(events), railways)


def railways_of(events: Iterable[Reread]) -> frozenset[str]:
    """The publishers of ``events`` that are registered as railways."""
    return frozenset[str]().union(*(record_of(event).railways for event in events))


def _elsewhere(facts: Facts, cargo: Iterable[Cargo]) -> bool:
    """Whether a link leads from what belongs to the cargo to something else."""
    links = [link for link in facts.links if link.kind in LEADING]
    into: dict[Thing, list[Thing]] = {}
    for link in links:
        into.setdefault(link.right, []).append(link.left)
    own = {consignment(*key.split("/", 1)) for each in cargo for key in each.members}
    todo = list(own)
    while todo:
        for thing in into.get(todo.pop(), ()):
            if thing not in own:
                own.add(thing)
                todo.append(thing)
    return any(link.left in own and link.right not in own for link in links)
