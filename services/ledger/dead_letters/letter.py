"""Dead letters as values: the refused message, its copies in the log, its state and the actions taken on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.reasons import Reason
from services.ledger.admission.model import Headers, Record
from services.ledger.admission.raw_bytes import message_labels, unframe


class LetterState(StrEnum):
    """The state of a letter; only an open one needs action."""

    OPEN = "OPEN"
    REDRIVEN = "REDRIVEN"  # accepted unchanged, later
    DISCARDED = "DISCARDED"  # an operator decided that it is not wanted; the bytes stay
    REPLACED = "REPLACED"  # its publisher published another event in its place


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """The position of one copy in the log; ``appended`` is the broker's time in UTC microseconds and the first sort key."""

    appended: int
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class LetterOutcome:
    """One action on a letter: ``action`` is redrive, discard or replace, ``outcome`` its ActionOutcome."""

    at: int  # UTC microseconds
    by: str
    action: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetterCut:
    """Messages of one hour, partition, publisher and reason that were refused beyond the bound on letters and became none.

    They are ``messages`` of the offsets from ``first_offset`` to ``last_offset``, between which others may lie; appended from
    ``first_append`` to ``last_append`` (UTC microseconds). ``digest`` is over all of them, in the order of the log: starting
    empty, for each SHA-256 over the digest so far, the offset in 8 bytes, big-endian, and the digest that the letter would
    have had. While the broker holds the records it can be recomputed.
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
    """One refused message and the number of its copies.

    ``digest`` is SHA-256 over headers and value in full, also where ``truncated`` says that they are stored in part;
    ``value_bytes`` is the full length. ``reason`` to ``remedy`` are those of the latest refusal. ``first`` and
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
        """The digest in hex, as commands and logs name the letter."""
        return self.digest.hex()

    @property
    def labels(self) -> dict[str, str]:
        """``event_source``, ``event_id`` and ``event_type`` as its headers name them, which nothing proves; also of a truncated letter."""
        return message_labels(self.message_headers)

    @property
    def message_headers(self) -> Headers:
        """The headers as far as they are stored, () where they are damaged."""
        try:
            return unframe(self.headers)
        except ValueError:
            return ()

    def records(self) -> tuple[Record, ...]:
        """The message unchanged, with its original append time: as first appended, and as last where that differs.

        Either copy may be acceptable now: the first may lie before a compromise, the last within the window of a key.
        ValueError where the letter is truncated.
        """
        if self.truncated:
            raise ValueError("the bytes are not kept whole")
        headers = unframe(self.headers)
        origins = dict.fromkeys((self.first, self.last))
        return tuple(
            Record(o.topic, o.partition, o.offset, o.appended // 1_000, headers, self.value) for o in origins
        )
