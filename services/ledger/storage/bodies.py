"""Messages as published, their traces, and the partitions that hold them; and the packing of events before their transaction."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import sql

from schemas.trace_context import TraceContext, trace_of
from services.ledger.admission.raw_bytes import frame
from services.ledger.storage.arrays import adapt, bigints
from services.ledger.storage.batch import MOST_EVENTS, Body, Event
from services.ledger.storage.platform_events import record_platform_event
from services.ledger.storage.rows import state_rows
from services.ledger.storage.session import Session
from services.ledger.storage.term_numbers import key_number
from services.ledger.storage.work import Work

SPAN = 1 << 24
"""Event numbers per partition: 4,096 blocks, some eight million events."""
_AHEAD = 256 * MOST_EVENTS
_NUMBER = struct.Struct(">hiq").pack
_BEFORE = struct.Struct(">iqiqiqi16si16siiih").pack
_TOPIC = struct.Struct(">ih").pack
_AFTER = struct.Struct(">ihi").pack
_LENGTH = struct.Struct(">i").pack
_PART = struct.Struct(">ih").pack
_PART_BYTES = 6
"""Bytes of the partition, which precedes the message in the packed row."""


def packed_body(event: Event) -> Body:
    """The packed row of ``event``; struct.error where it does not fit the table."""
    record, headers = event.record, frame(event.record.headers)
    before = _BEFORE(
        8, record.appended, 8, record.offset, 8, key_number(event.key_id), 16, event.id, 16, event.content,
        4, event.registry, 2, event.rules,
    )  # fmt: skip
    payload = event.payload
    after = b"".join((_AFTER(2, record.partition, len(headers)), headers, _LENGTH(len(payload)), payload))
    return Body(before, after)


def put_bodies(work: Work, events: Sequence[tuple[int, Event]], topics: Mapping[str, int]) -> bytes:
    """Store messages under their numbers, all of one block; ``topics`` gives each topic's number.

    A block lies in one partition, into which the rows are copied directly. Returns the digest of their admissions
    (``admissions_digest``).
    """
    if not events:
        return admissions_digest(())
    numbers = {name: _TOPIC(2, no) for name, no in topics.items()}
    pieces: list[bytes] = []
    admissions: list[bytes] = []
    for no, event in events:
        before, after = event.body or packed_body(event)
        number, topic = _NUMBER(12, 8, no), numbers[event.record.topic]
        pieces += (number, before, topic, after)
        admissions.append(b"".join((number, before, topic, after[:_PART_BYTES])))
    work.copy(f"COPY lianyun.body_{events[0][0] // SPAN} FROM STDIN BINARY".encode(), pieces)
    return admissions_digest(admissions)


def admissions_digest(admissions: Iterable[bytes]) -> bytes:
    """SHA-256 over the ``admission_bytes`` of the events of one block, in order of their numbers."""
    return hashlib.sha256(b"".join(admissions)).digest()


def admission_bytes(
    no: int,
    appended: int,
    offset: int,
    key: int,
    id_: bytes,
    content: bytes,
    registry: int,
    rules: int,
    topic: int,
    part: int,
) -> bytes:
    """The admission of one event as its packed columns; ``key`` is the key's number. struct.error where a value does not fit."""
    before = _BEFORE(8, appended, 8, offset, 8, key, 16, id_, 16, content, 4, registry, 2, rules)
    return b"".join((_NUMBER(12, 8, no), before, _TOPIC(2, topic), _PART(2, part)))


def batch_digest(admissions: bytes, xid: int, first: int, events: int, taken: int, at: int) -> bytes:
    """The digest of a batch over its ``admissions_digest`` and its row, as the statement ``put_batch`` computes it; ``at`` UTC microseconds."""
    return hashlib.sha256(admissions + f"{xid} {first} {events} {taken} {at}".encode()).digest()


def topic_numbers(session: Session, names: Iterable[str]) -> dict[str, int]:
    """The numbers of topics, assigned where they have none; in the caller's transaction."""
    wanted = sorted(set(names))
    parameters: dict[str, Any] = {"names": wanted}
    session.execute(
        "INSERT INTO lianyun.topic (name) SELECT n FROM unnest(%(names)s::text[]) AS n ON CONFLICT DO NOTHING",
        parameters,
    )
    rows = session.execute("SELECT name, no FROM lianyun.topic WHERE name = ANY (%(names)s)", parameters)
    return dict(rows.fetchall())


