"""The measurement of pages, tiny: every kind of page is answered, copied consignments among them. Nothing here judges a speed."""

from __future__ import annotations

import json

import pytest

from services.testbed.bench.pages import SHARES, Scale, bench_pages

pytestmark = [pytest.mark.integration, pytest.mark.long]


def test_each_kind_of_page_is_answered_and_measured() -> None:
    report = bench_pages(Scale(consignments=1_500, trains=2, boxes=4, seconds=2.0, connections=2))
    assert json.loads(json.dumps(report)) == report
    for kind in SHARES:
        found = report["kinds"][kind]
        wanted = {"search_exact": "303", "tracking_again": "304"}.get(kind, "200")
        assert set(found["statuses"]) == {wanted}, kind
        assert set(found["cpu_ms"]) == {"worker", "database"}
    assert set(report["kinds"]["film"]["statuses"]) == {"200"}
    assert report["portfolio"]["financings"] > 0
    for each in ("first", "again"):
        assert set(report["portfolio"][each]["statuses"]) == {"200"}
    assert report["views"]["events"] > 0
    assert {"cold", "first", "warm", "renewed", "kept"} <= report["views"].keys()
    for each in ("first", "again"):
        assert set(report["counts"][each]["statuses"]) == {"200"}
    assert report["counts"]["changed"]["pages"] == 20
    assert set(report["pages"]["statuses"]) <= {"200", "303", "304"}
    assert report["pages"]["per_second"] > 0
    assert report["simulated"]
