"""Where trains stand on the board, and what keeps their boxes: pure rules, no store."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import Episode
from services.query.board.approach import (
    HOUR,
    Approach,
    Phase,
    TrainReport,
    approach,
    bound,
    gone_over,
    latest,
    may_come,
)
from services.query.board.values import Blocker, BoardTrain, blockers, by_waiting

NOW = 1_700_000_000_000_000
WEST = tuple(f"railnet:{s}" for s in railnet.corridors()["WEST-ALA-W"].stations)
EAST = tuple(reversed(WEST))
DAY = 24 * HOUR


def number(name: str) -> int:
    return catalogue.spec(f"cre.movement.{name}.v1").number


def news(name: str, station: str, hours_ago: float = 1) -> TrainReport:
    return TrainReport(
        number(name), station if ":" in station else f"railnet:{station}", NOW - int(hours_ago * HOUR)
    )


def at(told: TrainReport, route: tuple[str, ...] = WEST, **announced: float) -> Approach | None:
    expected = {f"railnet:{place}": NOW + int(hours * HOUR) for place, hours in announced.items()}
    return approach(told, route, expected, NOW, 12 * HOUR, 12 * HOUR)


def test_a_train_within_its_run_of_the_border_is_due_by_running_time() -> None:
    come = at(news("departed", "jinghe"))
    assert come is not None
    assert (come.crossing.id, come.near, come.phase) == ("alashankou-dostyk", "alashankou", Phase.DUE)
    assert come.expected == NOW - HOUR + int(1.6 * HOUR)
    assert not come.announced


def test_the_word_of_its_railway_goes_before_running_time() -> None:
    come = at(news("departed", "jinghe"), alashankou=5)
    assert come is not None
    assert (come.expected, come.announced) == (NOW + 5 * HOUR, True)
    assert at(news("departed", "jinghe"), alashankou=13) is None, "not in twelve hours"


def test_a_train_that_is_further_away_is_not_on_the_board() -> None:
    assert at(news("departed", "lanzhou")) is None


@pytest.mark.parametrize("what", ["arrived", "queued", "train_held", "position_reported"])
def test_what_stands_at_the_near_side_is_queued(what: str) -> None:
    come = at(news(what, "alashankou", 30))
    assert come is not None
    assert (come.phase, come.expected) == (Phase.QUEUED, None)


@pytest.mark.parametrize("place", ["alashankou", "dostyk", "crossing:alashankou-dostyk"])
def test_what_was_handed_over_stays_twelve_hours(place: str) -> None:
    come = at(news("handed_over", place, 11))
    assert come is not None
    assert (come.phase, come.crossing.id) == (Phase.HANDED_OVER, "alashankou-dostyk")
    assert at(news("handed_over", place, 13)) is None


def test_the_same_station_is_the_other_side_of_the_way_back() -> None:
    come = at(news("arrived", "dostyk"), EAST)
    assert come is not None
    assert (come.near, come.phase) == ("dostyk", Phase.QUEUED)
    assert at(news("departed", "dostyk"), WEST) is None, "it has crossed; the next border is days away"


def test_without_a_route_a_train_at_a_border_is_still_seen() -> None:
    come = at(news("arrived", "alashankou"), ())
    assert come is not None
    assert come.phase is Phase.QUEUED
    assert at(news("arrived", "jinghe"), ()) is None


def test_a_train_of_which_nobody_says_that_it_is_over_is_over_when_its_boxes_are() -> None:
    stands = at(news("arrived", "alashankou", 5))
    assert stands is not None
    last = news("arrived", "alashankou", 5)
    over = news("handed_over", "crossing:alashankou-dostyk", 2)
    still = news("gated_in", "alashankou", 90)
    assert gone_over(stands, last, (over, still), NOW, 12 * HOUR) is stands
    most = gone_over(stands, last, (over, over, still), NOW, 12 * HOUR)
    assert most is not None
    assert most.phase is Phase.HANDED_OVER, (
        "a box that was left behind is a hand-over difference, not a queue"
    )
    elsewhere = news("arrived", "duisburg", 1)
    assert gone_over(stands, last, (elsewhere, still, still), NOW, 12 * HOUR) is stands, (
        "one box, wrongly told"
    )
    gone = gone_over(stands, last, (over, news("transshipped", "dostyk", 1)), NOW, 12 * HOUR)
    assert gone is not None
    assert gone.phase is Phase.HANDED_OVER
    assert gone_over(stands, last, (news("handed_over", "dostyk", 4),), NOW, 3 * HOUR) is None
    assert gone_over(stands, last, (), NOW, 12 * HOUR) is stands
    assert gone_over(stands, last, (news("arrived", "almaty", 1),), NOW, 12 * HOUR) is None, "long gone"


def test_where_a_train_stands_is_told_by_what_has_a_place() -> None:
    """A customs clearance of a whole train is a milestone of it, and names no place."""
    stands = news("arrived", "alashankou", 9)
    cleared = TrainReport(catalogue.spec("cre.customs.exit_cleared.v1").number, "", NOW - 2 * HOUR)
    assert latest(cleared, stands) == stands
    on_its_way = news("departed", "jinghe", 3)
    assert latest(on_its_way, news("position_reported", "jinghe", 4)) == on_its_way
    assert latest(on_its_way, news("position_reported", "jinghe", 2)).at == NOW - 2 * HOUR


def test_a_train_heard_of_beside_its_planned_route_is_on_its_way_to_the_border_that_it_can_reach() -> None:
    come = at(news("departed", "yekaterinburg", 48))
    assert come is not None
    assert (come.crossing.id, come.phase, come.beside_route) == ("krasnoe-osinovka", Phase.DUE, True)
    led_elsewhere = at(news("arrived", "erenhot", 1))
    assert led_elsewhere is not None
    assert (led_elsewhere.crossing.id, led_elsewhere.phase) == ("erenhot-zamyn-uud", Phase.QUEUED)
    assert led_elsewhere.beside_route
    assert at(news("departed", "locode:XXXXX")) is None, "a place that nobody knows leads nowhere"


BORDERS = tuple(place for place in WEST if railnet.crossings_at(place.removeprefix("railnet:")))


def test_a_route_that_names_its_borders_alone_leads_by_the_stations_between_them() -> None:
    route = (WEST[0], *BORDERS, WEST[-1])
    come = at(news("position_reported", "baranovichi"), route)
    assert come is not None
    assert (come.crossing.id, come.phase, come.beside_route) == ("brest-malaszewicze", Phase.DUE, False)
    assert at(news("departed", "jinghe"), route) == at(news("departed", "jinghe"))


def test_towards_europe_and_towards_china() -> None:
    assert (bound(WEST, ""), bound(EAST, "")) == ("去程", "回程")
    assert (bound((), "railnet:jinghe"), bound((), "railnet:duisburg"), bound((), "")) == ("去程", "回程", "")


PLACES = sorted({*WEST, *(c.place for c in railnet.crossings().values()), "locode:XXXXX", ""})


@given(
    st.sampled_from(["departed", "arrived", "handed_over", "position_reported", "queued"]),
    st.sampled_from(PLACES),
    st.sampled_from([WEST, EAST, ()]),
    st.floats(0, 200),
    st.none() | st.floats(-20, 20),
)
@example("departed", "railnet:aktobe", WEST, 49.05, None)
@example("departed", "railnet:aktobe", EAST, 49.05, None)  # the border on its way is not the nearest one
def test_nothing_that_is_on_the_board_is_left_out_beforehand(
    what: str, place: str, route: tuple[str, ...], hours: float, announced: float | None
) -> None:
    told = TrainReport(number(what), place, NOW - int(hours * HOUR))
    said = {} if announced is None else {"railnet:alashankou": NOW + int(announced * HOUR)}
    if approach(told, route, said, NOW, 12 * HOUR, 12 * HOUR) is not None:
        assert may_come(told, said, NOW, 12 * HOUR)


def customs(name: str, country: str) -> tuple[int, str]:
    return catalogue.spec(f"cre.customs.{name}.v1").number, country


OUT = customs("exit_cleared", "CN")
PRIOR = customs("prior_information_lodged", "KZ")


@pytest.mark.parametrize(
    ("sides", "known", "troubles", "expected"),
    [
        ("CN KZ", set(), set(), (Blocker.RELEASE, Blocker.PRIOR_INFORMATION)),
        ("CN KZ", {customs("released", "CN")}, set(), (Blocker.PRIOR_INFORMATION,)),
        ("CN KZ", {OUT, PRIOR}, set(), ()),
        ("CN KZ", {OUT, customs("transit_opened", "RU")}, set(), ()),  # one union: opened there is told there
        ("CN KZ", {OUT, PRIOR}, {Episode.SEAL_BROKEN}, (Blocker.SEAL,)),
        ("CN KZ", {OUT, PRIOR}, {Episode.DOCUMENT_REJECTED}, (Blocker.TRANSLATION,)),
        ("CN KZ", {OUT, PRIOR}, {Episode.DETAINED, Episode.INSPECTION}, (Blocker.HELD,)),
        ("CN KZ", {OUT, PRIOR}, {Episode.TRAIN_HELD}, ()),  # the train's trouble, not the box's
        ("CN KZ", {customs("released", "DE"), PRIOR}, set(), (Blocker.RELEASE,)),
        ("CN MN", {OUT}, set(), ()),
        ("KZ CN", set(), set(), ()),
        ("KZ RU", set(), set(), ()),  # inside the union there is nothing to be lodged
        ("BY PL", set(), set(), (Blocker.ENS,)),
        ("BY PL", {customs("ens_lodged", "PL")}, set(), (Blocker.ENS,)),  # lodged is not assessed
        ("BY PL", {customs("ens_assessed", "PL")}, set(), ()),
        ("BY PL", {customs("ens_assessed", "PL")}, {Episode.ENS_REFERRED}, (Blocker.ENS,)),
        ("PL BY", set(), set(), (Blocker.PRIOR_INFORMATION,)),
    ],
)
def test_what_keeps_a_box_follows_from_the_customs_unions_that_meet(
    sides: str, known: set[tuple[int, str]], troubles: set[int], expected: tuple[Blocker, ...]
) -> None:
    leaves, enters = sides.split()
    assert blockers(leaves, enters, known, troubles) == expected


def train(number: str, phase: Phase, at: int, expected: int | None = None) -> BoardTrain:
    report = TrainReport(1, "railnet:dostyk", at)
    return BoardTrain((number,), phase, "", expected, False, False, (), report, report, ())


def test_the_longest_wait_stands_first_then_who_is_due_then_who_is_gone() -> None:
    trains = [
        train("over-early", Phase.HANDED_OVER, 10),
        train("due-late", Phase.DUE, 1, 300),
        train("waits-short", Phase.QUEUED, 50),
        train("over-late", Phase.HANDED_OVER, 20),
        train("due-soon", Phase.DUE, 2, 200),
        train("waits-long", Phase.QUEUED, 5),
    ]
    order = ["waits-long", "waits-short", "due-soon", "due-late", "over-late", "over-early"]
    assert [each.numbers[0] for each in by_waiting(trains)] == order
    assert by_waiting(reversed(trains)) == by_waiting(trains)
    assert [each.waiting_since for each in by_waiting(trains)][:3] == [5, 50, None]
