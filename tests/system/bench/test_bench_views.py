"""The measurement of views, tiny: every figure is there. Nothing here judges a speed."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator

import pytest

from services.testbed.bench.view_cost import Scale, bench_views

pytestmark = [pytest.mark.integration, pytest.mark.long]


@pytest.fixture(autouse=True)
def _garbage() -> Iterator[None]:
    """What the measurement sets for its process is that of the tests again."""
    was = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*was)


def test_each_size_is_measured_cold_and_warm_by_a_constant_number_of_statements() -> None:
    report = bench_views(Scale(trains=2, boxes=4, sizes=(20, 60), consignments=3, rounds=2))
    assert json.loads(json.dumps(report)) == report
    assert {each["statements"] for each in report["views"]} == {2}
    for each in report["views"]:
        assert each["events"] > 0
        for way in ("judged", "cold", "first", "warm"):
            assert set(each[way]) == {"p50_ms", "p95_ms", "cpu_ms", "database_cpu_ms"}
    assert report["simulated"]
