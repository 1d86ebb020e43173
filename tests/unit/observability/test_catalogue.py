"""The catalogue is what the processes really show, the page for operators is made from it, and promtool has no complaint."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from services.api.exchange import ExchangeMetrics
from services.api.metrics import ApiMetrics
from services.arrival.store.follower import ArrivalMetrics
from services.cases.store.follower import CaseMetrics
from services.credit.store.follower import FollowerMetrics
from services.monitoring.artefacts import CATALOGUE, PROCESSES, ROOT, main, render, stale
from services.monitoring.exporter.process import SampleStore
from services.monitoring.exporter.sample import Measurement, Sample
from services.notifications.webhooks.telemetry import WebhookMetrics
from services.pages.metrics import PagesMetrics
from services.pages.subscriptions.telemetry import NotificationMetrics
from services.processors.supervisor import SupervisorMetrics
from services.processors.telemetry import WorkerMetrics
from services.telemetry import metrics
from services.telemetry.definitions import LABELS, UNITS, Definition
from services.telemetry.instruments import Instruments
from services.transparency.sequencer import SequencerMetrics


def exporter() -> CollectorRegistry:
    """What an exporter would show that knows everything."""
    answers = SampleStore([Measurement("all", 1.0, lambda _session, _now: ())])
    told = [
        Sample(d, tuple(f"any-{label}" for label in d.labels), 1.0)
        for d in PROCESSES["exporter"]
        if "question" not in d.labels and d is not metrics.BUILD_INFO
    ]
    answers.put("all", told, 0.1)
    instruments = Instruments()
    instruments.registry.register(answers)
    return instruments.registry


def api() -> CollectorRegistry:
    counted = ApiMetrics()
    counted.count("/v1/consignments/{id}", 200, 0.01)
    counted.not_let_in("bad_token")
    counted.limited("ktz")
    counted.instruments.watch_pool(lambda: {"pool_size": 4, "pool_available": 1})
    return counted.instruments.registry


def pages() -> CollectorRegistry:
    counted = PagesMetrics()
    counted.instruments.watch_pool(lambda: {"pool_size": 4, "pool_available": 1})
    counted.count("/track/{reference:path}", 200, 0.01)
    return counted.instruments.registry


def exchange() -> CollectorRegistry:
    counted = ExchangeMetrics()
    counted.instruments.watch_pool(lambda: {"pool_size": 4, "pool_available": 1})
    counted.count("/v3/envelopes", 200, 0.01)
    counted.limited("platform")
    counted.waits({True: 1})
    return counted.instruments.registry


def supervisor() -> CollectorRegistry:
    metrics = SupervisorMetrics()
    metrics.ended(0, "FENCED")
    return metrics.instruments.registry


@pytest.fixture(scope="module")
def registries() -> Mapping[str, CollectorRegistry]:
    return {
        "worker": WorkerMetrics().instruments.registry,
        "exporter": exporter(),
        "API": api(),
        "pages": pages(),
        "exchange of documents": exchange(),
        "webhooks": WebhookMetrics().instruments.registry,
        "notifications": NotificationMetrics().instruments.registry,
        "credit signals": FollowerMetrics().instruments.registry,
        "cases": CaseMetrics().instruments.registry,
        "arrival times": ArrivalMetrics().instruments.registry,
        "transparency log": SequencerMetrics().instruments.registry,
        "supervisor": supervisor(),
    }


def test_each_process_shows_what_the_catalogue_says(registries: Mapping[str, CollectorRegistry]) -> None:
    assert registries.keys() == PROCESSES.keys()
    for process, registry in registries.items():
        shown = {family.name for family in registry.collect() if family.name.startswith("lianyun_")}
        assert shown == {d.name.removesuffix("_total") for d in PROCESSES[process]}, process
    assert {d for definitions in PROCESSES.values() for d in definitions} == set(CATALOGUE)


@pytest.mark.parametrize("process", PROCESSES)
def test_promtool_has_no_complaint(
    process: str, registries: Mapping[str, CollectorRegistry], watching: Path
) -> None:
    shown = generate_latest(registries[process])
    done = subprocess.run(
        [watching / "promtool", "check", "metrics"], input=shown, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode(), done.stdout.decode()) == (0, "", "")


def test_promtool_would_complain(watching: Path) -> None:
    wrong = b"# TYPE things_count gauge\nthings_count 1\n"
    done = subprocess.run(
        [watching / "promtool", "check", "metrics"], input=wrong, capture_output=True, check=False
    )
    assert done.returncode != 0


def test_every_label_is_used_and_its_values_are_described() -> None:
    assert {label for d in CATALOGUE for label in d.labels} == set(LABELS)
    forbidden = ("consignment", "container", "train", "wagon", "note", "event_id")
    assert not set(LABELS) & set(forbidden)


def test_a_unit_is_what_the_name_ends_in() -> None:
    units = {d.unit for d in CATALOGUE}
    assert units <= {"", *UNITS}
    assert all(d.unit == "seconds" for d in CATALOGUE if "_timestamp_" in d.name)
    assert Definition("lianyun_x_seconds_total", "counter", "X.").unit == "seconds"
    assert Definition("lianyun_waiting", "gauge", "X.").unit == ""


def test_no_gauge_is_an_age() -> None:
    assert not [
        d.name for d in CATALOGUE if d.kind == "gauge" and d.name.endswith(("_age_seconds", "_lag_seconds"))
    ]


def test_what_is_generated_is_fresh() -> None:
    assert stale() == [], "stale: run `make schemas`"


def test_staleness_is_seen_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(stale(tmp_path)) == set(render())
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (page,) = (path for path in render() if path.name == "metrics.md")
    (tmp_path / page).write_text("old")
    assert stale(tmp_path) == [page]
    assert main(["--what"], tmp_path) == 2
    assert "usage" in capsys.readouterr().err
    assert (ROOT / page).is_file()
