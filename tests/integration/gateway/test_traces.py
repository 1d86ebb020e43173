"""One trace from whoever publishes to the row and to the dead letter: real broker, worker, API and a real OTLP receiver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.signing import sign
from schemas.trace_context import TraceContext
from services.audit.fsck.check import fsck
from services.cli.exits import Exit, Failure
from services.cli.main import app as cli
from services.ledger.storage.bodies import detach_bodies
from services.ledger.storage.session import open_session
from services.producers.profile import Profile
from services.testbed.localstack.engine import Servers
from tests.integration.gateway.conftest import NETWORK, Gateway, as_binary, opening
from tests.support.traces.collector import Collector, Seen, collecting

pytestmark = pytest.mark.integration


def trace_numbered(number: int, sampled: bool = True) -> TraceContext:
    return TraceContext(number.to_bytes(16, "big"), (number + 1).to_bytes(8, "big"), sampled)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield found


@pytest.fixture(scope="module")
def traced(
    stack: Servers, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """An API and a worker that were told where to send spans."""
    assert collector.url
    found = opening(stack, tmp_path_factory.mktemp("traced"))
    with found.api, found.worker():
        found.await_worker()
        yield found


def rows(traced: Gateway, trace: TraceContext) -> list[tuple[Any, ...]]:
    return traced.api.rows(
        "SELECT b.id::text, int8send(t.span), t.sampled FROM lianyun.event_trace t JOIN lianyun.body b USING (no)"
        " WHERE t.trace = %s::uuid",
        trace.trace.hex(),
    )


@pytest.fixture
def environment(traced: Gateway, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What commands are told, also those that run in this process."""
    told = {
        "LIANYUN_BOOTSTRAP": traced.servers.bootstrap,
        "LIANYUN_DSN": traced.dsn,
        "LIANYUN_TOPICS": str(traced.folder / "topics.toml"),
        "LIANYUN_PARTNERS": str(traced.folder / "partners"),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return told


def asked(*arguments: str) -> Any:
    """What a command prints as JSON."""
    done = CliRunner().invoke(cli, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return orjson.loads(done.stdout)


def named(spans: list[Seen], name: str) -> Seen:
    (found,) = [each for each in spans if each.name == name]
    return found


def test_from_the_publishers_shell_to_the_row(
    traced: Gateway, collector: Collector, environment: dict[str, str]
) -> None:
    ktz, given = traced.partners["ktz"], trace_numbered(0x1001)
    Profile("ktz", ktz.source, traced.topic, NETWORK, ktz.key, b"\x08" * 32).save(traced.folder / "partners")
    record = {"id": "pub-1", "type": "cre.movement.arrived.v1", "time": "2026-03-05T09:21:00Z"}
    data = {key: value for key, value in ktz.arrived("x")["data"].items() if key != "salt"}
    file = traced.folder / "records.jsonl"
    file.write_text(json.dumps({**record, "data": data}) + "\n")
    line = [sys.executable, "-m", "services.cli", "publish", "--as", "ktz", str(file)]
    told = {**os.environ, **environment, "TRACEPARENT": given.text()}
    subprocess.run(line, env=told, check=True, capture_output=True, timeout=120)

    trace = given.trace.hex()
    process = f"process {traced.topic}"
    collector.wait_for(lambda: process in {each.name for each in collector.of(trace)}, "span of the worker")
    create = named(collector.of(trace), "create cre.movement.arrived.v1")
    processed = named(collector.of(trace), process)
    assert (create.service, create.kind, create.parent) == ("lianyun-publish", "PRODUCER", given.span.hex())
    assert (processed.service, processed.kind, processed.parent) == ("lianyun-worker", "CONSUMER", create.id)
    assert processed.attributes["cloudevents.event_id"] == "pub-1"
    assert (processed.attributes["lianyun.outcome"], processed.failed) == ("accepted", None)
    ((identity, span, sampled),) = rows(traced, given)
    assert (bytes(span).hex(), sampled) == (create.id, True)

    shown = asked("events", "show", ktz.source, "pub-1")["events"]
    assert [(each["trace"], each["identity"]) for each in shown] == [(trace, identity.replace("-", ""))]
    found = asked("events", "traced", given.text())
    assert [each["id"] for each in found["events"]] == ["pub-1"]


@pytest.mark.usefixtures("environment")
def test_over_http_to_the_row_and_to_the_dead_letter(traced: Gateway, collector: Collector) -> None:
    ktz = traced.partners["ktz"]
    good, bad = trace_numbered(0x2001), trace_numbered(0x3001)
    assert traced.post("ktz", ktz.arrived("http-1"), wait=10, traceparent=good.text()).status_code == 200
    refused = traced.post("ktz", ktz.arrived("http-2", classifier="PERHAPS"), wait=10, traceparent=bad.text())
    assert (refused.status_code, refused.json()["traceId"]) == (422, bad.trace.hex())

    process = f"process {traced.topic}"
    for given in (good, bad):
        trace = given.trace.hex()
        wanted = {process, f"send {traced.topic}", "POST /v1/events"}
        collector.wait_for(lambda: wanted <= {s.name for s in collector.of(trace)}, "way through")  # noqa: B023
        spans = collector.of(trace)
        server, send = named(spans, "POST /v1/events"), named(spans, f"send {traced.topic}")
        processed = named(spans, process)
        assert (server.kind, server.parent) == ("SERVER", given.span.hex())
        assert (send.kind, send.parent) == ("PRODUCER", server.id)
        assert (processed.kind, processed.parent) == ("CONSUMER", send.id)
    assert refused.headers["x-request-id"] == named(collector.of(bad.trace.hex()), "POST /v1/events").id
    assert len(rows(traced, good)) == 1
    assert rows(traced, bad) == []
    processed = named(collector.of(bad.trace.hex()), process)
    assert (processed.failed, processed.attributes["lianyun.reason"]) == ("INVALID_SCHEMA", "INVALID_SCHEMA")

    found = asked("events", "traced", bad.trace.hex())
    (letter,) = found["letters"]
    assert (letter["state"], letter["reason"], found["events"]) == ("OPEN", "INVALID_SCHEMA", [])
    shown = asked("dlq", "show", letter["digest"])
    assert shown["trace"] == bad.trace.hex()
    with pytest.raises(Failure) as nothing:
        CliRunner().invoke(cli, ["events", "traced", "ab" * 16], catch_exceptions=False)
    assert nothing.value.code is Exit.NOT_FOUND

    # The same refused bytes in another trace are the same letter, and are told so by its handle.
    again = traced.post(
        "ktz", ktz.arrived("http-2", classifier="PERHAPS"), wait=10, traceparent=trace_numbered(0x3101).text()
    )
    assert (again.status_code, again.json()["reason"]) == (422, "INVALID_SCHEMA")
    counted = traced.api.rows("SELECT count FROM lianyun.dead_letter WHERE event IS NOT NULL")
    assert counted == [(2,)]


def test_a_batch_is_linked_to_what_it_brought(traced: Gateway, collector: Collector) -> None:
    ktz, given = traced.partners["ktz"], trace_numbered(0x4001)
    events = [ktz.arrived(f"many-{n}", place="railnet:brest") for n in range(70)]
    assert traced.post("ktz", events, wait=10, traceparent=given.text()).status_code == 200
    process = f"process {traced.topic}"

    def batches() -> list[Seen]:
        """Those that brought nothing else."""
        return [b for b in collector.spans if {t for t, _ in b.links} == {given.trace.hex()} and not b.parent]

    def told() -> int:
        return sum(len(b.links) + b.attributes["lianyun.traced_without_span"] for b in batches())

    def own() -> list[Seen]:
        return [each for each in collector.of(given.trace.hex()) if each.name == process]

    collector.wait_for(lambda: told() == 70 and len(own()) >= 64, "batch with its links")
    assert {link for each in own() for link in each.links} == {(b.trace, b.id) for b in batches()}
    assert {b.name for b in batches()} == {"process batch"}
    assert all(b.kind == "CONSUMER" and b.trace != given.trace.hex() for b in batches())
    assert len(rows(traced, given)) == 70


@pytest.mark.parametrize(
    "values",
    [
        ["nonsense"],
        ["00-" + "0" * 32 + "-" + "1" * 16 + "-01"],
        [trace_numbered(0x5001).text(), trace_numbered(0x5002).text()],
        ["\x00\n\x1b[31m" + "9" * 3_000],
        ["ff-" + "1" * 32 + "-" + "1" * 16 + "-01"],
    ],
)
def test_what_is_no_trace_context_refuses_nothing(traced: Gateway, values: list[str]) -> None:
    ktz = traced.partners["ktz"]
    mark = f"odd-{abs(hash(tuple(values)))}"
    event = ktz.arrived(mark, place="railnet:brest")
    envelope = Envelope(
        **{n: event[n] for n in ("specversion", "source", "id", "type", "time")},
        datacontenttype="application/json",
    )
    payload = orjson.dumps(event["data"])
    signature = sign(ktz.key, signed_bytes(NETWORK, envelope, payload))
    headers = [*envelope.to_headers(), (SIGNATURE_HEADER, signature.encode())]
    producer = KafkaProducer(bootstrap_servers=traced.servers.bootstrap)
    told = [("traceparent", value.encode("latin-1")) for value in values]
    producer.send(traced.topic, value=payload, headers=[*headers, *told]).get(timeout=30)
    producer.close()
    until = time.monotonic() + 30
    question = {"source": ktz.source, "id": mark}
    while (answer := traced.api.client("ktz").get("/v1/events", params=question)).status_code == 404:
        assert time.monotonic() < until, "never stored"
        time.sleep(0.05)
    assert answer.json()["outcome"] == "parked"
    stored = traced.api.rows(
        "SELECT count(*) FROM lianyun.event_trace t JOIN lianyun.body b USING (no) WHERE position(%s::bytea IN b.headers) > 0",
        mark.encode(),
    )
    assert stored == [(0,)]


def test_the_attribute_of_the_event_itself_travels_on(traced: Gateway) -> None:
    """CloudEvents' own extension, in both modes; one that is none is left out, and no form of it refuses the event."""
    ktz, structured, binary = traced.partners["ktz"], trace_numbered(0x6001, False), trace_numbered(0x6101)
    event = {**ktz.arrived("ext-1", place="railnet:brest"), "traceparent": structured.text()}
    assert traced.post("ktz", event, wait=10).status_code == 200
    headers, body = as_binary(ktz.arrived("ext-2", place="railnet:brest"))
    told = {**headers, "ce-traceparent": binary.text(), "prefer": "wait=10"}
    assert traced.api.client("ktz").post("/v1/events", content=body, headers=told).status_code == 200
    odd = {**ktz.arrived("ext-3", place="railnet:brest"), "traceparent": {"no": "text"}}
    assert traced.post("ktz", odd, wait=10).status_code == 200
    assert [row[2] for row in rows(traced, structured)] == [False]
    assert [row[2] for row in rows(traced, binary)] == [True]


def test_traces_go_with_the_messages(traced: Gateway) -> None:
    count = "SELECT count(*) FROM lianyun.event_trace"
    with open_session(traced.dsn, "lianyun-test") as session:
        (before,) = session.execute(count).fetchone() or (0,)
        assert detach_bodies(session, 0) == []
        assert session.execute(count).fetchone() == (before,)
        assert detach_bodies(session, time.time_ns()) == ["body_0"]
        assert before > 0
        assert session.execute(count).fetchone() == (0,)
        session.rollback()


def test_the_store_is_sound_and_a_row_without_its_event_is_found(traced: Gateway) -> None:
    gateway_topics = frozenset({traced.topic})
    assert fsck(traced.dsn, NETWORK, gateway_topics=gateway_topics).findings == ()
    with psycopg.connect(traced.dsn) as session:
        session.execute(
            "UPDATE lianyun.event_trace SET sampled = NOT sampled WHERE no = (SELECT max(no) FROM lianyun.event_trace)"
        )
        session.execute("INSERT INTO lianyun.event_trace VALUES (1, gen_random_uuid(), 1, true)")
    findings = fsck(traced.dsn, NETWORK, gateway_topics=gateway_topics).findings
    assert [(each.kind.value, each.field) for each in findings] == [("TRACE", "no"), ("TRACE", "trace")]
