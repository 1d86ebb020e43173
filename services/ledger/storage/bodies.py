"""Events as they were published, and the partitions that hold them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.ledger.admission.raw_bytes import frame
from services.ledger.storage.batch import MOST_EVENTS, Body, Event
from services.ledger.storage.session import Session
from services.ledger.storage.words import key_number
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
_PLACE = 6
"""Bytes of the partition, which is packed in front of the message."""


def packed_body(event: Event) -> Body:
    """The row of ``event``; struct.error where it does not fit the table."""
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

    A block lies in one partition, which takes the rows without looking for theirs. Returns the digest of what the platform
    says of them (``admissions``).
    """
    if not events:
        return admissions(())
    numbers = {name: _TOPIC(2, no) for name, no in topics.items()}
    pieces: list[bytes] = []
    said: list[bytes] = []
    for no, event in events:
        before, after = event.body or packed_body(event)
        number, topic = _NUMBER(12, 8, no), numbers[event.record.topic]
        pieces += (number, before, topic, after)
        said.append(b"".join((number, before, topic, after[:_PLACE])))
    work.copy(f"COPY lianyun.body_{events[0][0] // SPAN} FROM STDIN BINARY".encode(), pieces)
    return admissions(said)


def admissions(said: Iterable[bytes]) -> bytes:
    """The digest of what the platform says of the events of one block, in the order of their numbers."""
    return hashlib.sha256(b"".join(said)).digest()


def admission(
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
    """What the platform says of one event, from its row; ``key`` is the key's number. struct.error where it fits no row."""
    before = _BEFORE(8, appended, 8, offset, 8, key, 16, id_, 16, content, 4, registry, 2, rules)
    return b"".join((_NUMBER(12, 8, no), before, _TOPIC(2, topic), _PART(2, part)))


def batch_digest(said: bytes, xid: int, first: int, events: int, taken: int, at: int) -> bytes:
    """The digest of a batch: of its ``admissions`` and its own row, as ``put_batch`` makes it; ``at`` UTC microseconds."""
    return hashlib.sha256(said + f"{xid} {first} {events} {taken} {at}".encode()).digest()


def topic_numbers(session: Session, names: Iterable[str]) -> dict[str, int]:
    """The numbers of topics, given to those that have none; in the caller's transaction."""
    wanted = sorted(set(names))
    parameters: dict[str, Any] = {"names": wanted}
    session.execute(
        "INSERT INTO lianyun.topic (name) SELECT n FROM unnest(%(names)s::text[]) AS n ON CONFLICT DO NOTHING",
        parameters,
    )
    rows = session.execute("SELECT name, no FROM lianyun.topic WHERE name = ANY (%(names)s)", parameters)
    return dict(rows.fetchall())


def prepare_partitions(session: Session, ahead: int = _AHEAD) -> int:
    """Make the partitions that the next ``ahead`` event numbers need; return the first number without one. Commits.

    Writers go on meanwhile: a partition is made beside the table and attached under a lock that does not stop them.
    """
    session.execute("SELECT pg_advisory_xact_lock(hashtext('lianyun.body'))")
    row = session.execute(
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lianyun.event_block"
    ).fetchone()
    assert row is not None
    last = (row[0] + ahead) // SPAN
    for index in range(row[0] // SPAN, last + 1):
        # By a function that runs as the table's owner: a worker may write, not make tables.
        session.execute(
            "SELECT lianyun.make_body_partition(%s, %s, %s)", (index, index * SPAN, (index + 1) * SPAN)
        )
    session.commit()
    return int((last + 1) * SPAN)
