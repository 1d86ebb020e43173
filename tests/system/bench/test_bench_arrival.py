"""Forecasts of arrival hold in simulated worlds that they were not learned from: in ordinary weeks and through a closure."""

from __future__ import annotations

from typing import Any

import pytest

from services.arrival.domain.tables import tables
from services.testbed.arrival_evaluation.evaluate import evaluate


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """As `lianyun bench arrival` makes it: learned from three seeds, held against four others."""
    return evaluate((11, 12, 13), (31, 32), (5, 6, 7), tables())


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("part", [("ordinary", "all"), ("closure", "all"), ("closure", "concerned")])
def test_four_of_five_arrive_within_the_interval(report: dict[str, Any], part: tuple[str, str]) -> None:
    found = report[part[0]][part[1]]
    assert found["forecasts"] > 1_000
    assert 750_000 <= found["coverage_80_ppm"] <= 850_000
    for world in found["worlds"]:
        low, high = world["coverage_80_interval_95_ppm"]
        assert low <= 850_000, world
        assert high >= 750_000, world
    pinball = found["pinball_hours"]
    assert pinball["model"] < pinball["route_history"] < pinball["timetable"]
    assert abs(found["bias_hours"]) < 12


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_without_an_announced_end_only_the_lower_bound_is_given_and_it_holds(report: dict[str, Any]) -> None:
    assert report["ordinary"]["all"]["without_upper_bound"] == 0
    concerned = report["closure"]["concerned"]
    assert concerned["without_upper_bound"] > 500
    assert concerned["lower_bound_holds_ppm"] >= 900_000
