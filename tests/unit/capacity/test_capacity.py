"""The arithmetic of capacity, by hand; the page says what the command computes; each figure says where it is from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.monitoring.capacity.presentation import format_bytes, table
from services.monitoring.capacity.sizing import Demand, Figures, load_figures, size

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "capacity.md").read_text()
WHERE = {"command": "c", "hardware": "h", "commit": "x"}
ROUND = Figures.model_validate(
    {
        "processing": {
            **WHERE, "events_per_second": 1_000, "workers_us": 500, "postgres_us": 250, "kafka_us": 50, "worker_mb": 100,
        },
        "storage": {**WHERE, "database_bytes": 1_000, "state_bytes": 200, "wal_bytes": 2_000, "kafka_bytes": 500},
    }
)  # fmt: skip
SECONDS = 365 * 86_400


def test_one_event_a_second_by_hand() -> None:
    """31,536,000 events a year are one a second; at twenty times that a worker at half its core does a thousand."""
    found = size(Demand(SECONDS // 10, boxes_per_train=1, events_per_box=10, years=1), ROUND)
    assert (found.events_per_year, found.mean_per_second, found.peak_per_second) == (SECONDS, 1.0, 20.0)
    assert (found.worker_cores, found.postgres_cores, found.kafka_cores) == (0.02, 0.01, 0.002)
    assert (found.workers, found.partitions, found.worker_memory_mb) == (2, 8, 200)
    assert found.database_bytes == SECONDS * 1_000
    assert found.replay_bytes == SECONDS * 200
    assert found.kafka_bytes == 86_400 * 30 * 500 * 3
    assert found.wal_bytes == 86_400 * 7 * 2_000
    assert found.hours_to_catch_up_a_day == pytest.approx(24 / 499)
    assert found.single_writer


def test_workers_and_partitions_grow_with_the_peak() -> None:
    demand = Demand(SECONDS // 10, boxes_per_train=1, events_per_box=10)
    at = {peak: size(replace(demand, peak=peak), ROUND) for peak in (1_000.0, 1_001.0, 5_000.0, 9_000.0)}
    assert {peak: (each.workers, each.partitions) for peak, each in at.items()} == {
        1_000.0: (2, 8),
        1_001.0: (2, 8),
        5_000.0: (5, 16),
        9_000.0: (9, 32),
    }
    assert [each.single_writer for each in at.values()] == [True, False, False, False]


def test_telemetry_comes_evenly_and_from_the_boxes_under_way() -> None:
    quiet = size(Demand(20_000), ROUND)
    told = size(Demand(20_000, telemetry_per_hour=1), ROUND)
    assert quiet.boxes_under_way == 49_316
    assert told.events_per_year - quiet.events_per_year == 49_316 * 8_760
    assert told.peak_per_second - quiet.peak_per_second == pytest.approx(49_316 / 3_600)
    assert size(Demand(0, telemetry_per_hour=1, boxes_under_way=3_600), ROUND).mean_per_second == 1.0


def test_a_backlog_that_never_ends() -> None:
    assert (
        size(Demand(0, telemetry_per_hour=1, boxes_under_way=3_600 * 500), ROUND).hours_to_catch_up_a_day
        is None
    )


@pytest.mark.parametrize("wrong", [Demand(-1), Demand(1, busy=0), Demand(1, busy=1.1), Demand(1, peak=0.5)])
def test_a_demand_that_makes_no_sense(wrong: Demand) -> None:
    with pytest.raises(ValueError, match="busy is in"):
        size(wrong, ROUND)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (12_345_678, "12 MB"), (2 * 10**18, "2,000 PB")],
)
def test_bytes_for_people(count: int, text: str) -> None:
    assert format_bytes(count) == text


def test_the_page_says_what_is_computed_and_what_was_measured() -> None:
    for row in table(load_figures()):
        assert f"\n{row}\n" in PAGE, (
            "docs/reference/capacity.md is stale: paste the table that services/monitoring/capacity renders"
        )
    figures = load_figures()
    for section in (figures.processing, figures.storage):
        assert section.commit in PAGE
        for name, value in section.model_dump().items():
            assert f"{value:,}" in PAGE if isinstance(value, int) else value in PAGE, name


def test_the_command() -> None:
    done = CliRunner().invoke(app, ["capacity", "--trains-per-year", "20000", "--json"])
    body = json.loads(done.stdout)
    assert body["schema_version"] == 1
    assert body["needed"]["partitions"] == 8
    assert body["needed"]["disk_bytes"] == sum(
        body["needed"][f"{part}_bytes"] for part in ("database", "replay", "wal", "kafka")
    )
    assert body["measured"]["storage"]["command"] == "lianyun bench storage"
    shown = CliRunner().invoke(app, ["capacity", "--trains-per-year", "20000"]).stdout
    assert "partitions of every topic" in shown
    assert "measured by `make bench`" in shown
    assert CliRunner().invoke(app, ["capacity", "--trains-per-year", "-1"]).exit_code == 2
