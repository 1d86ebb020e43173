"""The line of the way: both halves of a border are one stop, and boxes stand where they were last reported."""

from __future__ import annotations

from services.pages.tracking.line import Whereabouts, line

ROUTE = [
    "railnet:xian-intl-port",
    "railnet:alashankou",
    "railnet:dostyk",
    "railnet:ozinki",
    "crossing:krasnoe-osinovka",
    "railnet:brest-severny",
    "railnet:malaszewicze",
    "railnet:duisburg",
]


def at(place: str, milestone: str = "movement.arrived", phase: int = 3) -> Whereabouts:
    return Whereabouts(milestone, phase, f"railnet:{place}")


def test_the_two_stations_of_a_border_are_one_stop_in_the_order_of_travel() -> None:
    there, back = line(ROUTE, []), line(ROUTE[::-1], [])
    assert there is not None
    assert back is not None
    assert [stop.places for stop in there.changes] == [
        ("railnet:alashankou", "railnet:dostyk"),
        ("railnet:brest-severny", "railnet:malaszewicze"),
    ]
    assert [stop.gauges for stop in there.changes] == [(1435, 1520), (1520, 1435)]
    assert [stop.places for stop in back.stops] == [stop.places[::-1] for stop in there.stops[::-1]]
    assert [stop.gauges for stop in back.changes] == [(1435, 1520), (1520, 1435)]


def test_one_side_alone_stands_for_its_border() -> None:
    drawn = line(["railnet:xian-intl-port", "railnet:dostyk", "railnet:duisburg"], [])
    assert drawn is not None
    assert [stop.places for stop in drawn.changes] == [("railnet:alashankou", "railnet:dostyk")]


def test_boxes_stand_at_their_stop_or_behind_it() -> None:
    drawn = line(
        ROUTE, [at("dostyk"), at("dostyk", "movement.departed"), at("alashankou", "movement.departed")]
    )
    assert drawn is not None
    border, following = drawn.stops[1], drawn.stops[2]
    assert [(marker.boxes, marker.x) for marker in drawn.markers] == [
        (2, border.x),
        (1, round((border.x + following.x) / 2, 1)),
    ]
    assert [stop.state for stop in drawn.stops] == ["passed", "here", "ahead", "ahead", "ahead", "ahead"]


def test_before_and_after_the_way_and_off_it() -> None:
    begun = line(ROUTE, [at("xian-intl-port", "movement.gated_in", 2)])
    over = line(ROUTE, [Whereabouts("movement.delivered", 6, "")])
    elsewhere = line(ROUTE, [at("omsk")])
    assert begun is not None
    assert over is not None
    assert elsewhere is not None
    assert [stop.state for stop in begun.stops] == ["here"] + ["ahead"] * 5
    assert [stop.state for stop in over.stops] == ["passed"] * 5 + ["here"]
    assert 0 < elsewhere.markers[0].x - elsewhere.stops[0].x < elsewhere.stops[1].x


def test_a_way_of_one_place_is_no_line() -> None:
    assert line(["railnet:dostyk", "esr:708403"], []) is None
    assert line([], []) is None
    assert line(["somewhere", "elsewhere"], []) is not None
