"""Crossings, legs and corridors fit together."""

from __future__ import annotations

import pytest

from schemas import railnet
from schemas.railnet import Certainty, Corridor, Crossing

CROSSINGS = list(railnet.crossings().values())
CORRIDORS = list(railnet.corridors().values())
OPEN_BORDERS = ({"DE", "NL"}, {"DE", "BE"}, {"KZ", "RU"})


@pytest.mark.parametrize("crossing", CROSSINGS, ids=lambda crossing: crossing.id)
def test_crossing(crossing: Crossing) -> None:
    a, b = railnet.stations()[crossing.a.station], railnet.stations()[crossing.b.station]
    if not crossing.by_sea:
        assert crossing.gauge_change == (crossing.a.gauge != crossing.b.gauge)
    if crossing.gauge_change and not crossing.by_sea:
        assert {crossing.a.gauge, crossing.b.gauge} <= {*a.gauges, *b.gauges}
        assert crossing.transfer_hours > 0
    assert 0 < crossing.dwell.median_hours <= crossing.dwell.p90_hours
    assert crossing.dwell.basis
    assert isinstance(crossing.dwell.certainty, Certainty)
    assert crossing.trains_per_day > 0
    unions = {railnet.customs_union(country) for country in (a.country, b.country)}
    if len(unions) > 1:
        assert crossing.customs_border
    elif unions <= {railnet.CustomsUnion.EU, railnet.CustomsUnion.EAEU}:
        assert not crossing.customs_border


def test_the_great_gauge_changes_are_there() -> None:
    gauges = {c.id: (c.a.gauge, c.b.gauge) for c in CROSSINGS if c.gauge_change}
    assert gauges["alashankou-dostyk"] == gauges["khorgos-altynkol"] == (1435, 1520)
    assert gauges["erenhot-zamyn-uud"] == gauges["manzhouli-zabaikalsk"] == (1435, 1520)
    assert gauges["brest-malaszewicze"] == (1520, 1435)
    assert gauges["irun-hendaye"] == (1668, 1435)
    assert "krasnoe-osinovka" not in gauges


@pytest.mark.parametrize("corridor", CORRIDORS, ids=lambda corridor: corridor.id)
def test_corridor(corridor: Corridor) -> None:
    assert [leg.seq for leg in corridor.legs] == list(range(1, len(corridor.legs) + 1))
    assert sum(leg.km for leg in corridor.legs) == pytest.approx(corridor.km, abs=1)
    assert sum(leg.run_hours for leg in corridor.legs) == pytest.approx(corridor.run_hours, abs=0.2)
    for leg, following in zip(corridor.legs, corridor.legs[1:], strict=False):
        assert leg.to_station == following.from_station
    for leg in corridor.legs:
        a, b = railnet.stations()[leg.from_station], railnet.stations()[leg.to_station]
        assert leg.carriers or corridor.id.startswith("F-")
        if a.country != b.country and {a.country, b.country} not in OPEN_BORDERS:
            assert leg.crossing, (a.id, b.id)
        if leg.mean_kmh is not None:
            assert leg.run_hours == pytest.approx(leg.km / leg.mean_kmh, abs=0.06)
        if leg.crossing is not None and leg.by_sea:
            assert railnet.crossings()[leg.crossing].by_sea


def test_the_way_back_is_the_same_way() -> None:
    for corridor in CORRIDORS:
        if corridor.id.endswith("-W"):
            back = railnet.corridors()[corridor.id[:-1] + "E"]
            assert back.stations == corridor.stations[::-1]
            assert [leg.carriers for leg in back.legs] == [leg.carriers[::-1] for leg in corridor.legs[::-1]]


def test_a_corridor_passes_its_crossings_in_order() -> None:
    west = railnet.corridors()["WEST-ALA-W"]
    assert west.stations[0] == "xian-intl-port"
    assert west.km == 9718
    passed = railnet.crossings_on([f"railnet:{station}" for station in west.stations])
    assert passed == (
        "alashankou-dostyk",
        "ozinki-semiglavy-mar",
        "krasnoe-osinovka",
        "brest-malaszewicze",
        "rzepin-frankfurt",
    )
    assert passed == tuple(leg.crossing for leg in west.legs if leg.crossing)
    assert west.legs[west.stations.index("alashankou")].carriers == ("cr", "ktz")


def test_distances_agree_with_published_ones() -> None:
    assert railnet.legs()["zhetygen", "altynkol"].km == 293
    assert (
        railnet.legs()["altynkol", "zhetygen"].certainty is railnet.legs()["zhetygen", "altynkol"].certainty
    )
