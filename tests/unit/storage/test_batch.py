"""Cutting a batch in two loses no record, and each half still says exactly where its partitions go."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from schemas.reasons import Reason
from services.domain.facts import Facts
from services.ledger.admission.model import Record, Refused
from services.ledger.admission.raw_bytes import record_digest
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.ledger_protocol import Mark


@dataclass(frozen=True)
class Part:
    """A partition's records, in order: True is an event, False was refused, None is a hole in the log."""

    records: tuple[bool | None, ...]


parts = st.lists(
    st.lists(st.sampled_from((True, True, False, None)), min_size=1, max_size=8).map(
        lambda r: Part(tuple(r))
    ),
    min_size=1,
    max_size=4,
)


def build(told: list[Part]) -> Batch:
    advances, events, refused = [], [], []
    for number, part in enumerate(told):
        first = number * 100
        end = first + len(part.records)
        advances.append(Advance("t", number, 7, first, end, Mark(end - 1, b"%032d" % number, 5)))
        for place, kind in enumerate(part.records):
            record = Record("t", number, first + place, 0, [], b"")
            if kind is True:
                events.append(Event(record, bytes(16), bytes(16), b"", "p", "00" * 8, 1, Facts()))
            elif kind is False:
                refused.append(Refused(record, Reason.UNSIGNED, "", "", "", "p"))
    return Batch(tuple(advances), tuple(events), tuple(refused), 3)


@given(parts)
def test_halves_are_the_whole(told: list[Part]) -> None:
    batch = build(told)
    if len(batch.events) < 2:
        return
    first, second = batch.halves()
    assert first.events
    assert second.events
    assert len(first.events) + len(second.events) == len(batch.events)
    assert sorted(map(at, (*first.events, *second.events))) == sorted(map(at, batch.events))
    assert sorted(map(at, (*first.refused, *second.refused))) == sorted(map(at, batch.refused))
    assert first.registry == second.registry == 3
    for half in (first, second):
        bounds = {a.partition: (a.first, a.next_offset) for a in half.advances}
        assert all(low < high for low, high in bounds.values())
        for each in (*half.events, *half.refused):
            low, high = bounds[each.record.partition]
            assert low <= each.record.offset < high
        placed = {at(each): each.record for each in (*half.events, *half.refused)}
        for way in half.advances:
            assert way.last is not None
            assert way.last.offset == way.next_offset - 1, "each half ends with its own last record"
            if way.last.digest != b"%032d" % way.partition:
                tail = placed[way.partition, way.last.offset]
                assert way.last == Mark(tail.offset, record_digest(tail.append_ms, tail.headers, tail.value))
    for advance in batch.advances:
        ways = [a for half in (first, second) for a in half.advances if a.partition == advance.partition]
        assert [w.epoch for w in ways] == [7] * len(ways)
        assert ways[0].first == advance.first
        assert ways[-1].next_offset == advance.next_offset
        assert all(left.next_offset == right.first for left, right in itertools.pairwise(ways))


def at(each: Event | Refused) -> tuple[int, int]:
    return each.record.partition, each.record.offset
