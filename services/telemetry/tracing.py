"""OpenTelemetry spans, where an OTLP endpoint is configured; otherwise the SDK is not even imported.

Configured by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT), and
OTEL_TRACES_SAMPLER for traces begun here; a trace that arrives with an event keeps its sender's sampling decision. A thread of the
SDK exports spans; where the endpoint is slow or gone they are dropped, and nothing waits for it.
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
    """A started span; ``context`` is to be propagated."""

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        own = span.get_span_context()
        self.context = TraceContext(
            own.trace_id.to_bytes(16, "big"), own.span_id.to_bytes(8, "big"), own.trace_flags.sampled
        )

    def end(
        self, attributes: Mapping[str, Value] | None = None, failed: str = "", at_ns: int | None = None
    ) -> None:
        """End it, now or at ``at_ns`` (Unix time); ``failed`` is a short description of the error, if any."""
        from opentelemetry.trace import StatusCode

        if attributes:
            self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(StatusCode.ERROR, failed)
        self._span.end(at_ns)

    def rename(self, name: str) -> None:
        """Set the name, which was not known at its start."""
        self._span.update_name(name)


class Spans:
    """Creates and exports spans; thread-safe. Only ``close`` blocks."""

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
        """Start a span, now or at ``at_ns`` (Unix time): in the trace of ``parent``, else in a new one."""
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
        """Export what is left, for at most ``seconds``; blocks."""
        # The SDK exceeds its own timeout while an endpoint does not respond.
        closing = threading.Thread(target=self._provider.shutdown, name="spans-close", daemon=True)
        closing.start()
        closing.join(seconds)


def open_spans(service: str, environment: Mapping[str, str]) -> Spans | None:
    """The tracer of this process, called ``service``; None where ``environment`` configures no endpoint.

    Importing the SDK takes about 0.2 s. A setting that it cannot use is logged, and there are no spans.
    """
    if not any(environment.get(name) for name in ENDPOINTS) or _off(environment):
        return None
    try:
        return Spans(_provider(environment.get("OTEL_SERVICE_NAME") or service))
    except Exception as problem:
        # A defect of tracing must not stop the processing of events.
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

    flags: Any = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int.from_bytes(context.trace, "big"), int.from_bytes(context.span, "big"), True, flags)
