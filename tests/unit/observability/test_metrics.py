"""Metric declarations, and histograms that take many values at once."""

from __future__ import annotations

import random
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.monitoring.artefacts import CATALOGUE
from services.processors.supervisor import SupervisorMetrics
from services.processors.telemetry import WorkerMetrics
from services.telemetry.definitions import Definition
from services.telemetry.http import Health, HealthServer
from services.telemetry.instruments import BulkHistogram, Instruments


def test_every_metric_is_declared_once() -> None:
    names = [definition.name for definition in CATALOGUE]
    assert len(names) == len(set(names)) > 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "cre_events_total"},
        {"name": "lianyun_Events_total"},
        {"name": "lianyun_events"},
        {"kind": "gauge"},
        {"labels": ("container",)},
        {"help": "no sentence"},
        {"buckets": (1.0,)},
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {
        "name": "lianyun_events_total",
        "kind": "counter",
        "help": "Events.",
        "labels": ("topic",),
    }
    Definition(**right)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"lianyun|cre_"):
        Definition(**{**right, **wrong})  # type: ignore[arg-type]


def test_a_bulk_histogram_shows_what_a_plain_one_would() -> None:
    values = [random.Random(7).expovariate(0.3) for _ in range(500)]
    buckets = (0.5, 1.0, 5.0, 10.0)
    definition = Definition("lianyun_x_seconds", "histogram", "X.", ("partner",), buckets)
    shown = []
    for bulk in (True, False):
        registry = CollectorRegistry()
        if bulk:
            histogram = BulkHistogram(definition)
            registry.register(histogram)
            histogram.add(("ktz",), values[:200])
            histogram.add(("ktz",), values[200:])
        else:
            plain = Histogram(
                definition.name, definition.help, definition.labels, buckets=buckets, registry=registry
            )
            for value in values:
                plain.labels("ktz").observe(value)
        text = generate_latest(registry).decode()
        samples = {
            (s.name, s.labels.get("le")): round(s.value, 6)
            for family in text_string_to_metric_families(text)
            for s in family.samples
            if not s.name.endswith("_created")
        }
        shown.append(samples)
    assert shown[0] == shown[1]
    assert shown[0][("lianyun_x_seconds_count", None)] == 500


def test_the_worker_shows_declared_metrics_only() -> None:
    declared = {definition.name.removesuffix("_total") for definition in CATALOGUE}
    shown = {name for name in WorkerMetrics().instruments.names() if not name.startswith("process_")}
    assert shown <= declared
    assert "lianyun_ledger_lag_events" in shown


def test_the_ends_of_workers_are_shown_before_the_first() -> None:
    shown = generate_latest(SupervisorMetrics(2).instruments.registry).decode()
    for worker in (0, 1):
        for way in ("FENCED", "STUCK", "SIGKILL"):
            assert f'lianyun_worker_exits_total{{exit="{way}",worker="{worker}"}} 0.0' in shown


def test_metrics_and_health_are_served() -> None:
    state = {"ready": True}
    instruments = Instruments()
    server = HealthServer(
        instruments.registry, lambda: Health(True), lambda: Health(state["ready"], {"stopped": 1})
    )
    server.start()

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    try:
        assert "process_resident_memory_bytes" in get("/metrics")[1]
        assert get("/health/live")[0] == 200
        assert get("/health/ready") == (200, '{"ok": true, "stopped": 1}\n')
        state["ready"] = False
        assert get("/health/ready")[0] == 503
        assert get("/")[0] == 404
    finally:
        server.stop()
