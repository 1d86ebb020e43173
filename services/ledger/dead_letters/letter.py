"""A dead letter: what was refused, why, where it came from, and what has been done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.reasons import Reason
from services.ledger.admission.model import Record
from services.ledger.admission.raw_bytes import unframe


class LetterState(StrEnum):
    """Where a letter stands. Only an open one asks for anything."""

    OPEN = "OPEN"
    REDRIVEN = "REDRIVEN"  # accepted unchanged, later
    DISCARDED = "DISCARDED"  # somebody decided that it is not wanted; the bytes are still kept
    REPLACED = "REPLACED"  # its publisher published another event in its place


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where one copy stood in the log; ``appended`` is the broker's time in UTC microseconds. Ordered by it first."""

    appended: int
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class LetterOutcome:
    """One thing done about a letter: ``action`` is redrive, discard or replace, ``outcome`` what came of it."""

    at: int  # UTC microseconds
    by: str
    action: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetterCut:
    """Messages of one hour, partition, publisher and reason that were refused beyond the bound on letters; no letter was made of them.

    ``messages`` of the offsets from ``first_offset`` to ``last_offset``, which others may lie between; appended from
    ``first_append`` to ``last_append`` (UTC microseconds). ``digest`` is over all of them, in the order of the log: from
    nothing, one after another, SHA-256 over the digest so far, the offset in 8 bytes, big-endian, and what would have been
    the letter's digest. While the broker holds them it can be worked out again.
    """

    topic: str
    topic_id: str
    partition: int
    publisher: str
    reason: Reason
    hour: int
    messages: int
    first_offset: int
    last_offset: int
    first_append: int
    last_append: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused message, however often it came.

    ``digest`` is SHA-256 over headers and value in full, also where ``truncated`` says that they are not kept whole;
    ``value_bytes`` is the full length. ``reason`` to ``remedy`` are those of the latest judgement. ``first`` and
    ``last`` are the earliest and latest of ``count`` copies by append time.
    """

    digest: bytes
    state: LetterState
    publisher: str
    event: bytes | None
    reason: Reason
    detail: str
    pointer: str
    remedy: str
    count: int
    headers: bytes  # framed
    value: bytes | None
    value_bytes: int | None
    truncated: bool
    first: Origin
    last: Origin
    outcomes: Sequence[LetterOutcome] = ()

    @property
    def name(self) -> str:
        """The digest in hex, by which people and commands call it."""
        return self.digest.hex()

    def records(self) -> tuple[Record, ...]:
        """The message unchanged, with its original append time: as first appended, and as last where that differs.

        Either copy may be the one that can be accepted now: the first lies before a compromise, the last within the
        window of a key. ValueError where the bytes are not kept whole.
        """
        if self.truncated:
            raise ValueError("the bytes are not kept whole")
        headers = unframe(self.headers)
        origins = dict.fromkeys((self.first, self.last))
        return tuple(
            Record(o.topic, o.partition, o.offset, o.appended // 1_000, headers, self.value) for o in origins
        )
