"""What ends a link besides its publisher, by hand: facts that free, and next legs."""

from __future__ import annotations

import pytest

from schemas.events.base import ObjectKind
from services.domain.facts import FOREVER, Link, LinkKind
from services.domain.freeing import CLOSING, SAME_DAY, SOONEST, closing
from services.domain.links import Network
from services.domain.next_leg import adjoins, in_time
from services.domain.objects import Thing
from services.domain.rules import HOUR

BOX = Thing(ObjectKind.CONTAINER, "CSQU3054383")
CONS = Thing(ObjectKind.CONSIGNMENT, "op/1")
OUT, POD, EMPTY = (int(kind) for kind in (LinkKind.GATED_OUT, LinkKind.DELIVERED, LinkKind.EMPTY_RETURNED))
DAY = 24 * HOUR
AT = 20 * DAY


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([(AT, OUT, True)], (0, FOREVER, None)),
        ([(AT, POD, False)], (0, FOREVER, None)),
        ([(AT, POD, True)], (0, AT, 0)),
        ([(1, POD, True)], (0, FOREVER, None)),  # at the very start
        (
            [(AT, OUT, True), (AT + HOUR, POD, True), (AT + 2 * HOUR, OUT, True)],
            (0, AT + 2 * HOUR, 2),
        ),
        ([(AT, POD, True), (AT + CLOSING, EMPTY, True)], (0, AT + CLOSING, 1)),
        ([(AT, POD, True), (AT + CLOSING + 1, EMPTY, True)], (0, AT, 0)),
        (
            [(AT, EMPTY, True), (AT + SAME_DAY, POD, True), (AT + SAME_DAY + 1, OUT, True)],
            (0, AT + SAME_DAY, 1),
        ),
        # The word of others is shown as far as it belongs to the closing; it is not what ended the assignment.
        (
            [(AT, POD, True), (AT + SAME_DAY, POD, False), (AT + SAME_DAY + 1, POD, False)],
            (0, AT + SAME_DAY, 0),
        ),
        ([(SOONEST, EMPTY, True)], (SOONEST, FOREVER, None)),
        ([(DAY, POD, True), (2 * DAY, EMPTY, True)], (0, 2 * DAY, 1)),
    ],
)
def test_one_closing(facts: list[tuple[int, int, bool]], expected: tuple[int, int, int | None]) -> None:
    assert closing(0, facts) == expected


def test_what_ended_a_link_is_known() -> None:
    assigned = Link(b"a", "op", 0, LinkKind.CONTAINER_CARRIES, BOX, CONS, 0, None, False)
    pod = Link(b"b", "rhein", 0, LinkKind.DELIVERED, BOX, BOX, AT + 1, None, False)
    network = Network([assigned, pod], {CONS: frozenset({"op", "rhein"})})
    (span,) = network.onward(BOX)
    assert (span.end, span.ended_by) == (AT + 1, pod)
    (span,) = Network([assigned, pod]).onward(BOX)
    assert (span.end, span.ended_by) == (FOREVER, None)
    (span,) = Network([assigned, pod]).onward(BOX, {"rhein"})
    assert span.ended_by == pod


def ride(wagon: str, place: str, at: int) -> Link:
    left = Thing(ObjectKind.WAGON, wagon)
    return Link(b"", wagon, 0, LinkKind.WAGON_CARRIES, left, BOX, at, None, True, place=place)


def test_a_next_leg_adjoins_in_place_and_time() -> None:
    dostyk = ride("1520/1", "railnet:dostyk", 0)
    assert not adjoins(dostyk, ride("UIC/2", "railnet:malaszewicze", 12 * HOUR))
    assert adjoins(dostyk, ride("UIC/2", "railnet:malaszewicze", 9 * DAY))
    assert not adjoins(dostyk, ride("UIC/2", "railnet:duisburg", 12 * DAY))
    assert adjoins(dostyk, ride("CN/2", "railnet:alashankou", 12 * HOUR))
    assert adjoins(dostyk, ride("CN/2", "crossing:alashankou-dostyk", 12 * HOUR))
    assert not adjoins(dostyk, ride("1520/2", "railnet:dostyk", 9 * DAY))
    assert adjoins(ride("1520/1", "", 0), ride("UIC/2", "railnet:malaszewicze", HOUR))


def test_an_unknown_place_decides_nothing_by_time() -> None:
    assert in_time("locode:XXABC", 0, "railnet:duisburg", 1)
    assert not in_time("railnet:dostyk", 0, "railnet:duisburg", HOUR)
