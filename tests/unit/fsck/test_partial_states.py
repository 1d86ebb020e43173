"""Which transactions a value beside a note may have missed: those that left notes and their neighbours, and no others."""

from __future__ import annotations

from services.audit.fsck.partial_states import BESIDE, NOTED, subsets
from services.ledger.storage.batch import MOST_EVENTS


def numbers(*blocks: int) -> set[int]:
    return {block * MOST_EVENTS + 7 for block in blocks}


def test_without_a_note_nothing_may_be_missing() -> None:
    assert list(subsets(numbers(1, 2, 3), set())) == [frozenset()]


def test_a_note_of_something_else_excuses_nothing() -> None:
    assert list(subsets(numbers(1, 2, 3), numbers(9))) == [frozenset()]


def test_what_left_the_note_and_its_neighbours_may_be_missing_fewest_first() -> None:
    found = list(subsets(numbers(1, 5, 6, 7, 100), numbers(6)))
    assert found[0] == frozenset()
    assert [len(each) for each in found] == sorted(len(each) for each in found)
    assert frozenset({6}) in found
    assert max(found, key=len) == frozenset({6, 5, 7, 1})
    assert len(found) == 2 ** (1 + BESIDE)


def test_the_combinations_are_bounded() -> None:
    found = list(subsets(numbers(*range(50)), numbers(*range(50))))
    assert len(found) == 2 ** (NOTED + BESIDE)
