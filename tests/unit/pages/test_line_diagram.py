"""The drawn line: every station of a corridor has a place, and both forms show the same."""

from __future__ import annotations

from schemas import railnet
from services.pages.line.diagram import CITIES, TALL, WIDE, drawings, near_side, tall, wide
from services.query.line.film import Film


def test_every_station_has_a_place_inside_the_picture() -> None:
    assert wide().keys() == tall().keys() == railnet.stations().keys()
    assert all(0 <= x <= WIDE[0] and 0 <= y <= WIDE[1] for x, y in wide().values())
    assert all(0 <= x <= TALL[0] and 0 <= y <= TALL[1] for x, y in tall().values())


def test_stations_of_a_corridor_do_not_stand_on_one_another() -> None:
    for corridor in railnet.corridors().values():
        places = [wide()[station] for station in corridor.stations]
        assert len(set(places)) == len(places), corridor.id


def test_cities_are_stations() -> None:
    assert CITIES.keys() <= railnet.stations().keys()


def test_trains_wait_on_the_side_from_which_they_come() -> None:
    assert near_side("brest-malaszewicze", "WEST") == "brest-severny"
    assert near_side("brest-malaszewicze", "EAST") == "malaszewicze"


def test_an_empty_line_is_drawn_in_both_forms() -> None:
    both = drawings(Film(0, 1, (), (), {}, {}), {("brest-malaszewicze", "WEST"): 7}, 0)
    assert [each.name for each in both] == ["wide", "tall"]
    for each in both:
        assert each.lines
        assert not each.marks
        assert [count for count, _, _ in each.numbers] == [7]
