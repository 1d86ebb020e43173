"""What the reader hands on, and where it seeks instead."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.storage.ledger_protocol import (
    Claim,
    Fenced,
    Mark,
    OffsetRow,
    Origin,
    PartitionId,
    Reader,
    Slice,
    advance,
    claim,
    runs,
)

P = PartitionId("cre.railway.ktz.v1", 0)


@dataclass(frozen=True)
class At:
    offset: int


def records(*offsets: int) -> list[At]:
    return [At(offset) for offset in offsets]


@pytest.fixture
def reader() -> Reader[At]:
    reader: Reader[At] = Reader()
    reader.restart([Claim(P, 5, epoch=1)])
    return reader


def test_a_fetch_that_continues_is_handed_on(reader: Reader[At]) -> None:
    judged = reader.judge({P: records(5, 6, 7)})
    assert [(s.first, s.next_offset, s.epoch) for s in judged.slices] == [(5, 8, 1)]
    assert not judged.seeks
    assert reader.expected(P) == 5, "judging moves nothing"
    reader.handed_over(judged.slices)
    assert reader.expected(P) == 8


def test_a_later_fetch_is_not_skipped_to_but_sought_back(reader: Reader[At]) -> None:
    judged = reader.judge({P: records(9, 10)})
    assert not judged.slices
    assert judged.seeks == {P: 5}


def test_a_hole_of_the_log_is_accepted_when_it_shows_again_after_the_seek(reader: Reader[At]) -> None:
    reader.judge({P: records(9, 10)})
    judged = reader.judge({P: records(9, 10)})
    assert [(s.first, s.next_offset) for s in judged.slices] == [(5, 11)], "the slice covers the hole"


def test_a_dropped_fetch_proves_no_hole(reader: Reader[At]) -> None:
    reader.judge({P: records(9, 10)})  # 5..8 went missing around a rebalance
    reader.dropped()  # so did the repetition of 5..8 after the seek
    judged = reader.judge({P: records(9, 10)})
    assert not judged.slices
    assert judged.seeks == {P: 5}


def test_an_older_fetch_is_never_taken_for_a_hole(reader: Reader[At]) -> None:
    for _ in range(2):
        judged = reader.judge({P: records(3, 4, 5, 6)})
        assert not judged.slices
        assert judged.seeks == {P: 5}


def test_what_is_not_claimed_or_stopped_is_left_out(reader: Reader[At]) -> None:
    other = PartitionId("b", 1)
    assert not reader.judge({other: records(0)}).slices
    reader.stop(P)
    assert reader.judge({P: records(5)}).slices == ()
    assert reader.expected(P) is None


def test_a_hand_over_under_an_older_claim_moves_nothing(reader: Reader[At]) -> None:
    judged = reader.judge({P: records(5, 6)})
    reader.restart([Claim(P, 5, epoch=2)])
    reader.handed_over(judged.slices)
    assert reader.expected(P) == 5


def test_the_ledger_moves_only_from_its_offset_under_its_epoch() -> None:
    row, granted = claim(None, P, "id-1")
    assert (granted.next_offset, granted.epoch, granted.topic_id, row.topic_id) == (0, 1, None, "id-1")
    moved = advance(row, Slice(P, 1, 0, 3, records(0, 1, 2)))
    assert moved == OffsetRow(3, 1, "id-1")
    for epoch, first in ((1, 2), (1, 4), (0, 3), (2, 3)):
        with pytest.raises(Fenced):
            advance(moved, Slice(P, epoch, first, 9, records(8)))
    again, granted = claim(moved, P, "id-2")
    assert (again.epoch, again.next_offset, again.topic_id) == (2, 3, "id-1"), (
        "only an operator accepts another log"
    )
    assert granted.topic_id == "id-1"


def test_a_slice_splits_without_a_gap() -> None:
    head, tail = Slice(P, 1, 4, 12, records(5, 6, 9, 11)).split(2)
    assert (head.first, head.next_offset, tail.first, tail.next_offset) == (4, 7, 7, 12)
    assert [*head.records, *tail.records] == records(5, 6, 9, 11)


LAST = Mark(4, b"d" * 32, 7)
CONNECTION = object()


def marked(record: At, leader: int | None) -> Mark:
    return Mark(record.offset, b"%032d" % record.offset, leader)


@pytest.fixture
def marking() -> Reader[At]:
    reader: Reader[At] = Reader(marked)
    reader.restart([Claim(P, 5, 1, "id", LAST)])
    return reader


def test_the_first_fetch_of_a_claim_is_compared_and_what_continues_it_is_not(marking: Reader[At]) -> None:
    origin = Origin(CONNECTION, ((0, 7),))
    judged = marking.judge({P: records(5, 6)}, {P: origin})
    assert judged.unproven == {P: LAST}
    marking.handed_over(judged.slices)
    assert not marking.judge({P: records(7)}, {P: origin}).unproven
    assert marking.last(P) == marked(At(6), 7)


@pytest.mark.parametrize(
    "origin",
    [Origin(object(), ((0, 7),)), Origin(CONNECTION, ((0, 8),)), Origin(CONNECTION), Origin(None, ((0, 7),)), None],
    ids=["another connection", "another leader", "no epoch", "no connection", "no origin"],
)  # fmt: skip
def test_what_may_follow_a_loss_is_compared(marking: Reader[At], origin: Origin | None) -> None:
    marking.handed_over(marking.judge({P: records(5, 6)}, {P: Origin(CONNECTION, ((0, 7),))}).slices)
    judged = marking.judge({P: records(7)}, {} if origin is None else {P: origin})
    assert judged.unproven == {P: marked(At(6), 7)}
    assert judged.slices, "it is handed on once the log has shown the record before it"


def test_leaders_may_change_within_one_fetch(marking: Reader[At]) -> None:
    """An answer is read from one log at one moment."""
    both = Origin(CONNECTION, ((0, 7), (6, 8)))
    judged = marking.judge({P: records(5, 6)}, {P: both})
    marking.handed_over(judged.slices)
    assert [part.leader_epoch for part in judged.slices[0].split(1)] == [7, 8]
    assert not marking.judge({P: records(7)}, {P: Origin(CONNECTION, ((6, 8),))}).unproven


def test_a_partition_without_a_record_to_compare_is_taken_at_its_word_once(reader: Reader[At]) -> None:
    judged = reader.judge({P: records(5)}, {P: Origin(CONNECTION, ((0, 7),))})
    assert judged.slices
    assert not judged.unproven


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), max_size=20).map(sorted))
def test_runs_say_of_each_offset_what_its_batches_say(batches: list[tuple[int, int]]) -> None:
    kept = list(dict(batches).items())
    origin = Origin(None, runs(kept))
    for offset in range(52):
        said = [leader for first, leader in kept if first <= offset]
        assert origin.leader_epoch(offset) == (said[-1] if said else None)
    cut = len(kept) // 2
    early, late = Origin(None, runs(kept[:cut])), Origin(None, runs(kept[cut:]))
    if kept:
        assert early.joined(late).leaders == origin.leaders


def test_the_ledger_gives_the_last_record_with_the_next_claim() -> None:
    row, granted = claim(None, P)
    part: Slice[At] = Slice(P, granted.epoch, 0, 2, records(0, 1))
    row = advance(row, part, marked(At(1), 3))
    assert claim(row, P)[1].last == marked(At(1), 3)
    assert claim(advance(row, Slice(P, row.epoch, 2, 3, records(2))), P)[1].last is None