def prepare_partitions(session: Session, ahead: int = _AHEAD) -> int:
    """Create the partitions for the next ``ahead`` event numbers; return the first number without one. Commits.

    Writers go on meanwhile: a partition is created separately and attached under a lock that does not block them.
    """
    session.execute("SELECT pg_advisory_xact_lock(hashtext('lianyun.body'))")
    row = session.execute(
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lianyun.event_block"
    ).fetchone()
    assert row is not None
    last = (row[0] + ahead) // SPAN
    for index in range(row[0] // SPAN, last + 1):
        # A function that runs as the table's owner: workers have no right to create tables.
        session.execute(
            "SELECT lianyun.make_body_partition(%s, %s, %s)", (index, index * SPAN, (index + 1) * SPAN)
        )
    session.commit()
    return int((last + 1) * SPAN)


_UNINDEXED = """
SELECT c.relname
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'lianyun.body'::regclass AND to_regclass('lianyun.redrive_request') IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM pg_index x WHERE x.indexrelid = to_regclass('lianyun.' || c.relname || '_published') AND x.indisvalid
  )
ORDER BY c.oid
"""


def index_partitions(session: Session) -> list[str]:
    """Build the index by key and append time on the partitions of older releases, which had none; returns their names.

    ``session`` commits by itself. Writers go on meanwhile; takes as long as reading each partition twice.
    """
    lacking = [str(name) for (name,) in session.execute(_UNINDEXED).fetchall()]
    for name in lacking:
        table, index = sql.Identifier("lianyun", name), sql.Identifier("lianyun", f"{name}_published")
        session.execute(
            sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(index)
        )  # of an attempt that failed
        session.execute(
            sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} (key_id, appended, no)").format(
                sql.Identifier(f"{name}_published"), table
            )
        )
    return lacking


_COPY = b"COPY lianyun.event_trace (no, trace, span, sampled) FROM STDIN BINARY"
_ROW = struct.Struct(">hiqi16si8si?").pack


def put_traces(work: Work, events: Iterable[tuple[int, Event]]) -> None:
    """Store the trace of each of the numbered ``events`` that carries one; one COPY, or none. Nothing depends on traces."""
    found = ((no, trace_of(event.record.headers)) for no, event in events)
    work.copy(_COPY, (_packed(no, context) for no, context in found if context is not None))


def traces_of(session: Session, firsts: Sequence[int], width: int = 1) -> Mapping[int, TraceContext]:
    """The traces of the events with numbers in [first, first + width) of each of ``firsts``, by number."""
    adapt(session)
    rows = session.cursor(binary=True).execute(
        "SELECT t.no, uuid_send(t.trace), int8send(t.span), t.sampled FROM unnest(%(firsts)s::bigint[]) AS f (no)"
        " CROSS JOIN LATERAL (SELECT * FROM lianyun.event_trace e WHERE e.no >= f.no AND e.no < f.no + %(width)s) AS t",
        {"firsts": bigints(sorted(firsts)), "width": width},
    )
    return {no: TraceContext(bytes(trace), bytes(span), sampled) for no, trace, span, sampled in rows}


def events_in(session: Session, trace: bytes, limit: int) -> Sequence[bytes]:
    """The 16-byte identities of accepted events of the 16-byte ``trace``, in order of their numbers, at most ``limit``."""
    adapt(session)
    rows = session.cursor(binary=True).execute(
        "SELECT b.id FROM lianyun.event_trace t JOIN lianyun.body b ON b.no = t.no"
        " WHERE t.trace = %(trace)s::uuid ORDER BY t.no LIMIT %(limit)s",
        {"trace": trace.hex(), "limit": limit},
    )
    return [row[0] for row in rows]


def _packed(no: int, context: TraceContext) -> bytes:
    return _ROW(4, 8, no, 16, context.trace, 8, context.span, 1, context.sampled)


_OLD_PARTITIONS = """
SELECT c.relname
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'lianyun.body'::regclass
ORDER BY c.oid
"""
# Of events whose messages are detached; all where none is left, since nobody writes while a partition is being detached.
_FORGET_TRACES = """
DELETE FROM lianyun.event_trace t
WHERE t.no < (SELECT coalesce(min(b.no), 9223372036854775807) FROM lianyun.body b)
"""


def detach_bodies(session: Session, before: int) -> list[str]:
    """Detach the oldest partitions of messages that were all appended before ``before`` (UTC microseconds).

    The tables stay in the database, outside all queries, to be archived or dropped; their events can no longer be proven,
    shown or replayed from here, while their identities still exclude duplicates. Their traces are deleted. Runs in the caller's
    transaction and waits for running batches. Stops at the first partition that is not old enough.
    """
    detached = []
    for (name,) in session.execute(_OLD_PARTITIONS).fetchall():
        table = sql.Identifier("lianyun", name)
        newest = session.execute(sql.SQL("SELECT max(appended) FROM {}").format(table)).fetchone()
        if newest is None or newest[0] is None or newest[0] >= before:
            break
        session.execute(sql.SQL("ALTER TABLE lianyun.body DETACH PARTITION {}").format(table))
        record_platform_event(session, "BODIES_DETACHED", {"table": name, "before": before})
        detached.append(str(name))
    if detached:
        session.execute(_FORGET_TRACES)
    return detached


def packed(event: Event) -> Event:
    """The event with its rows and its body packed, so that its transaction holds locks for less time; pure, for any thread.

    KeyError, ValueError or struct.error where the event does not fit the tables.
    """
    return Event._make((*event[:-2], state_rows(event.facts), packed_body(event)))
