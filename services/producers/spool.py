"""The durable spool: signed events are stored on disk until the broker has acknowledged them.

An event is signed once and stored as bytes; after a crash, a broker outage or a second run of the same file the same bytes
are sent again, so nothing is lost and a repetition is recognised. SQLite in WAL mode with synchronous=FULL: what ``put``
returned is on disk. One process at a time may lock a spool.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

_VERSION = 2
_FROM_0 = """
ALTER TABLE message ADD COLUMN queued_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN acknowledged_us INTEGER;
"""


class SpoolBusy(Exception):
    """Another process publishes from this spool."""


class SpoolError(Exception):
    """The spool is unusable; the text names the remedy."""


class PutResult(StrEnum):
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


@dataclass(frozen=True, slots=True)
class Amendment:
    """The record under ``original`` got new content, of ``digest``, in the message ``correction``."""

    original: bytes
    digest: bytes
    correction: bytes


@dataclass(frozen=True, slots=True)
class Edition:
    """The event under ``identity`` is of the edition of ``list`` that was made at ``made_us`` (UTC microseconds)."""

    identity: bytes
    list: str
    made_us: int


class Spool:
    """A partner's spool in one file; use as a context manager. ``patience``: seconds to wait for another process."""

    def __init__(self, path: Path, patience: float = 0.0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = path.with_suffix(".lock").open("w")
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(0.05)
                    continue
                self._lock.close()
                raise SpoolBusy(f"another process publishes from {path}; wait for it or stop it") from None
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare(path)
        except BaseException:
            self._lock.close()
            raise

    def _prepare(self, path: Path) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise SpoolError(f"{path} was written by a newer version of lianyun; publish with that version")
        if version == _VERSION:
            return
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'message'").fetchone()
        schema = files("services.producers").joinpath("spool.sql").read_text("utf-8")
        script = f"BEGIN; {_FROM_0 if tables and not version else ''} {schema} PRAGMA user_version = {_VERSION}; COMMIT;"
        self._db.executescript(script)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._lock.close()

    def known(self, identity: bytes) -> bytes | None:
        """The content digest under which ``identity`` was spooled before, or None."""
        row = self._db.execute("SELECT digest FROM message WHERE identity = ?", (identity,)).fetchone()
        return None if row is None else bytes(row[0])

    def amendment(self, identity: bytes, digest: bytes) -> bytes | None:
        """The identity of the correction with content ``digest`` of the record under ``identity``, or None."""
        row = self._db.execute(
            "SELECT correction FROM amendment WHERE original = ? AND digest = ?", (identity, digest)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def current(self, identity: bytes) -> Message | None:
        """The message with the current content of the record under ``identity``: its last correction, or itself."""
        row = self._db.execute(
            "SELECT correction FROM amendment WHERE original = ? ORDER BY seq DESC LIMIT 1", (identity,)
        ).fetchone()
        found = self._db.execute(
            "SELECT identity, digest, topic, key, headers, value FROM message WHERE identity = ?",
            (identity if row is None else row[0],),
        ).fetchone()
        return None if found is None else _message(found)

    def versions(self, identity: bytes) -> tuple[Message, ...]:
        """The message under ``identity`` and all its corrections, in order."""
        rows = self._db.execute(
            "SELECT m.identity, m.digest, m.topic, m.key, m.headers, m.value FROM message m"
            " LEFT JOIN amendment a ON a.correction = m.identity"
            " WHERE m.identity = ?1 OR a.original = ?1 ORDER BY m.seq",
            (identity,),
        )
        return tuple(map(_message, rows))

    def latest(self, list_: str) -> int | None:
        """When the latest known edition of ``list_`` was made, None where there is none."""
        (made,) = self._db.execute("SELECT max(made_us) FROM edition WHERE list = ?", (list_,)).fetchone()
        return None if made is None else int(made)

    def earlier(self, list_: str, made_us: int) -> list[bytes]:
        """The events of earlier editions of ``list_`` that have not been taken back, oldest first."""
        rows = self._db.execute(
            "SELECT e.identity FROM edition e JOIN message m ON m.identity = e.identity"
            " WHERE e.list = ? AND e.made_us < ? AND NOT e.taken_back ORDER BY m.seq",
            (list_, made_us),
        )
        return [bytes(identity) for (identity,) in rows]

    def put(
        self,
        messages: Sequence[Message],
        amendments: Sequence[Amendment] = (),
        editions: Sequence[Edition] = (),
        taken_back: Sequence[bytes] = (),
    ) -> list[PutResult]:
        """Store ``messages``, ``amendments`` and ``editions`` in one transaction; on return they are on disk.

        ``taken_back`` are events of lists that some of the messages retract, or that no later edition takes back.
        """
        outcomes, now = [], time.time_ns() // 1_000
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for message in messages:
                present = self.known(message.identity)
                if present is not None:
                    outcomes.append(PutResult.ALREADY if present == message.digest else PutResult.DIFFERENT)
                    continue
                headers = json.dumps([[name, value.decode()] for name, value in message.headers])
                self._db.execute(
                    "INSERT INTO message (identity, digest, topic, key, headers, value, queued_us)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        message.identity,
                        message.digest,
                        message.topic,
                        message.key,
                        headers,
                        message.value,
                        now,
                    ),
                )
                outcomes.append(PutResult.QUEUED)
            self._db.executemany(
                "INSERT INTO amendment (original, digest, correction) VALUES (?, ?, ?)",
                [(each.original, each.digest, each.correction) for each in amendments],
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO edition (identity, list, made_us) VALUES (?, ?, ?)",
                [(each.identity, each.list, each.made_us) for each in editions],
            )
            self._db.executemany(
                "UPDATE edition SET taken_back = 1 WHERE identity = ?", [(each,) for each in taken_back]
            )
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return outcomes

    def readdress(self, topic: str) -> int:
        """Have everything that waits go to ``topic``; returns how much was for another one. The signature covers no topic."""
        return self._db.execute(
            "UPDATE message SET topic = ?1 WHERE offset IS NULL AND topic <> ?1", (topic,)
        ).rowcount

    def waiting(self, after: int, limit: int) -> list[tuple[int, Message]]:
        """Up to ``limit`` unacknowledged messages behind sequence number ``after``, oldest first."""
        rows = self._db.execute(
            "SELECT seq, identity, digest, topic, key, headers, value FROM message"
            " WHERE offset IS NULL AND seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [(seq, _message(rest)) for seq, *rest in rows]

    def acknowledge(self, places: Iterable[tuple[int, int, int]]) -> None:
        """Mark (seq, partition, offset) as acknowledged by the broker."""
        now = time.time_ns() // 1_000
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "UPDATE message SET partition = ?2, offset = ?3, acknowledged_us = ?4"
            " WHERE seq = ?1 AND offset IS NULL",
            [(*place, now) for place in places],
        )
        self._db.execute("COMMIT")

    def unacknowledged(self, identities: Iterable[bytes]) -> frozenset[bytes]:
        """Which of ``identities`` still wait."""
        wanted = frozenset(identities)
        rows = self._db.execute("SELECT identity FROM message WHERE offset IS NULL")
        return wanted & {bytes(identity) for (identity,) in rows}

    def counts(self) -> tuple[int, int]:
        """(waiting, acknowledged)."""
        row = self._db.execute(
            "SELECT count(*) FILTER (WHERE offset IS NULL), count(offset) FROM message"
        ).fetchone()
        return int(row[0]), int(row[1])


def _message(row: Sequence[object]) -> Message:
    identity, digest, topic, key, headers, value = row
    assert isinstance(headers, str)
    pairs = tuple((name, text.encode()) for name, text in json.loads(headers))
    return Message(bytes(identity), bytes(digest), str(topic), bytes(key), pairs, bytes(value))  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that the broker has not acknowledged; ``queued_us`` is when it was spooled, UTC microseconds."""

    id: str
    type: str
    topic: str
    queued_us: int


@dataclass(frozen=True, slots=True)
class AcknowledgedEvent:
    """An event at its place in the log, and when the broker acknowledged it, UTC microseconds."""

    id: str
    type: str
    topic: str
    partition: int
    offset: int
    at_us: int


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """Counts, the oldest waiting events, and the last acknowledged one, if any."""

    waiting: int
    acknowledged: int
    corrections: int
    oldest: tuple[WaitingEvent, ...]
    last: AcknowledgedEvent | None


def status(path: Path, limit: int = 10) -> SpoolStatus:
    """The status of the spool at ``path``, with up to ``limit`` of the oldest waiting; empty where there is none.

    Reads without the spool's lock, so it answers while a publisher works.
    """
    if not path.exists():
        return SpoolStatus(0, 0, 0, (), None)
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
    return SpoolStatus(
        waiting,
        acknowledged,
        corrections,
        tuple(WaitingEvent(*_named(headers), topic, at) for headers, topic, at in oldest),
        None if last is None else AcknowledgedEvent(*_named(last[0]), *last[1:]),
    )


@dataclass(frozen=True, slots=True)
class SpooledEvent:
    """An event of the spool and its place in the log, None while it waits; ``at_us`` is when it was spooled or acknowledged."""

    message: Message
    place: tuple[int, int] | None
    at_us: int


def history(path: Path, limit: int) -> list[SpooledEvent]:
    """The last ``limit`` events of the spool at ``path``, the latest first; none where there is none. Takes no lock, as ``status``."""
    if not path.exists():
        return []
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA query_only = ON")
        rows = db.execute(
            "SELECT partition, offset, coalesce(acknowledged_us, queued_us), identity, digest, topic, key, headers, value"
            " FROM message ORDER BY seq DESC LIMIT ?",
            (limit,),
        ).fetchall()
    finally:
        db.close()
    return [
        SpooledEvent(_message(rest), None if offset is None else (partition, offset), at)
        for partition, offset, at, *rest in rows
    ]


def sent(path: Path) -> Iterator[tuple[Sequence[tuple[str, bytes]], bytes]]:
    """Headers and payload of every event that was ever put into the spool at ``path``, acknowledged or not; none where there is none.

    Reads without the spool's lock, as ``status`` does.
    """
    if not path.exists():
        return
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA query_only = ON")
        for row in db.execute(
            "SELECT identity, digest, topic, key, headers, value FROM message ORDER BY seq"
        ):
            message = _message(row)
            yield message.headers, message.value
    finally:
        db.close()


def _named(headers: str) -> tuple[str, str]:
    found = dict(json.loads(headers))
    return found["ce_id"], found["ce_type"]
