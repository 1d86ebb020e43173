"""The spans of a worker: one for each batch, and one in the trace of each event whose sender keeps that trace.

Made after the commit, from what the batch was, so that nothing of it stands in the way of an event. Both are bounded: an
event's span costs some 40 us, and a flood of sampled events must not become a flood of spans.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from schemas.trace_context import TraceContext, trace_of
from services.ledger.admission.model import Refused
from services.ledger.admission.raw_bytes import message_labels
from services.ledger.storage.batch import Applied
from services.processors.ports import Batch, LogRecord, Observer
from services.telemetry.tracing import Spans, Value

MOST = 64
"""Events of one batch that get a span of their own; of the others only the number is told."""


class TracedObserver:
    """Tells ``inner`` everything, and makes spans of what was committed. On the event loop: it only puts them in a queue."""

    def __init__(self, inner: Observer, spans: Spans, group: str) -> None:
        self._inner, self._spans, self._group = inner, spans, group

    def judged(self, batch: Batch[Any], seconds: float) -> None:
        """Records were judged."""
        self._inner.judged(batch, seconds)

    def resting(self, topic: str, seconds: float) -> None:
        """A topic rests."""
        self._inner.resting(topic, seconds)

    def applied(self, batch: Batch[Any], applied: Applied, seconds: float) -> None:
        """A batch was committed."""
        self._inner.applied(batch, applied, seconds)
        now = time.time_ns()
        began = now - int(seconds * 1e9)
        sampled = list(_sampled(batch))
        shown = sampled[:MOST]
        whole = self._spans.begin(
            "process batch",
            "CONSUMER",
            attributes=self._told(batch, applied, len(sampled) - len(shown)),
            links=[context for context, _, _ in shown],
            at_ns=began,
        )
        for context, record, outcome in shown:
            self._event(context, record, outcome, whole.context, began, now)
        whole.end(at_ns=now)

    def _event(
        self,
        context: TraceContext,
        record: LogRecord,
        outcome: Any,
        batch: TraceContext,
        began: int,
        now: int,
    ) -> None:
        refused = outcome if isinstance(outcome, Refused) else None
        told: dict[str, Value] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
            "messaging.consumer.group.name": self._group,
            "lianyun.waited_seconds": max(0.0, began / 1e9 - record.timestamp / 1e3),
            "lianyun.outcome": "accepted" if refused is None else "refused",
        }
        named = message_labels(record.headers)
        told |= {f"cloudevents.{name}": value for name, value in named.items() if name.startswith("event_")}
        if refused is not None:
            told["lianyun.reason"] = str(refused.reason)
        span = self._spans.begin(f"process {record.topic}", "CONSUMER", context, told, [batch], began)
        span.end(failed="" if refused is None else str(refused.reason), at_ns=now)

    def _told(self, batch: Batch[Any], applied: Applied, left_out: int) -> dict[str, Value]:
        outcomes = [outcome for part in batch for outcome in part.outcomes]
        stages = {f"lianyun.stage.{name}_seconds": spent for name, spent in applied.seconds.items()}
        return {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": self._group,
            "messaging.batch.message_count": len(outcomes),
            "lianyun.new": applied.new,
            "lianyun.duplicates": applied.duplicates,
            "lianyun.refused": sum(isinstance(outcome, Refused) for outcome in outcomes),
            "lianyun.traced_without_span": left_out,
            **stages,
        }


def _sampled(batch: Batch[Any]) -> Iterator[tuple[TraceContext, LogRecord, Any]]:
    for part in batch:
        for record, outcome in zip(part.slice.records, part.outcomes, strict=True):
            context = trace_of(record.headers)
            if context is not None and context.sampled:
                yield context, record, outcome
