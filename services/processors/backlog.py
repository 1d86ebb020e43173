"""Slices read and not yet applied: drawn in fair shares per topic, then split into transactions.

Pure. Each topic belongs to one partner, so a partner that floods its topic gets an equal share of each batch, and only
its own partitions are held back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate
from typing import Generic, TypeVar

from services.ledger.storage.ledger_protocol import Origin, PartitionId, RecordT, Slice


@dataclass(frozen=True, slots=True)
class Bounds:
    """Records and bytes held in total, divided equally among the partitions that have any.

    A partition is held back at its share and released at half of it. A record in memory takes about four times its size,
    so these bounds determine most of a busy worker's memory.
    """

    records: int = 16_000
    bytes: int = 16 << 20


@dataclass(slots=True)
class _Queue(Generic[RecordT]):
    slices: deque[Slice[RecordT]] = field(default_factory=deque)
    records: int = 0
    bytes: int = 0
    held: bool = False

    def count(self, records: int, size: int) -> None:
        """Add to the totals."""
        self.records += records
        self.bytes += size

    def hold(self, records: int, size: int) -> bool:
        """Whether the partition is held back: from the given share of records or bytes on, until both are below half of it."""
        if self.records >= records or self.bytes >= size:
            self.held = True
        elif self.records * 2 < records and self.bytes * 2 < size:
            self.held = False
        return self.held


class Backlog(Generic[RecordT]):
    """Slices per partition, in order. `size` returns the bytes of one record. Not thread-safe."""

    def __init__(self, size: Callable[[RecordT], int], bounds: Bounds | None = None) -> None:
        self._size = size
        self._bounds = bounds or Bounds()
        self._queues: dict[PartitionId, _Queue[RecordT]] = {}

    @property
    def records(self) -> int:
        """Number of records held."""
        return sum(queue.records for queue in self._queues.values())

    def waiting(self, without: frozenset[str] = frozenset()) -> bool:
        """Whether a record is held of any topic other than those of `without`."""
        return any(queue.records for tp, queue in self._queues.items() if tp.topic not in without)

    def first(self) -> dict[PartitionId, RecordT]:
        """The oldest record of each partition that has any."""
        return {tp: queue.slices[0].records[0] for tp, queue in self._queues.items() if queue.records}

    def held(self) -> frozenset[PartitionId]:
        """The partitions at their share: to be paused until it falls to half."""
        waiting = {partition: queue for partition, queue in self._queues.items() if queue.records}
        if not waiting:
            return frozenset()
        records, size = self._bounds.records // len(waiting), self._bounds.bytes // len(waiting)
        return frozenset(partition for partition, queue in waiting.items() if queue.hold(records, size))

    def keep(self, partitions: Iterable[PartitionId]) -> None:
        """Drop all partitions other than `partitions`; they are consumed elsewhere, or again."""
        assigned = set(partitions)
        self._queues = {
            partition: queue for partition, queue in self._queues.items() if partition in assigned
        }

    def add(self, slices: Iterable[Slice[RecordT]]) -> None:
        """Append slices; one of a newer epoch replaces those of an older one.

        Raises ValueError for a slice that does not continue the last one of its epoch: a defect of the reader.
        """
        for given in slices:
            queue = self._queues.setdefault(given.partition, _Queue())
            if queue.slices:
                last = queue.slices[-1]
                if last.epoch > given.epoch:
                    continue
                if last.epoch < given.epoch:
                    queue = self._queues[given.partition] = _Queue()
                elif last.next_offset != given.first:
                    raise ValueError(f"{given.partition}: {given.first} does not continue {last.next_offset}")
            queue.slices.append(given)
            queue.count(len(given.records), sum(map(self._size, given.records)))

    def draw(
        self, records: int, size: int, without: frozenset[str] = frozenset()
    ) -> tuple[Slice[RecordT], ...]:
        """Remove and return up to `records` records and about `size` bytes: an equal share per topic that has any.

        The share that a topic does not use goes to the others; within a topic the partitions share equally. At least one record
        is returned where any is held. Topics of `without` are skipped.
        """
        drawn: dict[PartitionId, list[Slice[RecordT]]] = {}
        while records > 0 and size > 0:
            topics: dict[str, list[PartitionId]] = {}
            for partition, queue in self._queues.items():
                if queue.records and partition.topic not in without:
                    topics.setdefault(partition.topic, []).append(partition)
            if not topics:
                break
            each, weigh = records // len(topics), size // len(topics)
            for partitions in topics.values():
                count, share = max(1, each // len(partitions)), max(1, weigh // len(partitions))
                for partition in partitions:
                    if records > 0 and size > 0:
                        part, weight = self._take(self._queues[partition], min(count, records), share)
                        drawn.setdefault(partition, []).append(part)
                        records -= len(part.records)
                        size -= weight
        return tuple(_join(parts) for parts in drawn.values())

    def _take(self, queue: _Queue[RecordT], count: int, size: int) -> tuple[Slice[RecordT], int]:
        """Take up to `count` records of the first slice that weigh at most `size`, but at least one."""
        head = queue.slices[0]
        weights = list(accumulate(map(self._size, head.records[:count])))
        fitting = max(1, bisect_right(weights, size))
        if fitting < len(head.records):
            head, queue.slices[0] = head.split(fitting)
        else:
            queue.slices.popleft()
        queue.count(-fitting, -weights[fitting - 1])
        return head, weights[fitting - 1]


def _join(parts: list[Slice[RecordT]]) -> Slice[RecordT]:
    if len(parts) == 1:
        return parts[0]
    records = [record for part in parts for record in part.records]
    first, last = parts[0], parts[-1]
    origin = reduce(Origin.joined, (part.origin for part in parts))
    return Slice(first.partition, first.epoch, first.first, last.next_offset, records, origin)


# `draw` bounds records and bytes. The number of rows that an event touches (a train event reaches every container) is known
# only after it was decoded, so it bounds the transaction here.

OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True)
class AdmittedSlice(Generic[RecordT, OutcomeT]):
    """A slice with the admission outcome of each of its records, in order."""

    slice: Slice[RecordT]
    outcomes: Sequence[OutcomeT]


def split_batches(
    parts: Sequence[AdmittedSlice[RecordT, OutcomeT]], weights: Sequence[Sequence[int]], limit: int
) -> Iterator[list[AdmittedSlice[RecordT, OutcomeT]]]:
    """Yield batches, in order, whose weights total at most `limit`; a heavier event is a batch of its own.

    `weights` holds one weight per outcome for each part. Usually the result is one batch and nothing is copied.
    """
    if sum(map(sum, weights)) <= limit:
        if parts:
            yield list(parts)
        return
    batch: list[AdmittedSlice[RecordT, OutcomeT]] = []
    room = limit
    for part, each in zip(parts, weights, strict=True):
        rest, start = part, 0
        for index, weight in enumerate(each):
            if weight > room and (batch or index > start):
                if index > start:
                    head, rest = _split(rest, index - start)
                    batch.append(head)
                    start = index
                yield batch
                batch, room = [], limit
            room -= weight
        batch.append(rest)
    yield batch


def _split(
    part: AdmittedSlice[RecordT, OutcomeT], count: int
) -> tuple[AdmittedSlice[RecordT, OutcomeT], AdmittedSlice[RecordT, OutcomeT]]:
    head, tail = part.slice.split(count)
    return AdmittedSlice(head, part.outcomes[:count]), AdmittedSlice(tail, part.outcomes[count:])
