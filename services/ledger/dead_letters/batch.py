"""The letters of one batch, put down in the batch's own transaction: what is refused is stored before it is passed."""

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

# Postgres text holds neither; both can only come from what a stranger wrote.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _wholes(values: Sequence[int | None]) -> Texts:
    """Numbers of which some may be missing."""
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
    "value_bytes": _wholes,
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
"""The columns of letters, and how each is packed."""
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
"""The same of their copies in the log."""
HOUR = 3_600_000_000
"""Microseconds."""
Hour = tuple[str, int]
"""A publisher, and an hour of the broker: an append time divided by ``HOUR``."""


@dataclass(frozen=True, slots=True)
class LetterSettings:
    """How much is stored: raw bytes of one publisher, letters not seen again for so many days, new letters of one publisher and hour."""

    bytes_per_publisher: int = 256 * 1024 * 1024
    days: int = 90
    per_hour: int = 5_000


def full_hours(
    session: Connection[Any], refused: Sequence[Refused], settings: LetterSettings
) -> frozenset[Hour]:
    """The hours of ``refused`` that have no room for a new letter; one statement, and what is full stays full.

    Read it before the transaction of the batch, for ``record``: what will not be stored need not be sent.
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
    """Put down everything that a batch refused; one statement, in the caller's transaction, after all other locks.

    A message that came before only counts on. A new one keeps its raw bytes while its publisher has room; beyond that
    the digest, the reason and the place in the log are kept and ``truncated`` is set. Where its publisher has as many new
    letters of that hour as are stored, it becomes none: it is counted in ``dead_letter_cut`` with its place and a digest.
    What failed by our own fault always becomes one. Nothing is refused here.
    """
    if refused:
        adapt(session)
        session.execute(statement("upsert"), upsert_parameters(refused, settings, full))


def upsert_parameters(
    refused: Iterable[Refused], settings: LetterSettings, full: frozenset[Hour] = frozenset()
) -> dict[str, Any]:
    """The parameters of the statement ``upsert``: one array per column, one row per digest, then one per copy, and the bounds.

    The bytes of what would be a new letter of an hour that is ``full`` are left out.
    """
    rows: dict[bytes, _Row] = {}
    copies: list[tuple[bytes, Refused, Origin]] = []
    for item in refused:
        taken = item.record
        key = digest(taken.headers, taken.value)
        origin = Origin(taken.appended, taken.topic, taken.partition, taken.offset)
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
        (places[key], key, said.publisher, said.reason.value, at.topic, at.partition, at.offset, at.appended)
        for key, said, at in copies
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
    """The copies of one message within a batch; the judgement of the latest counts."""

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
        said, taken = self.refused, self.refused.record
        left_out = (
            said.reason is not Reason.INTERNAL_ERROR and (said.publisher, self.first.appended // HOUR) in full
        )
        headers, value, truncated = (b"", None, True) if left_out else capped(taken.headers, taken.value)
        return (
            key,
            said.publisher,
            None if said.event is None else said.event.hex(),
            said.reason.value,
            storable(said.detail),
            storable(said.pointer),
            storable(said.remedy),
            self.count,
            headers,
            value,
            None if taken.value is None else len(taken.value),
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
    """``text`` without what Postgres cannot hold, at most 1,000 characters."""
    return _UNSTORABLE.sub("\ufffd", text)[:1_000]
