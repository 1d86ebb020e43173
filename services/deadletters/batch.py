"""The letters of one batch, put down in the batch's own transaction: what is refused is stored before it is passed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from services.admission.model import Refused
from services.admission.raw import capped, digest
from services.deadletters.letter import Origin
from services.deadletters.statements import statement

# Postgres text holds neither; both can only come from what a stranger wrote.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FIELDS = (
    "digest", "publisher", "event", "reason", "detail", "pointer", "remedy", "count", "headers", "value",
    "value_bytes", "truncated", "first_append", "first_topic", "first_partition", "first_offset",
    "last_append", "last_topic", "last_partition", "last_offset",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LetterSettings:
    """How much is kept: raw bytes of one publisher at most, and letters not seen again for so many days at most."""

    bytes_per_publisher: int = 256 * 1024 * 1024
    days: int = 90


def record(session: Connection[Any], refused: Sequence[Refused], settings: LetterSettings) -> None:
    """Put down everything that a batch refused; one statement, in the caller's transaction, after all other locks.

    A message that came before only counts on. A new one keeps its raw bytes while its publisher has room; beyond that
    the digest, the reason and the place in the log are kept and ``truncated`` is set. Nothing is refused here.
    """
    if refused:
        session.execute(statement("upsert"), upsert_parameters(refused, settings.bytes_per_publisher))


def upsert_parameters(refused: Iterable[Refused], cap: int) -> dict[str, Any]:
    """The parameters of ``sql/upsert.sql``: one array per column, one row per digest, and the cap in bytes."""
    rows: dict[bytes, _Row] = {}
    for item in refused:
        taken = item.record
        key = digest(taken.headers, taken.value)
        origin = Origin(taken.appended, taken.topic, taken.partition, taken.offset)
        known = rows.get(key)
        if known is None:
            rows[key] = _Row(item, 1, origin, origin)
        else:
            known.add(item, origin)
    columns: dict[str, Any] = {name: [] for name in _FIELDS}
    for key in sorted(rows):
        for name, value in zip(_FIELDS, rows[key].values(key), strict=True):
            columns[name].append(value)
    return {**columns, "cap": cap}


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

    def values(self, key: bytes) -> tuple[Any, ...]:
        said, taken = self.refused, self.refused.record
        headers, value, truncated = capped(taken.headers, taken.value)
        return (
            key,
            said.publisher,
            None if said.event is None else UUID(bytes=said.event),
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
