"""The reading protocol between the log (Kafka) and the ledger (Postgres): claims, expected offsets, fencing.

Pure: no I/O, no clock. The ledger holds one row per partition (`OffsetRow`); whoever reads a partition first
*claims* it, which raises the row's epoch and gives the offset to read from. Each batch moves the row from exactly its
first offset, under exactly its epoch (`advance`), in the transaction that stores its events. So an offset is
applied once, in order, by the latest claimer, whatever the log's clients believe. `Reader` is the client's
side: it hands over only records that continue the last hand-over, and returns where to seek otherwise.

An offset does not prove that the log is still the same: a broker that lost its tail assigns the same offsets to other
records. So each advance stores the `Mark` of its last record, and a slice continues a partition only where the log
cannot have lost anything since the record before it was read, or where that record is still there (`Reader.judge`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from services.ledger.admission.raw_bytes import Headers, record_digest


class PartitionId(NamedTuple):
    """One partition of one topic. Equal to the pairs that the Kafka clients use."""

    topic: str
    partition: int


class HasOffset(Protocol):
    """A record of the log, as far as the protocol reads it."""

    @property
    def offset(self) -> int:
        """Position in the partition."""


class HasContent(HasOffset, Protocol):
    """A record of the log with the contents of its mark; `timestamp` is the broker's, in UTC milliseconds."""

    @property
    def timestamp(self) -> int: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def value(self) -> bytes | None: ...


RecordT = TypeVar("RecordT", bound=HasOffset)


class Mark(NamedTuple):
    """A record by which a log is recognised: its offset, its digest, and the leader epoch that appended it, if known."""

    offset: int
    digest: bytes
    leader_epoch: int | None = None


def mark_of(record: HasContent, leader_epoch: int | None = None) -> Mark:
    """The mark of a record: over append time, headers and value (`services.ledger.admission.raw_bytes.record_digest`)."""
    return Mark(record.offset, record_digest(record.timestamp, record.headers, record.value), leader_epoch)


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of fetched records: the connection to the leader, and the leader epochs of their record batches.

    `connection` is compared by identity; None where it is not known. `leaders` are (first offset, leader epoch),
    ascending, one for each run of batches of one epoch.
    """

    connection: object | None = None
    leaders: tuple[tuple[int, int], ...] = ()

    def leader_epoch(self, offset: int) -> int | None:
        """The epoch of the leader that appended the record at `offset`, None where it is not known."""
        at = bisect_right(self.leaders, offset, key=lambda run: run[0])
        return self.leaders[at - 1][1] if at else None

    def joined(self, later: Origin) -> Origin:
        """The origin of the records of this one and of those of `later`, which follow them."""
        if self.leaders == later.leaders:
            return later
        return Origin(later.connection, runs(sorted({*self.leaders, *later.leaders})))


def runs(batches: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """(first offset, leader epoch) of each batch, ascending, without those that go on in the epoch before them."""
    found: list[tuple[int, int]] = []
    for first, leader in batches:
        if not found or found[-1][1] != leader:
            found.append((first, leader))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class OffsetRow:
    """The row of a partition in the ledger: the next offset to apply, the epoch that may apply it, and the last record applied."""

    next_offset: int
    epoch: int
    topic_id: str | None = None
    last: Mark | None = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to apply a partition from `next_offset` on, until someone claims it with a higher epoch.

    `topic_id` is the identity of the topic that the ledger has been reading, None when it never read it. `last` is the
    record before `next_offset`; None where nothing was applied since marks are stored, or since an operator moved the
    partition to where the log has no record before. `stopped` names what stopped the partition for good, if anything.
    """

    partition: PartitionId
    next_offset: int
    epoch: int
    topic_id: str | None = None
    last: Mark | None = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Slice(Generic[RecordT]):
    """Consecutive records of one partition under one claim: they take the ledger from `first` to `next_offset`.

    `records` is not empty and ascending. `first` may lie before the first record, where the log has a hole.
    """

    partition: PartitionId
    epoch: int
    first: int
    next_offset: int
    records: Sequence[RecordT]
    origin: Origin = field(default=Origin(), compare=False)

    @property
    def leader_epoch(self) -> int | None:
        """The epoch of the leader that appended the last record, None where it is not known."""
        return self.origin.leader_epoch(self.records[-1].offset)

    def split(self, count: int) -> tuple[Slice[RecordT], Slice[RecordT]]:
        """Return the first `count` records and the rest as two slices; 0 < count < len(records)."""
        head, tail = self.records[:count], self.records[count:]
        middle = head[-1].offset + 1
        return (
            Slice(self.partition, self.epoch, self.first, middle, head, self.origin),
            Slice(self.partition, self.epoch, middle, self.next_offset, tail, self.origin),
        )


