"""An OpenTelemetry collector of the simplest kind: takes spans over OTLP/HTTP on this machine and keeps them."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


@dataclass(frozen=True)
class Seen:
    """A span as it came; ids in hexadecimal digits."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, Any]
    failed: str | None


@dataclass
class Collector:
    """``url`` is the endpoint to set; ``status`` what it answers."""

    url: str
    spans: list[Seen] = field(default_factory=list)
    status: int = 200
    asked: int = 0

    def of(self, trace: str) -> list[Seen]:
        """The spans of a trace so far, in the order in which they came."""
        return [each for each in self.spans if each.trace == trace]

    def wait_for(self, found: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < until, f"no {what}; there are {sorted({s.name for s in self.spans})}"
            time.sleep(0.05)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        collector: Collector = cast(Any, self.server).collector
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        collector.asked += 1
        if collector.status == 200:
            collector.spans += _read(body)
        self.send_response(collector.status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


def _read(body: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    service,
                    span.name,
                    Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    tuple((each.trace_id.hex(), each.span_id.hex()) for each in span.links),
                    {each.key: _value(each.value) for each in span.attributes},
                    span.status.message if span.status.code == Status.STATUS_CODE_ERROR else None,
                )


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    found = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    cast(Any, server).collector = found
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
