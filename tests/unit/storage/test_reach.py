"""Ways to a consignment as rows: disjoint intervals per object, the parties that count, and the boxes held."""

from __future__ import annotations

from typing import Any

from services.domain.facts import FOREVER, SINCE_EVER, LinkKind
from services.ledger.storage.reachability import derive_structure

CONS, BOX, NOTE = bytes([1] * 16), bytes([2] * 16), bytes([3] * 16)
FOUNDER, STRANGER = 10, 20


def carries(start: int, until: int, publisher: int = FOUNDER) -> tuple[Any, ...]:
    return (LinkKind.CONTAINER_CARRIES, BOX, CONS, start, until, publisher, False, [], until == FOREVER)


def reach(*links: tuple[Any, ...]) -> Any:
    (found,) = derive_structure([CONS], [(CONS, FOUNDER, [])], links).reaches
    return found


def ways(reach: Any) -> list[tuple[Any, ...]]:
    return list(zip(reach.objects, reach.starts, reach.untils, strict=True))


def test_a_consignment_that_nobody_founded_is_reached_by_nothing() -> None:
    structure = derive_structure([CONS], [], [carries(0, FOREVER)])
    assert structure.canonical == {CONS: CONS}
    assert (structure.reaches[0].founded, structure.reaches[0].objects) == (False, ())


def test_intervals_that_touch_are_one_and_others_stay_apart() -> None:
    found = reach(carries(0, 5), carries(5, 8), carries(9, 12))
    assert ways(found) == [(CONS, SINCE_EVER, FOREVER), (BOX, 0, 8), (BOX, 9, 12)]


def test_a_box_that_a_stranger_assigned_neither_counts_nor_is_held() -> None:
    found = reach(carries(0, FOREVER, publisher=STRANGER))
    assert ways(found) == [(CONS, SINCE_EVER, FOREVER)]
    assert found.held == []


def test_a_box_whose_assignment_ended_is_held_only_where_no_other_is() -> None:
    """Whether its end was said or the publisher gave it another cargo: the row has the effective end."""
    assert reach(carries(0, 5)).held == [BOX]
    other = bytes([4] * 16)
    kept = (LinkKind.CONTAINER_CARRIES, other, CONS, 0, FOREVER, FOUNDER, False, [], True)
    assert reach(carries(0, 5), kept).held == [other]


def test_of_two_notes_neither_speaks_for_the_whole_cargo() -> None:
    other = bytes([4] * 16)

    def covers(note: bytes) -> tuple[Any, ...]:
        return (LinkKind.NOTE_COVERS, note, CONS, SINCE_EVER, FOREVER, FOUNDER, False, [], True)

    assert reach(covers(NOTE)).parts == []
    assert reach(covers(NOTE), covers(other)).parts == [NOTE, other]


def delivered(
    at: int, publisher: int = FOUNDER, kind: LinkKind = LinkKind.DELIVERED, of: bytes = BOX
) -> tuple[Any, ...]:
    return (kind, of, of, at + 1, FOREVER, publisher, False, [], True)


def test_a_delivered_box_is_held_and_reaches_until_the_delivery() -> None:
    found = reach(carries(0, FOREVER), delivered(7))
    assert ways(found) == [(CONS, SINCE_EVER, FOREVER), (BOX, 0, 8)]
    assert found.held == [BOX]
    assert ways(reach(carries(0, FOREVER), delivered(7, of=CONS)))[1:] == [(BOX, 0, 8)]


def test_a_strangers_delivery_and_an_end_that_was_written_change_nothing() -> None:
    assert ways(reach(carries(0, FOREVER), delivered(7, STRANGER)))[1:] == [(BOX, 0, FOREVER)]
    assert ways(reach(carries(0, 20), delivered(7)))[1:] == [(BOX, 0, 20)]


def test_an_early_return_comes_before_the_cargo() -> None:
    early = delivered(7, kind=LinkKind.EMPTY_RETURNED)
    assert ways(reach(carries(0, FOREVER), early))[1:] == [(BOX, 8, FOREVER)]
