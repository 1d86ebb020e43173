"""Input and result of a batch transaction: events, advances of partitions, batches, and what was applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from services.domain.facts import Facts
from services.ledger.admission.model import RULES, Admitted, Record, Refused
from services.ledger.admission.raw_bytes import record_digest
from services.ledger.storage.ledger_protocol import Mark
from services.ledger.storage.rows import StateRows

MOST_EVENTS = 4_096
"""Events of one batch at most: event numbers come in blocks of this size."""


class Body(NamedTuple):
    """A stored message packed for binary COPY, without its number, which comes first, and its topic's, which lies in between."""

    before: bytes
    after: bytes


class Event(NamedTuple):
    """One admitted event with the facts that it states; ``id`` and ``content`` are the 16-byte digests.

    ``publisher`` is the party's code; ``registry`` and ``rules`` are the versions by which it was admitted. ``rows`` and
    ``body`` are its packed rows, where it was packed before the transaction (``services.ledger.storage.bodies.packed``).
    """

    record: Record
    id: bytes
    content: bytes
    payload: bytes
    publisher: str
    key_id: str
    registry: int
    facts: Facts
    rules: int = RULES
    rows: StateRows | None = None
    body: Body | None = None

    @classmethod
    def of(cls, admitted: Admitted, registry: int) -> Self:
        """The event admitted under version ``registry`` of the registry, not packed."""
        verified = admitted.verified
        return cls(
            verified.record,
            verified.event,
            verified.content,
            verified.payload,
            verified.party.code,
            verified.key.key_id,
            registry,
            admitted.facts,
        )

    @property
    def type(self) -> bytes:
        """The CloudEvents type, from the headers; b"" without one."""
        return next((value for name, value in self.record.headers if name == "ce_type"), None) or b""

    def refused(self, error: BaseException) -> Refused:
        """The refusal INTERNAL_ERROR of this event, on which alone this program failed."""
        return Refused.internal(self.record, error, self.publisher, self.id)


@dataclass(frozen=True, slots=True)
class Advance:
    """The advance of a partition from ``first`` to ``next_offset`` under the claim of ``epoch``.

    ``last`` is the mark of the record before ``next_offset``: without it the log is not recognised before the next advance.
    """

    topic: str
    partition: int
    epoch: int
    first: int
    next_offset: int
    last: Mark | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of some partitions: the advances say which, and each record is an event or was refused.

    All events were admitted under version ``registry`` of the registry. At most MOST_EVENTS events.
    """

    advances: tuple[Advance, ...]
    events: tuple[Event, ...]
    refused: tuple[Refused, ...] = ()
    registry: int = 0

    def halves(self) -> tuple[Batch, Batch]:
        """The batch cut in two by its events (at least 2), each half with its own offsets and refused records."""
        events = sorted(self.events, key=lambda e: (e.record.topic, e.record.partition, e.record.offset))
        middle = len(events) // 2
        left, right = events[:middle], events[middle:]
        ends: dict[tuple[str, int], int] = {}
        tails: dict[tuple[str, int], Record] = {}
        for event in left:
            ends[event.record.topic, event.record.partition] = event.record.offset + 1
            tails[event.record.topic, event.record.partition] = event.record
        for event in right:
            # A partition that starts in the right half has its refused records there, with its first event.
            ends.setdefault((event.record.topic, event.record.partition), -1)
        cuts = [(a, ends.get((a.topic, a.partition), a.next_offset)) for a in self.advances]
        whole = {(a.topic, a.partition): (a.first if cut < 0 else cut) for a, cut in cuts}
        first = (
            replace(a, next_offset=cut, last=a.last if cut == a.next_offset else _mark(tails, a))
            for a, cut in ((a, whole[a.topic, a.partition]) for a, _ in cuts)
        )
        second = (replace(a, first=whole[a.topic, a.partition]) for a, _ in cuts)
        early = tuple(r for r in self.refused if r.record.offset < whole[r.record.topic, r.record.partition])
        late = tuple(r for r in self.refused if r.record.offset >= whole[r.record.topic, r.record.partition])
        return (
            Batch(tuple(a for a in first if a.first < a.next_offset), tuple(left), early, self.registry),
            Batch(tuple(a for a in second if a.first < a.next_offset), tuple(right), late, self.registry),
        )

    def without_events(self, refused: Sequence[Refused]) -> Batch:
        """The same records with ``refused`` in the place of the events."""
        return replace(self, events=(), refused=(*self.refused, *refused))


def _mark(tails: Mapping[tuple[str, int], Record], of: Advance) -> Mark | None:
    """The mark of the last event of a half, but for its leader's epoch, which events do not carry."""
    tail = tails.get((of.topic, of.partition))
    return tail and Mark(tail.offset, record_digest(tail.append_ms, tail.headers, tail.value))


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a transaction. ``seconds`` are by stage; ``numbers`` are those of the new events.

    ``duplicates`` are events stored before with the same content; ``equivocations`` contents that differ from what
    is stored under their id; both also by the code of their publisher. ``settled`` counts the notes of earlier
    transactions that were settled.
    """

    new: int = 0
    duplicates: int = 0
    equivocations: int = 0
    refused: int = 0
    heads: int = 0
    train_heads: int = 0
    settled: int = 0
    broken: int = 0
    retries: int = 0
    numbers: tuple[int, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    duplicates_of: Mapping[str, int] = field(default_factory=dict)
    equivocations_of: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Applied) -> Applied:
        """Both together, as for the two halves of a batch."""
        names = {*self.seconds, *other.seconds}
        return Applied(
            self.new + other.new,
            self.duplicates + other.duplicates,
            self.equivocations + other.equivocations,
            self.refused + other.refused,
            self.heads + other.heads,
            self.train_heads + other.train_heads,
            self.settled + other.settled,
            self.broken + other.broken,
            self.retries + other.retries,
            self.numbers + other.numbers,
            {name: self.seconds.get(name, 0.0) + other.seconds.get(name, 0.0) for name in names},
            Counter(self.duplicates_of) + Counter(other.duplicates_of),
            Counter(self.equivocations_of) + Counter(other.equivocations_of),
        )
