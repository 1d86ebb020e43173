"""The durable spool: signed events wait on disk until the broker has acknowledged them.

An event is signed once and kept as bytes; a crash, a broker outage or a second run of the same file sends those same
bytes again and never others, so nothing is lost and a repetition is recognised as one. SQLite in WAL mode with
synchronous=FULL: what ``put`` returned is on disk. One process at a time may hold a spool.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    headers TEXT NOT NULL,
    value BLOB NOT NULL,
    partition INTEGER,
    offset INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS waiting ON message (seq) WHERE offset IS NULL;
"""


class SpoolBusy(Exception):
    """Another process publishes from this spool."""


class Put(StrEnum):
    """What became of an event offered to the spool."""

    QUEUED = "queued"
    ALREADY = "already"  # the same event was spooled before
    DIFFERENT = "different"  # the id was spooled with other content: sending it would be equivocation


@dataclass(frozen=True, slots=True)
class Message:
    """A signed event as it goes to Kafka."""

    identity: bytes
    digest: bytes
    topic: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class Spool:
    """A partner's spool in one file; use as a context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SpoolBusy(f"another process publishes from {path}; wait for it or stop it") from None
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._lock.close()

    def known(self, identity: bytes) -> bytes | None:
        """The content digest under which ``identity`` was spooled before, or None."""
        row = self._db.execute("SELECT digest FROM message WHERE identity = ?", (identity,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, messages: Sequence[Message]) -> list[Put]:
        """Store ``messages`` in one transaction; on return they are on disk."""
        outcomes = []
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for message in messages:
                present = self.known(message.identity)
                if present is not None:
                    outcomes.append(Put.ALREADY if present == message.digest else Put.DIFFERENT)
                    continue
                headers = json.dumps([[name, value.decode()] for name, value in message.headers])
                self._db.execute(
                    "INSERT INTO message (identity, digest, topic, key, headers, value) VALUES (?, ?, ?, ?, ?, ?)",
                    (message.identity, message.digest, message.topic, message.key, headers, message.value),
                )
                outcomes.append(Put.QUEUED)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return outcomes

    def waiting(self, after: int, limit: int) -> list[tuple[int, Message]]:
        """Up to ``limit`` unacknowledged messages behind sequence number ``after``, oldest first."""
        rows = self._db.execute(
            "SELECT seq, identity, digest, topic, key, headers, value FROM message"
            " WHERE offset IS NULL AND seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [
            (seq, Message(identity, digest, topic, key, _headers(headers), value))
            for seq, identity, digest, topic, key, headers, value in rows
        ]

    def acknowledge(self, places: Iterable[tuple[int, int, int]]) -> None:
        """Mark (seq, partition, offset) as acknowledged by the broker."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "UPDATE message SET partition = ?2, offset = ?3 WHERE seq = ?1 AND offset IS NULL", list(places)
        )
        self._db.execute("COMMIT")

    def counts(self) -> tuple[int, int]:
        """(waiting, acknowledged)."""
        row = self._db.execute(
            "SELECT count(*) FILTER (WHERE offset IS NULL), count(offset) FROM message"
        ).fetchone()
        return int(row[0]), int(row[1])


def _headers(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode()) for name, value in json.loads(text))
