"""The reading protocol between the log (Kafka) and the ledger (Postgres): claims, expected offsets, fencing.

Pure: no I/O, no clock. The ledger holds one row per partition (`OffsetRow`); whoever reads a partition first
*claims* it, which raises the row's epoch and tells where to read on. Each batch moves the row from exactly its
first offset, under exactly its epoch (`advance`), in the transaction that stores its events. So an offset is
applied once, in order, by the latest claimer, whatever the log's clients believe. `Reader` keeps the client's
side: it hands on only what continues where the last hand-over ended, and says where to seek otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, Protocol, TypeVar


class PartitionId(NamedTuple):
    """One partition of one topic. Equal to the pairs that the Kafka clients use."""

    topic: str
    partition: int


class HasOffset(Protocol):
    """A record of the log, as far as the protocol looks at it."""

    @property
    def offset(self) -> int:
        """Position in the partition."""


RecordT = TypeVar("RecordT", bound=HasOffset)


@dataclass(frozen=True, slots=True)
class OffsetRow:
    """What the ledger holds for a partition: the next offset to apply, and who may apply it."""

    next_offset: int
    epoch: int
    topic_id: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to apply a partition from `next_offset` on, until someone claims it with a higher epoch.

    `topic_id` is the identity of the topic that the ledger has been reading, None when it never read it.
    """

    partition: PartitionId
    next_offset: int
    epoch: int
    topic_id: str | None = None


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

    def split(self, count: int) -> tuple[Slice[RecordT], Slice[RecordT]]:
        """Return the first `count` records and the rest as two slices; 0 < count < len(records)."""
        head, tail = self.records[:count], self.records[count:]
        middle = head[-1].offset + 1
        return (
            Slice(self.partition, self.epoch, self.first, middle, head),
            Slice(self.partition, self.epoch, middle, self.next_offset, tail),
        )


class Fenced(Exception):
    """The ledger is no longer where this worker left it: someone else claimed a partition. Nothing was applied."""


def claim(
    row: OffsetRow | None, partition: PartitionId, topic_id: str | None = None
) -> tuple[OffsetRow, Claim]:
    """Return the row after a claim, and the claim. A partition that was never read starts at offset 0."""
    old = row or OffsetRow(0, 0)
    new = replace(old, epoch=old.epoch + 1, topic_id=old.topic_id or topic_id)
    return new, Claim(partition, new.next_offset, new.epoch, old.topic_id)


def advance(row: OffsetRow | None, moved: Slice[RecordT]) -> OffsetRow:
    """Return the row after `moved` was applied; raise Fenced unless it starts there under the row's epoch."""
    if row is None or (row.epoch, row.next_offset) != (moved.epoch, moved.first):
        raise Fenced(
            f"{moved.partition.topic}/{moved.partition.partition}: at {row}, not at offset {moved.first}"
        )
    return replace(row, next_offset=moved.next_offset)


@dataclass(frozen=True, slots=True)
class Judgement(Generic[RecordT]):
    """What to do with one fetch: hand on `slices`, seek each partition of `seeks` to the offset given there."""

    slices: tuple[Slice[RecordT], ...]
    seeks: Mapping[PartitionId, int]


@dataclass(slots=True)
class _Position:
    epoch: int
    expected: int
    # First offset that the log gave instead of the expected one, once: proof of a hole when it does so again.
    instead: int | None = None


class Reader(Generic[RecordT]):
    """What one worker may hand on, per claimed partition. Not for several threads.

    A fetch that does not start at the expected offset (its predecessor was dropped around a rebalance) is never
    skipped: the reader seeks back. Where the log itself has a hole (transaction markers, compaction) the same
    offset comes again after that seek, and only then the hole is accepted, as part of the slice.
    """

    def __init__(self) -> None:
        self._positions: dict[PartitionId, _Position] = {}

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
            self._positions[granted.partition] = _Position(granted.epoch, granted.next_offset)

    def stop(self, partition: PartitionId) -> None:
        """Hand on nothing more of `partition` until it is claimed again."""
        self._positions.pop(partition, None)

    def judge(self, fetched: Mapping[PartitionId, Sequence[RecordT]]) -> Judgement[RecordT]:
        """Decide about one fetch; changes no position. Records of unclaimed partitions are left out."""
        slices: list[Slice[RecordT]] = []
        seeks: dict[PartitionId, int] = {}
        for partition, records in fetched.items():
            position = self._positions.get(partition)
            if position is None or not records:
                continue
            first = records[0].offset
            if first == position.expected or (first == position.instead and first > position.expected):
                known = PartitionId(*partition)
                slices.append(
                    Slice(known, position.epoch, position.expected, records[-1].offset + 1, records)
                )
            else:
                position.instead = first
                seeks[partition] = position.expected
        return Judgement(tuple(slices), seeks)

    def handed_over(self, slices: Iterable[Slice[RecordT]]) -> None:
        """Note that `slices` will be applied or the process ends. Those of an older claim are ignored."""
        for given in slices:
            position = self._positions.get(given.partition)
            if position is not None and position.epoch == given.epoch:
                position.expected = given.next_offset
                position.instead = None

    def dropped(self) -> None:
        """Note that a fetch may have been thrown away: what comes next proves no hole in any partition."""
        for position in self._positions.values():
            position.instead = None
