"""Events as they were published, and the partitions that hold them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from services.admission.raw import frame
from services.storage.batch import MOST_EVENTS, Event
from services.storage.session import Session
from services.storage.words import key_number
from services.storage.work import Work

SPAN = 1 << 24
"""Event numbers per partition: 4,096 blocks, some eight million events."""
_AHEAD = 256 * MOST_EVENTS
_BODY = struct.Struct(">hiqiqiqiqi16si16siiihihihi").pack
_LENGTH = struct.Struct(">i").pack


def put_bodies(work: Work, events: Iterable[tuple[int, Event]], topics: Mapping[str, int]) -> None:
    """Store messages under their numbers, all of one block; ``topics`` gives each topic's number.

    A block lies in one partition, which takes the rows without looking for theirs.
    """
    rows = list(events)
    if rows:
        into = f"COPY lianyun.body_{rows[0][0] // SPAN} FROM STDIN BINARY".encode()
        work.copy(into, (_packed(no, event, topics[event.record.topic]) for no, event in rows))


def _packed(no: int, event: Event, topic: int) -> bytes:
    record, headers = event.record, frame(event.record.headers)
    return b"".join(
        (
            _BODY(
                12, 8, no, 8, record.appended, 8, record.offset, 8, key_number(event.key_id), 16, event.id,
                16, event.content, 4, event.registry, 2, event.rules, 2, topic, 2, record.partition, len(headers),
            ),
            headers,
            _LENGTH(len(event.payload)),
            event.payload,
        )
    )  # fmt: skip


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
