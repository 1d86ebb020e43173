"""Fair shares of what waits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.storage.ledger_protocol import PartitionId, Slice
from services.processors.backlog import Backlog, Bounds


@dataclass(frozen=True)
class Sized:
    offset: int
    size: int = 1


def slice_of(
    topic: str, partition: int, first: int, count: int, size: int = 1, epoch: int = 1
) -> Slice[Sized]:
    messages = [Sized(first + i, size) for i in range(count)]
    return Slice(PartitionId(topic, partition), epoch, first, first + count, messages)


def backlog(**bounds: int) -> Backlog[Sized]:
    return Backlog(lambda message: message.size, Bounds(**bounds))


def test_a_flooded_topic_gets_its_share_and_no_more() -> None:
    waiting = backlog()
    waiting.add([slice_of("flood", p, 0, 10_000) for p in range(8)] + [slice_of("quiet", 0, 0, 100)])
    drawn = waiting.draw(2_000, 1 << 30)
    assert sum(len(s.records) for s in drawn) == 2_000
    assert sum(len(s.records) for s in drawn if s.partition.topic == "quiet") == 100
    assert {len(s.records) for s in drawn if s.partition.topic == "flood"} <= {236, 237, 238}


def test_heavy_messages_of_one_topic_leave_room_for_the_others() -> None:
    waiting = backlog()
    waiting.add([slice_of("heavy", 0, 0, 100, size=60_000), slice_of("light", 0, 0, 500, size=600)])
    drawn = {s.partition.topic: len(s.records) for s in waiting.draw(2_000, 1 << 20)}
    assert drawn["light"] == 500
    assert drawn["heavy"] * 60_000 <= 1 << 20


def test_a_message_larger_than_the_limit_is_drawn_alone() -> None:
    waiting = backlog()
    waiting.add([slice_of("heavy", 0, 0, 3, size=100)])
    assert [len(s.records) for s in waiting.draw(10, 50)] == [1]


def test_a_partition_is_held_back_when_full_and_let_go_at_half() -> None:
    waiting = backlog(records=20)
    waiting.add([slice_of("a", 0, 0, 10), slice_of("b", 0, 0, 9)])
    assert waiting.held() == {("a", 0)}
    waiting.draw(10, 100)
    assert waiting.held() == {("a", 0)}, "five of ten are still too many"
    waiting.draw(2, 100)
    assert waiting.held() == frozenset()


def test_what_is_kept_in_all_is_bounded_however_many_partitions_there_are() -> None:
    waiting = backlog(records=1_000)
    ends = [0] * 40
    for _ in range(30):
        held = waiting.held()
        for number in range(40):
            if PartitionId("t", number) not in held:
                waiting.add([slice_of("t", number, ends[number], 10)])
                ends[number] += 10
    assert 900 <= waiting.records <= 1_000 + 40 * 10  # one poll may come on top


def test_a_partition_alone_may_keep_everything() -> None:
    waiting = backlog(records=1_000)
    waiting.add([slice_of("a", 0, 0, 999)])
    assert waiting.held() == frozenset()
    waiting.add([slice_of("b", 0, 0, 1)])
    assert waiting.held() == {("a", 0)}


def test_a_newer_claim_replaces_what_waits_and_an_older_one_is_ignored() -> None:
    waiting = backlog()
    waiting.add([slice_of("a", 0, 0, 5, epoch=1)])
    waiting.add([slice_of("a", 0, 0, 3, epoch=2)])
    waiting.add([slice_of("a", 0, 3, 3, epoch=1)])
    (drawn,) = waiting.draw(100, 100)
    assert (drawn.epoch, drawn.first, drawn.next_offset) == (2, 0, 3)


def test_a_slice_that_does_not_continue_is_a_fault_of_ours() -> None:
    waiting = backlog()
    waiting.add([slice_of("a", 0, 0, 5)])
    with pytest.raises(ValueError, match="does not continue"):
        waiting.add([slice_of("a", 0, 6, 5)])


def test_a_resting_topic_is_left_alone() -> None:
    waiting = backlog()
    waiting.add([slice_of("a", 0, 0, 5), slice_of("b", 0, 0, 5)])
    assert [s.partition.topic for s in waiting.draw(100, 100, without=frozenset({"a"}))] == ["b"]
    assert not waiting.waiting(without=frozenset({"a"}))
    assert waiting.waiting()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(1, 9)), max_size=20),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_everything_is_drawn_once_and_in_order(
    adds: list[tuple[str, int, int]], records: int, size: int
) -> None:
    waiting = backlog()
    ends: dict[PartitionId, int] = {}
    for topic, partition, count in adds:
        key = PartitionId(topic, partition)
        waiting.add([slice_of(topic, partition, ends.get(key, 0), count)])
        ends[key] = ends.get(key, 0) + count
    reached: dict[PartitionId, int] = {}
    while drawn := waiting.draw(records, size):
        assert sum(len(s.records) for s in drawn) <= records
        for part in drawn:
            assert part.first == reached.get(part.partition, 0)
            assert [m.offset for m in part.records] == list(range(part.first, part.next_offset))
            reached[part.partition] = part.next_offset
    assert reached == ends
    assert waiting.records == 0
