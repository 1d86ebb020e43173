"""The trace context that a publisher gives its events: its caller's, or one of its own where spans are sent.

The context goes into the spool with the event, so that a repetition carries the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.trace_context import TraceContext
from services.producers.native import Unsigned
from services.telemetry.tracing import Spans

Traced = Callable[[Unsigned], TraceContext | None]
"""Gives the context of an event that is being made."""


def untraced(_event: Unsigned) -> None:
    """No context: the ordinary case."""
    return


def traced(spans: Spans | None, environment: Mapping[str, str]) -> Traced:
    """Contexts as ``environment`` asks for them: TRACEPARENT names the caller's, as a shell's tools pass it on.

    Without ``spans`` every event carries just that. With them each event gets a span of its own, in the caller's trace or in
    one of its own, and a context where that trace is kept.
    """
    given = TraceContext.of(environment.get("TRACEPARENT", ""))
    if spans is None:
        return untraced if given is None else lambda _event: given
    making = spans

    def begun(event: Unsigned) -> TraceContext | None:
        envelope = event.envelope
        told = {
            "messaging.system": "kafka",
            "messaging.operation.name": "create",
            "messaging.operation.type": "create",
            "cloudevents.event_source": envelope.source,
            "cloudevents.event_id": envelope.id,
            "cloudevents.event_type": envelope.type,
        }
        span = making.begin(f"create {envelope.type}", "PRODUCER", given, told)
        span.end()
        return span.context if span.context.sampled or given is not None else None

    return begun
