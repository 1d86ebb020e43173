"""The refused records of one batch as dead letters, written in the transaction that moves the offsets past them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from schemas.reasons import Reason
from services.ledger.admission.model import Refused
from services.ledger.admission.raw_bytes import capped, digest
from services.ledger.dead_letters import statement
from services.ledger.dead_letters.letter import Origin
from services.ledger.storage.arrays import Texts, adapt, bigints, booleans, byteas, texts

# Postgres text holds neither; both occur only in what a publisher wrote.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _optional_bigints(values: Sequence[int | None]) -> Texts:
    """Integers or NULL, to be cast to bigint[]."""
    return texts([None if value is None else str(value) for value in values])


_FIELDS: Mapping[str, Callable[[Any], object]] = {
    "digest": byteas,
    "publisher": texts,
    "event": texts,
    "reason": texts,
    "detail": texts,
    "pointer": texts,
    "remedy": texts,
    "count": bigints,
    "headers": byteas,
    "value": byteas,
    "value_bytes": _optional_bigints,
    "truncated": booleans,
    "first_append": bigints,
    "first_topic": texts,
    "first_partition": bigints,
    "first_offset": bigints,
    "last_append": bigints,
    "last_topic": texts,
    "last_partition": bigints,
    "last_offset": bigints,
}
"""The columns of letters, each with its encoder."""
_COPIES: Mapping[str, Callable[[Any], object]] = {
    "copy_of": bigints,
    "copy_digest": byteas,
    "copy_publisher": texts,
    "copy_reason": texts,
    "copy_topic": texts,
    "copy_part": bigints,
    "copy_offset": bigints,
    "copy_append": bigints,
}
"""The columns of their copies in the log, each with its encoder."""
HOUR = 3_600_000_000
"""Microseconds."""
Hour = tuple[str, int]
"""A publisher, and an hour of the broker: an append time divided by ``HOUR``."""


@dataclass(frozen=True, slots=True)
class LetterSettings:
    """Bounds: raw bytes per publisher, days since a letter was last seen, new letters per publisher and hour."""

    bytes_per_publisher: int = 256 * 1024 * 1024
    days: int = 90
    per_hour: int = 5_000


def full_hours(
    session: Connection[Any], refused: Sequence[Refused], settings: LetterSettings
) -> frozenset[Hour]:
    """The hours of ``refused`` that have reached the bound on new letters; one statement. A full hour stays full.

    Read before the transaction of the batch and passed to ``record_refused``, which then does not send bytes that would not be stored.
    """
    if not refused:
        return frozenset()
    hours = sorted({_hour(each) for each in refused})
    parameters = {
        "publishers": [publisher for publisher, _ in hours],
        "hours": [hour for _, hour in hours],
        "per_hour": settings.per_hour,
    }
    return frozenset((publisher, hour) for publisher, hour in session.execute(statement("full"), parameters))


def record_refused(
    session: Connection[Any],
    refused: Sequence[Refused],
    settings: LetterSettings,
    full: frozenset[Hour] = frozenset(),
) -> None:
    """Store everything that a batch refused; one statement, in the caller's transaction, after all other locks.

    A known message only raises its count. A new one is stored with its raw bytes up to the publisher's bound; beyond that
    with digest, reason and position, and ``truncated`` is set. Beyond the bound on new letters of that hour no letter is made:
    the message is counted in ``dead_letter_cut`` with its position and a digest. INTERNAL_ERROR always makes a letter.
    """
    if refused:
        adapt(session)
        session.execute(statement("upsert"), upsert_parameters(refused, settings, full))


def upsert_parameters(
    refused: Iterable[Refused], settings: LetterSettings, full: frozenset[Hour] = frozenset()
) -> dict[str, Any]:
    """The parameters of the statement ``upsert``: an array per column of one row per digest, the same of one row per copy, and the bounds.

    The bytes of letters of an hour in ``full`` are left out, unless the reason is INTERNAL_ERROR.
    """
    rows: dict[bytes, _Row] = {}
    copies: list[tuple[bytes, Refused, Origin]] = []
    for item in refused:
        record = item.record
        key = digest(record.headers, record.value)
        origin = Origin(record.appended, record.topic, record.partition, record.offset)
        copies.append((key, item, origin))
        known = rows.get(key)
        if known is None:
            rows[key] = _Row(item, 1, origin, origin)
        else:
            known.add(item, origin)
    order = sorted(rows)
    letters = [rows[key].values(key, full) for key in order]
    places = {key: place for place, key in enumerate(order, start=1)}
    placed = [
        (places[key], key, item.publisher, item.reason.value, at.topic, at.partition, at.offset, at.appended)
        for key, item, at in copies
    ]
    return {
        **{
            name: pack(column)
            for (name, pack), column in zip(_FIELDS.items(), _columns(letters), strict=True)
        },
        **{
            name: pack(column) for (name, pack), column in zip(_COPIES.items(), _columns(placed), strict=True)
        },
        "cap": settings.bytes_per_publisher,
        "per_hour": settings.per_hour,
    }


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))


def _hour(refused: Refused) -> Hour:
    return refused.publisher, refused.record.appended // HOUR


@dataclass(slots=True)
class _Row:
    """The copies of one message within a batch, with the refusal of the latest."""

    refused: Refused
    count: int
    first: Origin
    last: Origin

    def add(self, refused: Refused, origin: Origin) -> None:
        self.count += 1
        self.first = min(self.first, origin)
        if origin > self.last:
            self.last, self.refused = origin, refused

    def values(self, key: bytes, full: frozenset[Hour]) -> tuple[Any, ...]:
        refused, record = self.refused, self.refused.record
        left_out = (
            refused.reason is not Reason.INTERNAL_ERROR
            and (refused.publisher, self.first.appended // HOUR) in full
        )
        headers, value, truncated = (b"", None, True) if left_out else capped(record.headers, record.value)
        return (
            key,
            refused.publisher,
            None if refused.event is None else refused.event.hex(),
            refused.reason.value,
            storable(refused.detail),
            storable(refused.pointer),
            storable(refused.remedy),
            self.count,
            headers,
            value,
            None if record.value is None else len(record.value),
            truncated,
            self.first.appended,
            self.first.topic,
            self.first.partition,
            self.first.offset,
            self.last.appended,
            self.last.topic,
            self.last.partition,
            self.last.offset,
        )


def storable(text: str) -> str:
    """``text`` with NUL and surrogates replaced, which Postgres cannot store; at most 1,000 characters."""
    return _UNSTORABLE.sub("\ufffd", text)[:1_000]
