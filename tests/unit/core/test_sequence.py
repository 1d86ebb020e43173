"""The order of facts that move a cargo: a function of their set, whose last one is the position."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import Classifier, ObjectKind, Region
from services.domain.facts import Assurance, Claim
from services.domain.handovers import receiving_station
from services.domain.objects import Thing
from services.domain.rules import CLOCK_TOLERANCE, HANDED_OVER
from services.domain.sequence import in_sequence, latest
from services.domain.view import Position

CROSSING = "crossing:alashankou-dostyk"
PLACES = ("", "railnet:alashankou", "railnet:dostyk", CROSSING, "railnet:aktogay")
ROUTE = ("railnet:alashankou", "railnet:dostyk", "railnet:aktogay")


def fact(number: int, milestone: int, minutes: int, place: str, stop: str = "") -> Position:
    claim = Claim(
        number.to_bytes(16), "ktz", 0, minutes * 60_000_000, Thing(ObjectKind.CONTAINER, "A"), milestone,
        Region.MOVEMENT, "", place, "", Classifier.ACT, Assurance.ASSERTED, True, stop,
    )  # fmt: skip
    return Position(claim, False)


FACTS = st.lists(
    st.builds(
        lambda milestone, minutes, place, stop: (
            milestone,
            minutes,
            place,
            stop if milestone == HANDED_OVER else "",
        ),
        st.sampled_from((203, 300, 301, HANDED_OVER, 304, 305, 400)),
        st.integers(0, 12).map(lambda n: n * 15),
        st.sampled_from(PLACES),
        st.sampled_from(PLACES[:4]),
    ),
    max_size=9,
)


@given(told=FACTS, route=st.sampled_from(((), ROUTE)), seed=st.integers(0, 9))
def test_one_order_of_every_set_whose_last_one_is_the_position(
    told: list[tuple[int, int, str, str]], route: tuple[str, ...], seed: int
) -> None:
    facts = [fact(n, *each) for n, each in enumerate(told)]
    ordered = in_sequence(facts, route)
    shuffled = random.Random(seed).sample(facts, len(facts))
    assert in_sequence(shuffled, route) == ordered
    assert sorted(ordered, key=lambda p: p.rank) == sorted(facts, key=lambda p: p.rank)
    assert latest(shuffled, route) == (ordered[-1] if ordered else None)


def test_the_edge_of_the_tolerance() -> None:
    handed = fact(1, HANDED_OVER, 0, "railnet:dostyk")
    near = fact(2, 301, CLOCK_TOLERANCE // 60_000_000 - 1, "railnet:dostyk")
    far = fact(3, 301, CLOCK_TOLERANCE // 60_000_000, "railnet:dostyk")
    assert in_sequence([handed, near]) == [near, handed]
    assert in_sequence([handed, far]) == [handed, far]


@pytest.mark.parametrize(
    ("own", "other", "receives", "station"),
    [
        ({"cr"}, {"ktz"}, False, "railnet:dostyk"),
        ({"ktz"}, {"cr"}, True, "railnet:dostyk"),
        ({"ktz"}, {"cr"}, False, "railnet:alashankou"),
        ({"stray"}, {"cr"}, False, "railnet:alashankou"),
        ({"stray"}, {"other"}, True, CROSSING),
    ],
)
def test_a_handover_stands_at_the_station_that_receives(
    own: set[str], other: set[str], receives: bool, station: str
) -> None:
    assert receiving_station(CROSSING, own, other, receives) == station
    assert receiving_station("railnet:xian-intl-port", own, other, receives) == ""
