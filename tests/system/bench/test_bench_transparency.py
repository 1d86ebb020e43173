"""The benchmark of receipts, tiny: every figure is there and plausible. Nothing here judges a speed."""

from __future__ import annotations

import json

import pytest

from services.testbed.bench.transparency import MEANING, Scale, bench_transparency

pytestmark = [pytest.mark.integration, pytest.mark.long]


def test_every_receipt_is_timed_from_the_brokers_append() -> None:
    result = bench_transparency(Scale(rates=(100.0,), seconds=2.0, workers=1, consignments=200))
    assert json.loads(json.dumps(result)) == result
    (run,) = result["runs"]
    assert run["receipts"] > 100
    assert 0 < run["joined_ms"]["p50"] <= run["receipt_ms"]["p50"] <= run["receipt_ms"]["p99"]
    assert {"sequencer", "first", "second", "workers", "postgres"} <= run["cores_busy"].keys()
    assert MEANING.keys() <= run.keys()
