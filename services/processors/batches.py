"""Cut what was admitted into batches: one database transaction each.

Pure. Events and bytes are bounded when slices are drawn from the backlog; how many rows an event will touch (a
train event reaches every box) is known only after it was read, so it bounds the batch here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.ledger.storage.ledger_protocol import RecordT, Slice

OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True)
class Part(Generic[RecordT, OutcomeT]):
    """One slice with what admission made of each of its records, in order."""

    slice: Slice[RecordT]
    outcomes: Sequence[OutcomeT]


def cut(
    parts: Sequence[Part[RecordT, OutcomeT]], weights: Sequence[Sequence[int]], limit: int
) -> Iterator[list[Part[RecordT, OutcomeT]]]:
    """Yield batches whose weights sum up to at most `limit`, in order; an event heavier than that stands alone.

    `weights` holds, for each part, one weight per outcome. Usually everything is one batch and nothing is copied.
    """
    if sum(map(sum, weights)) <= limit:
        if parts:
            yield list(parts)
        return
    batch: list[Part[RecordT, OutcomeT]] = []
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
    part: Part[RecordT, OutcomeT], count: int
) -> tuple[Part[RecordT, OutcomeT], Part[RecordT, OutcomeT]]:
    head, tail = part.slice.split(count)
    return Part(head, part.outcomes[:count]), Part(tail, part.outcomes[count:])
