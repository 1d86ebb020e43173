"""What a spool holds, told to a person: what waits, since when, and what the broker acknowledged last.

It looks without the spool's lock, so it also answers while a publisher works.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that the broker has not acknowledged; ``queued_us`` is when it was spooled, UTC microseconds."""

    id: str
    type: str
    topic: str
    queued_us: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An event at its place in the log, and when the broker acknowledged it, UTC microseconds."""

    id: str
    type: str
    topic: str
    partition: int
    offset: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Status:
    """Counts, the oldest that wait, and the last acknowledged, if any."""

    waiting: int
    acknowledged: int
    corrections: int
    oldest: tuple[Waiting, ...]
    last: Acknowledged | None


def status(path: Path, limit: int = 10) -> Status:
    """The status of the spool at ``path``, with up to ``limit`` of the oldest waiting; empty where there is none."""
    if not path.exists():
        return Status(0, 0, 0, (), None)
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA query_only = ON")
        waiting, acknowledged = db.execute(
            "SELECT count(*) FILTER (WHERE offset IS NULL), count(offset) FROM message"
        ).fetchone()
        (corrections,) = db.execute("SELECT count(*) FROM amendment").fetchone()
        oldest = db.execute(
            "SELECT headers, topic, queued_us FROM message WHERE offset IS NULL ORDER BY seq LIMIT ?",
            (limit,),
        ).fetchall()
        last = db.execute(
            "SELECT headers, topic, partition, offset, acknowledged_us FROM message WHERE offset IS NOT NULL"
            " ORDER BY acknowledged_us DESC, seq DESC LIMIT 1"
        ).fetchone()
    finally:
        db.close()
    return Status(
        waiting,
        acknowledged,
        corrections,
        tuple(Waiting(*_named(headers), topic, at) for headers, topic, at in oldest),
        None if last is None else Acknowledged(*_named(last[0]), *last[1:]),
    )


def _named(headers: str) -> tuple[str, str]:
    found = dict(json.loads(headers))
    return found["ce_id"], found["ce_type"]