class Fenced(Exception):
    """A partition was claimed or moved by another since this worker's claim. Nothing was applied."""


def claim(
    row: OffsetRow | None, partition: PartitionId, topic_id: str | None = None
) -> tuple[OffsetRow, Claim]:
    """Return the row after a claim, and the claim. A partition that was never read starts at offset 0."""
    old = row or OffsetRow(0, 0)
    new = replace(old, epoch=old.epoch + 1, topic_id=old.topic_id or topic_id)
    return new, Claim(partition, new.next_offset, new.epoch, old.topic_id, old.last, old.stopped)


def advance(row: OffsetRow | None, moved: Slice[RecordT], last: Mark | None = None) -> OffsetRow:
    """Return the row after `moved`, which ends with the record `last`; raise Fenced unless it starts there under its epoch."""
    if row is None or (row.epoch, row.next_offset) != (moved.epoch, moved.first):
        raise Fenced(
            f"{moved.partition.topic}/{moved.partition.partition}: at {row}, not at offset {moved.first}"
        )
    return replace(row, next_offset=moved.next_offset, last=last)


_UNKNOWN = Origin()


@dataclass(frozen=True, slots=True)
class Judgement(Generic[RecordT]):
    """The decision on one fetch: hand over `slices`, seek each partition of `seeks` to the offset given there.

    A slice of `unproven` may be handed over only after a read later than the fetch has found that record still in the log.
    """

    slices: tuple[Slice[RecordT], ...]
    seeks: Mapping[PartitionId, int]
    unproven: Mapping[PartitionId, Mark] = field(default_factory=dict)


@dataclass(slots=True)
class _Position:
    epoch: int
    expected: int
    # The record before the expected offset: as the ledger has it, or as it was handed over, with its leader's epoch.
    last: Mark | None = None
    tail: Any = None
    leader_epoch: int | None = None
    connection: object | None = None
    # First offset that the log gave instead of the expected one, once: proof of a hole when it does so again.
    instead: int | None = None

    def continues(self, origin: Origin, first: int) -> bool:
        """Whether nothing can have been lost between the record before and the one at `first`."""
        return (
            self.connection is not None
            and origin.connection is self.connection
            and self.leader_epoch is not None
            and origin.leader_epoch(first) == self.leader_epoch
        )


