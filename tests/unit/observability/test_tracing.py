"""Spans are made where an endpoint is set, and are no burden elsewhere or where it does not answer."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from schemas.trace_context import TraceContext
from services.producers.unsigned_event import UnsignedEvent, assemble, message_of, no_trace, trace_source
from services.telemetry.tracing import open_spans
from tests.support.producers.partner import departed, partner
from tests.support.traces.collector import collecting

PARENT = TraceContext(b"\x01" * 16, b"\x02" * 8, True)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


def event() -> UnsignedEvent:
    record: dict[str, Any] = departed("dep-1")
    return assemble(partner(), record["id"], record["type"], record["time"], record["data"])


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_without_an_endpoint_there_are_none(environment: dict[str, str]) -> None:
    assert open_spans("lianyun-test", environment) is None


def test_no_process_imports_the_sdk_without_an_endpoint() -> None:
    modules = "services.processors.process, services.api.serving, services.notifications.webhooks.process, services.cli.publish"
    code = f"import sys, {modules}; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.usefixtures("fast")
def test_a_span_is_in_its_parents_trace_and_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        spans = open_spans("lianyun-test", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        assert spans is not None
        span = spans.begin("work", "CONSUMER", PARENT, {"a": 1}, [PARENT], at_ns=1_000)
        span.end({"b": "x"}, failed="no", at_ns=2_000)
        spans.close()
    (seen,) = collector.of(PARENT.trace.hex())
    assert (seen.service, seen.name, seen.kind) == ("lianyun-test", "work", "CONSUMER")
    assert (seen.parent, seen.id) == (PARENT.span.hex(), span.context.span.hex())
    assert seen.links == ((PARENT.trace.hex(), PARENT.span.hex()),)
    assert (seen.attributes["a"], seen.attributes["b"], seen.failed) == (1, "x", "no")


@pytest.mark.usefixtures("fast")
def test_an_endpoint_that_fails_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        collector.status = 400
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        spans = open_spans("lianyun-test", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        assert spans is not None
        for _ in range(5_000):  # more than the queue holds
            spans.begin("work", "INTERNAL", PARENT).end()
        collector.wait_for(lambda: collector.asked > 0, "attempt")
        spans.close(0.5)  # returns, whatever the SDK would wait for: else the run's own limit ends this test
    assert collector.spans == []


def test_a_setting_that_the_sdk_cannot_use_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    assert open_spans("x", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}) is None
    assert "no spans are sent" in caplog.text


def test_a_publisher_passes_its_callers_context_on_and_else_none() -> None:
    assert trace_source(None, {}) is no_trace
    assert trace_source(None, {"TRACEPARENT": "nonsense"})(event()) is None
    assert trace_source(None, {"TRACEPARENT": PARENT.text()})(event()) == PARENT
    plain = message_of(event(), "s", "t")
    carried = message_of(event(), "s", "t", PARENT)
    assert carried.headers == (*plain.headers, ("traceparent", PARENT.text().encode()))
    assert (carried.identity, carried.digest) == (plain.identity, plain.digest), (
        "it is no part of what is signed"
    )


@pytest.mark.parametrize(("sampler", "kept"), [("always_on", True), ("always_off", False)])
def test_a_publisher_that_sends_spans_gives_each_event_a_trace_where_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, sampler: str, kept: bool
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        spans = open_spans("p", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        assert spans is not None
        given = [trace_source(spans, {})(event()) for _ in range(2)]
        spans.close()
    assert len({each.trace for each in given if each}) == (2 if kept else 0)
    assert {span.trace for span in collector.spans} == {each.trace.hex() for each in given if each}
