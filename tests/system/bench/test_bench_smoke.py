"""The whole benchmark, tiny: every figure is there and plausible. Nothing here judges a speed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from services.testbed.bench import projection_cost
from services.testbed.bench.pipeline import BUDGET, MEANING, Scale, bench_pipeline

pytestmark = [pytest.mark.integration, pytest.mark.long]

SCALE = Scale(
    events=2_500,
    workers=2,
    consignments=200,
    rate=150.0,
    seconds=3.0,
    naive_events=200,
    copied_rows=4_000,
    batch_events=100,
    seed=3,
)


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return bench_pipeline(SCALE)


def test_it_is_one_json_object(result: dict[str, Any]) -> None:
    assert json.loads(json.dumps(result)) == json.loads(json.dumps(result, sort_keys=True))


@pytest.mark.parametrize(
    "name",
    [
        "signed_events_per_second",
        "batch_signed_events_per_second",
        "head_rows_per_second",
        "logical_updates_per_second",
        "naive_faust_events_per_second",
        "copy_rows_per_second",
        "replay_events_per_second",
    ],
)
def test_every_rate_is_there_and_positive(result: dict[str, Any], name: str) -> None:
    assert 0 < result[name] < 10_000_000
    assert MEANING[name]


def test_both_schemes_are_drained_twice(result: dict[str, Any]) -> None:
    for scheme, rate in (
        ("ed25519", "signed_events_per_second"),
        ("ed25519-batch", "batch_signed_events_per_second"),
    ):
        told = result["drains"][scheme]
        assert len(told["of_each"]) == 2
        assert min(told["of_each"]) - 1 <= result[rate] <= max(told["of_each"]) + 1


def test_a_train_concerns_many(result: dict[str, Any]) -> None:
    assert result["logical_updates_per_second"] > 2 * result["signed_events_per_second"]


def test_latencies_are_in_order(result: dict[str, Any]) -> None:
    visible = result["publish_to_visible_ms"]
    assert 0 < visible["p50"] <= visible["p99"] <= visible["max"]
    assert visible["from_append_p50"] <= visible["p50"] + 1
    assert visible["events"] > SCALE.rate * SCALE.seconds * 0.5
    assert visible["at_events_per_second"] == pytest.approx(SCALE.rate, rel=0.3)


def test_time_is_put_down_to_stages(result: dict[str, Any]) -> None:
    stages = result["cpu_us_per_event"]
    assert {
        "workers",
        "postgres",
        "kafka",
        "admission: signature",
        "admission: parse and schema",
    } <= stages.keys()
    # Whole processes are read in ticks of 10 ms: a drain this short may fall between two.
    whole = {"workers", "postgres", "kafka"}
    assert all(us is None or us >= 0 for name, us in stages.items() if name in whole)
    assert all(us is not None and us > 0 for name, us in stages.items() if name not in whole)
    assert {"fence", "identity", "commit"} <= result["transaction_us_per_event"].keys()
    assert result["lock_wait_us_per_event"] >= 0
    assert result["budget"].keys() == BUDGET.keys()


def test_the_conditions_are_told(result: dict[str, Any]) -> None:
    assert result["hardware"]["cores"]
    assert result["versions"]["postgres"]
    assert result["postgres_settings"]["fsync"] == "on"
    assert result["postgres_settings"]["synchronous_commit"] == "on"
    assert result["commit"]
    assert result["mix"]["consignments"] == SCALE.consignments
    assert sum(result["mix"]["drawn"].values()) == SCALE.events
    assert result["asked"]["signed_events_per_second"]["asked"] == 8_000


def test_replay_came_out_as_the_workers_left_it(result: dict[str, Any]) -> None:
    assert result["replay"]["events"] > SCALE.events * 0.9
    assert result["replay"]["rows_compared"] > 0


def test_memory_is_looked_at_from_the_first_commit_to_the_last(result: dict[str, Any]) -> None:
    seen = result["drain"]["worker_resident_mb"]
    assert len(seen) >= 3
    assert max(int(applied) for applied in seen) == SCALE.events
    assert all(0 < mb < 10_000 for each in seen.values() for mb in each)


def test_what_the_projections_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drains of both kinds in one run, one of each and with one worker; whether it is little is not judged here."""
    assert projection_cost.ROUNDS == (True, False, False, True)
    monkeypatch.setattr(projection_cost, "ROUNDS", (True, False))
    scale = replace(SCALE, events=2_000, consignments=120, workers=1)
    result = bench_pipeline(scale, projections=True)
    told = result["projections"]
    for kind in ("with", "without"):
        assert len(told[kind]["of_each"]) == 1
        assert all(rate > 0 for rate in told[kind]["of_each"])
    assert 0 <= told["followed"] <= told["stored"]
    assert told["stored"] > scale.events / 2
    assert told["watched"] > 0, "deliveries of pledged cargo are among the events"
    assert result["asked"]["projections_cost_share"]["asked"] == 0.25
    assert result["meaning"].keys() == {"projections"}
