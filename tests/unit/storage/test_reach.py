"""Ways to a consignment as rows: disjoint intervals per object, the parties that count, and the boxes held."""

from __future__ import annotations

from typing import Any

from services.core.facts import FOREVER, SINCE_EVER, LinkKind
from services.storage.reaching import derive_structure

CONS, BOX, NOTE = bytes([1] * 16), bytes([2] * 16), bytes([3] * 16)
FOUNDER, STRANGER = 10, 20


def carries(start: int, until: int, end: int | None = None, publisher: int = FOUNDER) -> tuple[Any, ...]:
    return (LinkKind.CONTAINER_CARRIES, BOX, CONS, 1, start, end, until, publisher, False, False, [])


def reach(*links: tuple[Any, ...]) -> Any:
    (found,) = derive_structure([CONS], [(CONS, FOUNDER, [])], links).reaches
    return found


def test_a_consignment_that_nobody_founded_is_reached_by_nothing() -> None:
    structure = derive_structure([CONS], [], [carries(0, FOREVER)])
    assert structure.canonical == {CONS: CONS}
    assert (structure.reaches[0].founded, structure.reaches[0].ways) == (False, ())


def test_intervals_that_touch_are_one_and_others_stay_apart() -> None:
    found = reach(carries(0, 5, 5), carries(5, 8, 8), carries(9, 12, 12))
    assert found.ways == ((CONS, SINCE_EVER, FOREVER), (BOX, 0, 8), (BOX, 9, 12))


def test_a_box_that_a_stranger_assigned_neither_counts_nor_is_held() -> None:
    found = reach(carries(0, FOREVER, publisher=STRANGER))
    assert found.ways == ((CONS, SINCE_EVER, FOREVER),)
    assert found.held == ()


def test_a_box_whose_end_was_said_is_held_only_where_no_other_is() -> None:
    assert reach(carries(0, 5, 5)).held == (BOX,)
    other = bytes([4] * 16)
    kept = (LinkKind.CONTAINER_CARRIES, other, CONS, 1, 0, None, FOREVER, FOUNDER, False, False, [])
    assert reach(carries(0, 5, 5), kept).held == (other,)


def test_an_effective_end_is_no_said_end() -> None:
    """The box went on to another consignment; nobody said that the cargo left it."""
    assert reach(carries(0, 5)).held == (BOX,)
