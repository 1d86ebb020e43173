"""A journey cut into legs, from its facts in any order."""

from __future__ import annotations

import random

from services.arrival.domain.legs import Leg, Stage, progress, segments
from services.domain.rules import HOUR
from tests.unit.arrival.journeys import ALASHANKOU, ALMATY, DOSTYK, ROUTE, START, XIAN, event, journey


def test_the_segments_of_a_route() -> None:
    assert segments(ROUTE) == (
        Leg(Stage.LOADED, XIAN, XIAN),
        Leg(Stage.RUNNING, XIAN, ALASHANKOU),
        Leg(Stage.AT_BORDER, ALASHANKOU, DOSTYK),
        Leg(Stage.HANDED_OVER, ALASHANKOU, DOSTYK),
        Leg(Stage.RUNNING, DOSTYK, ALMATY),
    )
    assert segments(()) == ()
    assert segments((XIAN,)) == ()


def test_every_leg_lasts_to_the_end_of_its_segment() -> None:
    done = progress(ROUTE, journey())
    lasted = {
        (each.leg.stage, each.leg.first): (each.end - each.start) // HOUR
        for each in done.observed
        if each.end is not None
    }
    assert lasted == {
        (Stage.GATED_IN, XIAN): 40,
        (Stage.LOADED, XIAN): 8,
        (Stage.RUNNING, XIAN): 60,
        (Stage.RUNNING, "railnet:lanzhou"): 40,
        (Stage.AT_BORDER, ALASHANKOU): 20,
        (Stage.HANDED_OVER, ALASHANKOU): 10,
        (Stage.TRANSSHIPPED, ALASHANKOU): 5,
        (Stage.RUNNING, DOSTYK): 30,
    }
    assert done.arrived == START + 120 * HOUR
    assert (done.leg, done.ahead) == (None, ())


def test_the_order_of_arrival_does_not_matter() -> None:
    events = journey()
    for seed in range(20):
        drawn = events * 2
        random.Random(seed).shuffle(drawn)
        assert progress(ROUTE, drawn) == progress(ROUTE, events)


def test_what_has_not_ended_lasts() -> None:
    now = progress(ROUTE, journey()[:5])
    assert now.leg == Leg(Stage.AT_BORDER, ALASHANKOU, DOSTYK)
    assert now.since == START + 60 * HOUR
    assert [each.leg.stage for each in now.observed if each.end is None] == [Stage.AT_BORDER]
    assert [leg.stage for leg in now.ahead] == [Stage.HANDED_OVER, Stage.RUNNING]


def test_a_train_set_aside_is_on_a_leg_of_its_own() -> None:
    held = [*journey()[:3], event("train_held", "railnet:lanzhou", 20)]
    now = progress(ROUTE, held)
    assert now.leg == Leg(Stage.HELD, "railnet:lanzhou", ALASHANKOU)
    assert [leg.stage for leg in now.ahead] == [Stage.AT_BORDER, Stage.HANDED_OVER, Stage.RUNNING]


def test_a_fact_that_nobody_reported_leaves_its_leg_unknown() -> None:
    """Without the hand-over neither the wait before nor the time after it is known; the runs are."""
    unseen = [each for each in journey() if b"handed_over" not in each.event and b"trans" not in each.event]
    stages = [each.leg.stage for each in progress(ROUTE, unseen).observed if each.end is not None]
    assert Stage.AT_BORDER not in stages
    assert Stage.HANDED_OVER not in stages
    assert stages.count(Stage.RUNNING) == 3


def test_an_earlier_fact_that_comes_late_in_time_moves_nothing_back() -> None:
    late = [*journey()[:6], event("departed", XIAN, 82)]
    assert progress(ROUTE, late) == progress(ROUTE, journey()[:6])


def test_without_a_route_there_are_no_legs() -> None:
    nothing = progress((), journey())
    assert (nothing.leg, nothing.ahead, nothing.observed) == (None, (), ())