class Reader(Generic[RecordT]):
    """What one worker may hand over, per claimed partition. Not thread-safe.

    A fetch that does not start at the expected offset (its predecessor was dropped around a rebalance) is never
    skipped: the reader seeks back. Where the log itself has a hole (transaction markers, compaction) the same
    offset comes again after that seek, and only then the hole is accepted, as part of the slice.

    Nothing is handed over by offset alone. A log loses its tail only when its leader's process ends, which ends the
    connection, or when another leader takes over, which gives later record batches another epoch: a leader appends
    only, and an epoch has one leader. So a fetch over the connection of the one before it, whose first record has the
    epoch of the last one handed over, continues it. Any other fetch is `unproven`, the first after each claim always: the
    record before it is to be read from the log again. That check comes *after* the fetch. If the tail was lost before the
    fetch, the check finds another record at that offset or none, however far the log has grown. If it was lost between
    fetch and check, the fetch is refused though it was good. If it is lost after the check, the records are those of the
    log that was read so far, and the next fetch comes over another connection or from another epoch, and is checked in
    its turn. A restored volume repeats epochs, but not without ending the connections. `mark` makes the mark of a record.
    """

    def __init__(self, mark: Callable[[Any, int | None], Mark] = mark_of) -> None:
        self._positions: dict[PartitionId, _Position] = {}
        self._mark = mark

    @property
    def partitions(self) -> frozenset[PartitionId]:
        """The partitions that are claimed and not stopped."""
        return frozenset(self._positions)

    def expected(self, partition: PartitionId) -> int | None:
        """Return the offset that the next slice of `partition` starts at, None when it is not claimed."""
        position = self._positions.get(partition)
        return None if position is None else position.expected

    def restart(self, claims: Iterable[Claim]) -> None:
        """Read what `claims` grant and nothing else: after every change of the assignment."""
        self._positions = {}
        self.resume(claims)

    def resume(self, claims: Iterable[Claim]) -> None:
        """Read what `claims` grant in addition: after a stopped partition was claimed again."""
        for granted in claims:
            self._positions[granted.partition] = _Position(granted.epoch, granted.next_offset, granted.last)

    def holds(self, part: Slice[RecordT]) -> bool:
        """Whether `part` was read under the claim that its partition is read by now."""
        position = self._positions.get(part.partition)
        return position is not None and position.epoch == part.epoch

    def epoch(self, partition: PartitionId) -> int | None:
        """The epoch of the claim by which `partition` is read, None when it is not claimed."""
        position = self._positions.get(partition)
        return None if position is None else position.epoch

    def last(self, partition: PartitionId) -> Mark | None:
        """The record before the expected offset, None where there is none to recognise the log by."""
        position = self._positions.get(partition)
        if position is None:
            return None
        if position.tail is not None:
            position.last, position.tail = self._mark(position.tail, position.leader_epoch), None
        return position.last

    def stop(self, partition: PartitionId) -> None:
        """Hand over nothing more of `partition` until it is claimed again."""
        self._positions.pop(partition, None)

    def judge(
        self,
        fetched: Mapping[PartitionId, Sequence[RecordT]],
        origins: Mapping[PartitionId, Origin] | None = None,
    ) -> Judgement[RecordT]:
        """Decide about one fetch; changes no position. Records of unclaimed partitions are left out.

        `origins` are those of each partition's records; a partition without one is unproven.
        """
        slices: list[Slice[RecordT]] = []
        seeks: dict[PartitionId, int] = {}
        unproven: dict[PartitionId, Mark] = {}
        known_origins = origins or {}
        for partition, records in fetched.items():
            position = self._positions.get(partition)
            if position is None or not records:
                continue
            first = records[0].offset
            if first == position.expected or (first == position.instead and first > position.expected):
                known = PartitionId(*partition)
                origin = known_origins.get(partition, _UNKNOWN)
                slices.append(
                    Slice(known, position.epoch, position.expected, records[-1].offset + 1, records, origin)
                )
                if not position.continues(origin, first) and (last := self.last(known)) is not None:
                    unproven[known] = last
            else:
                position.instead = first
                seeks[partition] = position.expected
        return Judgement(tuple(slices), seeks, unproven)

    def handed_over(self, slices: Iterable[Slice[RecordT]]) -> None:
        """Record that `slices` will be applied or the process ends. Those of an older claim are ignored."""
        for given in slices:
            position = self._positions.get(given.partition)
            if position is not None and position.epoch == given.epoch:
                position.expected = given.next_offset
                position.instead = None
                position.tail, position.leader_epoch = given.records[-1], given.leader_epoch
                position.connection = given.origin.connection

    def dropped(self) -> None:
        """Record that a fetch may have been dropped: the next one proves no hole in any partition."""
        for position in self._positions.values():
            position.instead = None
