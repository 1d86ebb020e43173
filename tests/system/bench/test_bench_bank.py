"""The bank's benchmark, tiny: every figure is there and right as far as it can be. Nothing here judges a speed."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from services.testbed.bench.bank import Scale, bench_bank
from services.testbed.bench.observation import RoundTripCounter
from services.testbed.localstack.engine import DatabaseAddress

pytestmark = pytest.mark.integration
SCALE = Scale(consignments=2_000, cargoes=1_050, rate=20.0, seconds=1.0, clients=4)
ROUND_TRIPS = {"status": 3.5, "reserve": 9}
"""At most so many for a request: two and six, and what the API asks the database beside them, or anew after an ANALYZE."""


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(bench_bank(SCALE)))
    return found


@pytest.mark.long
def test_every_question_is_answered(result: dict[str, Any]) -> None:
    assert result["status"]["statuses"] == {"200": 20}
    assert set(result["reserve"]["outcomes"]) == {"DONE"}
    assert set(result["reserve_at_the_desk"]["outcomes"]) == {"DONE"}
    assert result["reserve_at_the_desk"]["answers"] > 0
    assert result["reserve_at_the_desk"]["decisions_per_commit"] > 1, "four clients ask at the same time"


@pytest.mark.long
def test_no_plan_reads_a_large_table_whole(result: dict[str, Any]) -> None:
    assert result["plans"]["whole_tables_read"] == {}
    assert result["whole_tables_read"] == {}


@pytest.mark.long
def test_a_request_waits_for_the_database_a_few_times(result: dict[str, Any]) -> None:
    for kind, most in ROUND_TRIPS.items():
        assert 1 <= result["round_trips"][kind] <= most, result["round_trips"]


@pytest.mark.long
def test_what_processor_time_a_request_takes_is_told(result: dict[str, Any]) -> None:
    assert result["status"]["cpu_ms_per_request"].keys() == {"api", "postgres"}
    assert result["reserve_at_the_desk"]["cpu_ms_per_request"].keys() == {"clients", "postgres"}
    assert {"processor", "cores", "load_average"} <= result["hardware"].keys()


def test_round_trips_are_counted_on_the_way(postgres: DatabaseAddress) -> None:
    with (
        RoundTripCounter(postgres.fresh_database("crossings")) as between,
        psycopg.connect(between.dsn, autocommit=True) as session,
    ):
        session.execute("SELECT 1")
        before = between.count
        for _ in range(5):
            session.execute("SELECT 1", prepare=False)
        assert between.count - before == 5
