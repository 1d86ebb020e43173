"""The worker's backlog: slices that were read and not yet applied, drawn in fair shares.

Pure. One topic is one partner, so a partner that floods its topic (or fills it with garbage) gets its share of
each batch and no more, and only its own partitions are held back.
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
    """Records and bytes kept in all; the partitions of which something waits share them alike.

    One that has its share is held back, and let go again at half of it. A record in memory weighs some four times its
    bytes, so this is most of what a busy worker's memory depends on.
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
        """Hold back at the share of so many records or bytes, let go at half of it; tell which."""
        if self.records >= records or self.bytes >= size:
            self.held = True
        elif self.records * 2 < records and self.bytes * 2 < size:
            self.held = False
        return self.held


class Backlog(Generic[RecordT]):
    """Slices per partition, in order. `size` tells the bytes of one record. Not for several threads."""

    def __init__(self, size: Callable[[RecordT], int], bounds: Bounds | None = None) -> None:
        self._size = size
        self._bounds = bounds or Bounds()
        self._queues: dict[PartitionId, _Queue[RecordT]] = {}

    @property
    def records(self) -> int:
        """How many records wait."""
        return sum(queue.records for queue in self._queues.values())

    def waiting(self, without: frozenset[str] = frozenset()) -> bool:
        """Whether a record waits in any topic other than those of `without`."""
        return any(queue.records for tp, queue in self._queues.items() if tp.topic not in without)

    def first(self) -> dict[PartitionId, RecordT]:
        """The record that has waited longest, per partition that has any."""
        return {tp: queue.slices[0].records[0] for tp, queue in self._queues.items() if queue.records}

    def held(self) -> frozenset[PartitionId]:
        """The partitions that hold their share: read no more of them for now."""
        waiting = {partition: queue for partition, queue in self._queues.items() if queue.records}
        if not waiting:
            return frozenset()
        records, size = self._bounds.records // len(waiting), self._bounds.bytes // len(waiting)
        return frozenset(partition for partition, queue in waiting.items() if queue.hold(records, size))

    def keep(self, partitions: Iterable[PartitionId]) -> None:
        """Forget the partitions that are not in `partitions`: they are read elsewhere now, or again."""
        kept = set(partitions)
        self._queues = {partition: queue for partition, queue in self._queues.items() if partition in kept}

    def add(self, slices: Iterable[Slice[RecordT]]) -> None:
        """Append slices; one of a newer claim replaces what waits under the older one.

        Raises ValueError when a slice does not continue the last one of its claim: the reader would be wrong.
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
        """Take up to `records` records and about `size` bytes: an equal share for each topic that has any.

        What a topic does not use goes to the others; in a topic the partitions share alike. At least one record
        is taken where any waits. Topics in `without` are left alone.
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


# Pure. Events and bytes are bounded when slices are drawn from the backlog; how many rows an event will touch (a
# train event reaches every box) is known only after it was read, so it bounds the batch here.

OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True)
class AdmittedSlice(Generic[RecordT, OutcomeT]):
    """One slice with what admission made of each of its records, in order."""

    slice: Slice[RecordT]
    outcomes: Sequence[OutcomeT]


def split_batches(
    parts: Sequence[AdmittedSlice[RecordT, OutcomeT]], weights: Sequence[Sequence[int]], limit: int
) -> Iterator[list[AdmittedSlice[RecordT, OutcomeT]]]:
    """Yield batches whose weights sum up to at most `limit`, in order; an event heavier than that stands alone.

    `weights` holds, for each part, one weight per outcome. Usually everything is one batch and nothing is copied.
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
