"""Positions and distances are possible ones."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

from schemas import railnet
from schemas.railnet import Station

FAR_NEIGHBOURS = {"petropavl-rzd", "akhalkalaki-kars"}  # a whole leg lies between the two stations


def kilometres(a: Station, b: Station) -> float:
    """The great circle between two stations."""
    p, q, r, s = map(radians, (a.lat, a.lon, b.lat, b.lon))
    return 12742 * asin(sqrt(sin((r - p) / 2) ** 2 + cos(p) * cos(r) * sin((s - q) / 2) ** 2))


def test_neighbours_on_a_crossing_are_near_unless_the_sea_parts_them() -> None:
    for crossing in railnet.crossings().values():
        apart = kilometres(railnet.stations()[crossing.a.station], railnet.stations()[crossing.b.station])
        assert crossing.by_sea or crossing.id in FAR_NEIGHBOURS or apart < 60, (crossing.id, apart)
        assert not (crossing.by_sea and apart < 60), (crossing.id, apart)


def test_no_leg_is_shorter_than_the_straight_line() -> None:
    for (start, end), leg in railnet.legs().items():
        straight = kilometres(railnet.stations()[start], railnet.stations()[end])
        assert straight * 0.97 - 3 <= leg.km, (start, end)
