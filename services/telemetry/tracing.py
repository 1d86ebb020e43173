"""Spans for OpenTelemetry, where an endpoint is set that takes them; elsewhere nothing of it is even imported.

The variables are OpenTelemetry's own: OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) says where to,
OTEL_TRACES_SAMPLER which traces begun here are kept; a trace that came with an event is kept as its sender decided. Spans
are sent by a thread of the SDK; where the endpoint is slow or gone they are dropped, and nothing waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from schemas.trace_context import TraceContext

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as SdkSpan
    from opentelemetry.trace import SpanContext

log = logging.getLogger(__name__)

Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Value = str | bool | int | float
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Span:
    """A span that has begun; its ``context`` goes on to whatever it causes."""

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        told = span.get_span_context()
        self.context = TraceContext(
            told.trace_id.to_bytes(16, "big"), told.span_id.to_bytes(8, "big"), told.trace_flags.sampled
        )

    def end(
        self, attributes: Mapping[str, Value] | None = None, failed: str = "", at_ns: int | None = None
    ) -> None:
        """End it, now or at ``at_ns`` (Unix time); ``failed`` says in one short sentence what went wrong, if anything."""
        from opentelemetry.trace import StatusCode

        if attributes:
            self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(StatusCode.ERROR, failed)
        self._span.end(at_ns)

    def rename(self, name: str) -> None:
        """Call it ``name``, which was not known when it began."""
        self._span.update_name(name)


class Spans:
    """Makes spans and sends them off, for any thread. Nothing here blocks but ``close``."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("lianyun", version("lianyun"))

    def begin(
        self,
        name: str,
        kind: Kind,
        parent: TraceContext | None = None,
        attributes: Mapping[str, Value] | None = None,
        links: Iterable[TraceContext] = (),
        at_ns: int | None = None,
    ) -> Span:
        """Begin a span, now or at ``at_ns`` (Unix time): in the trace of ``parent``, else in a new one."""
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, set_span_in_context

        around = Context()
        if parent is not None:
            around = set_span_in_context(NonRecordingSpan(_sdk(parent)), around)
        span = self._tracer.start_span(
            name,
            around,
            SpanKind[kind],
            attributes,
            [Link(_sdk(each)) for each in links],
            at_ns,
        )
        return Span(span)

    def close(self, seconds: float = 3.0) -> None:
        """Send what is left, for at most so many ``seconds``; blocks."""
        # The SDK's own bound is not kept while an endpoint does not answer.
        closing = threading.Thread(target=self._provider.shutdown, name="spans-close", daemon=True)
        closing.start()
        closing.join(seconds)


def open_spans(service: str, environment: Mapping[str, str]) -> Spans | None:
    """What makes the spans of this process, called ``service``; None where ``environment`` names no endpoint for them.

    Takes about 0.2 s, for the imports, where one is named. A setting that the SDK cannot use is logged, and there are no spans.
    """
    if not any(environment.get(name) for name in ENDPOINTS) or _off(environment):
        return None
    try:
        return Spans(_provider(environment.get("OTEL_SERVICE_NAME") or service))
    except Exception as problem:
        # Whatever is wrong with it: events matter more than their traces.
        log.error("no spans are sent: %s: %s", type(problem).__name__, problem, extra={"action": "no_spans"})
        return None


def _off(environment: Mapping[str, str]) -> bool:
    return (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or environment.get("OTEL_TRACES_EXPORTER") == "none"
    )


def _provider(service: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": service, "service.version": version("lianyun")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _sdk(context: TraceContext) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    told: Any = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int.from_bytes(context.trace, "big"), int.from_bytes(context.span, "big"), True, told)
