"""The observers of a pipeline: Prometheus metrics, updated once per batch, and OpenTelemetry spans."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from operator import gt
from typing import Any

from schemas.reasons import Reason
from schemas.trace_context import TraceContext, trace_of
from services.ledger.admission.model import Refused, Verified
from services.ledger.admission.raw_bytes import message_labels
from services.ledger.storage.batch import Applied
from services.ledger.storage.ledger_protocol import PartitionId
from services.processors.admission import Accepted
from services.processors.log_identity import LogMoved
from services.processors.ports import Batch, LogRecord, Observer
from services.telemetry import metrics as names
from services.telemetry.instruments import Instruments
from services.telemetry.tracing import Spans, Value


class WorkerMetrics:
    """Counts what a pipeline did and exposes the state of its consumption. Belongs to one event loop."""

    def __init__(self) -> None:
        make = self.instruments = Instruments()
        self._received = make.counter(names.EVENTS_RECEIVED)
        self._accepted = make.counter(names.EVENTS_ACCEPTED)
        self._refused = make.counter(names.EVENTS_REFUSED)
        self._stored = make.counter(names.EVENTS_STORED)
        self._duplicate = make.counter(names.EVENTS_DUPLICATE)
        self._equivocating = make.counter(names.EVENTS_EQUIVOCATING)
        self._out_of_order = make.counter(names.EVENTS_OUT_OF_ORDER)
        self._doubts = make.counter(names.IDENTIFIER_DOUBTS)
        self._batch = make.histogram(names.BATCH_EVENTS)
        self._age = make.bulk_histogram(names.EVENT_AGE)
        self._last_event = make.gauge(names.PARTNER_LAST_EVENT)
        self._watermark = make.gauge(names.TOPIC_WATERMARK)
        self._latency = make.bulk_histogram(names.PIPELINE_LATENCY)
        self._step = make.histogram(names.STEP_SECONDS)
        self._stage = make.counter(names.TRANSACTION_STAGE_SECONDS)
        self._lag = make.gauge(names.LEDGER_LAG)
        self.backlog = make.gauge(names.BACKLOG_EVENTS)
        self._oldest_waiting = make.gauge(names.OLDEST_WAITING)
        self._last_commit = make.gauge(names.LAST_COMMIT)
        self.rebalances = make.counter(names.REBALANCES)
        self.fetch_gaps = make.counter(names.FETCH_GAPS)
        self.fetch_errors = make.counter(names.FETCH_ERRORS)
        self.log_comparisons = make.counter(names.LOG_COMPARISONS)
        self._stopped = make.gauge(names.PARTITION_STOPPED)
        self._missing = make.gauge(names.TOPIC_MISSING)
        self._rests_until = make.gauge(names.TOPIC_RESTS_UNTIL)
        self.ready = make.gauge(names.WORKER_READY)
        self.registry_version = make.gauge(names.REGISTRY_VERSION)
        self._latest: dict[str, int] = {}
        self._published: dict[tuple[str, PartitionId], int] = {}  # the latest so far, in log order
        self._in_flight: dict[
            PartitionId, deque[tuple[int, int]]
        ] = {}  # (next offset, append time of its first record)

    def initialize(self, topics: Iterable[str], parties: Iterable[str]) -> None:
        """Create the series of ``topics`` and ``parties`` (codes) at 0: Prometheus sees no increase in a new series."""
        publishers = tuple(parties)
        for topic in topics:
            self._received.labels(topic)
        for publisher in (*publishers, *topics):  # a refused message that names no party is its topic's
            for reason in Reason:
                self._refused.labels(publisher, str(reason))
        for counter in (self._duplicate, self._equivocating, self._out_of_order):
            for publisher in publishers:
                counter.labels(publisher)
        for stage in ("published_to_log", "log_to_state"):
            self._latency.add((stage,), [])

    def batch_admitted(self, batch: Batch[Any], seconds: float) -> None:
        """Count admitted and refused records."""
        self._step.labels("admission").observe(seconds)
        for part in batch:
            self._received.labels(part.slice.partition.topic).inc(len(part.outcomes))
            flying = self._in_flight.setdefault(part.slice.partition, deque())
            flying.append((part.slice.next_offset, part.slice.records[0].timestamp))

    def batch_applied(self, batch: Batch[Any], applied: Applied, seconds: float) -> None:
        """Count what a transaction committed."""
        now = time.time()
        self._last_commit.set(now)
        self._step.labels("transaction").observe(seconds)
        self._batch.observe(sum(len(part.outcomes) for part in batch))
        for stage, spent in applied.seconds.items():
            self._stage.labels(stage).inc(spent)
        self._stored.inc(applied.new)
        for counter, counts in (
            (self._duplicate, applied.duplicates_of),
            (self._equivocating, applied.equivocations_of),
        ):
            for partner, count in counts.items():
                counter.labels(partner).inc(count)
        for part in batch:
            records = part.slice.records
            self._remove_landed(part.slice.partition, part.slice.next_offset)
            self._watermark.labels(part.slice.partition.topic).set(records[-1].timestamp / 1_000)
            self._latency.add(("log_to_state",), [now - record.timestamp / 1_000 for record in records])
        self._count_outcomes(batch)

    def circuit_opened(self, topic: str, seconds: float) -> None:
        """Expose until when consumption of a topic is paused."""
        self._rests_until.labels(topic).set(time.time() + seconds)

    def update_reading(
        self,
        lags: Mapping[PartitionId, int],
        stopped: Mapping[PartitionId, LogMoved],
        missing: Iterable[str],
    ) -> None:
        """Expose lags, stopped partitions and missing topics; earlier ones are removed."""
        self._in_flight = {
            partition: flying for partition, flying in self._in_flight.items() if partition in lags
        }
        self._lag.clear()
        for partition, lag in lags.items():
            self._lag.labels(*partition).set(lag)
        self._stopped.clear()
        for partition, moved in stopped.items():
            self._stopped.labels(*partition, moved.moved.value).set(1)
        self._missing.clear()
        for topic in missing:
            self._missing.labels(topic).set(1)

    def update_waiting(self, first: Mapping[PartitionId, LogRecord]) -> None:
        """Expose the age of the oldest record per topic: of those queued, ``first``, and of those in a transaction."""
        oldest: dict[str, int] = {}
        flying = [(partition.topic, line[0][1]) for partition, line in self._in_flight.items() if line]
        for topic, append in [*flying, *((tp.topic, record.timestamp) for tp, record in first.items())]:
            oldest[topic] = min(append, oldest.get(topic, append))
        self._oldest_waiting.clear()
        for topic, append in oldest.items():
            self._oldest_waiting.labels(topic).set(append / 1_000)

    def _remove_landed(self, partition: PartitionId, next_offset: int) -> None:
        flying = self._in_flight.get(partition)
        while flying and flying[0][0] <= next_offset:
            flying.popleft()

    def _count_outcomes(self, batch: Batch[Any]) -> None:
        # Comprehensions and counters loop in C: this runs on the event loop, once per event of the whole flow.
        accepted: Counter[tuple[str, str]] = Counter()
        doubts: Counter[tuple[str, str]] = Counter()
        refused: Counter[tuple[str, str]] = Counter()
        published: dict[str, list[int]] = {}
        ages: dict[str, list[int]] = {}
        for part in batch:
            admitted = [one.admitted for one in part.outcomes if type(one) is Accepted]
            seen = [one.verified for one in admitted]
            accepted.update([(one.party.code, one.envelope.type) for one in seen])
            times = [one.envelope.published_micros for one in seen]
            taken = [one.record.append_ms * 1_000 - at for one, at in zip(seen, times, strict=True)]
            self._latency.add(("published_to_log",), [max(micros, 0) / 1e6 for micros in taken])
            for code, own in _by_party(seen, times).items():
                self._note_order(code, part.slice.partition, own)
                published.setdefault(code, []).extend(own)
            for code, own in _by_party(seen, taken).items():
                ages.setdefault(code, []).extend(own)
            for one in admitted:
                for remark in one.remarks:
                    doubts[one.verified.party.code, remark.code] += 1
            if len(admitted) < len(part.outcomes):
                refused.update(
                    [(one.publisher, str(one.reason)) for one in part.outcomes if isinstance(one, Refused)]
                )
        for counter, counts in ((self._accepted, accepted), (self._doubts, doubts), (self._refused, refused)):
            for labels, count in counts.items():
                counter.labels(*labels).inc(count)
        for code, times in published.items():
            latest = self._latest[code] = max(self._latest.get(code, 0), max(times))
            self._last_event.labels(code).set(latest / 1e6)
            self._age.add((code,), [micros / 1e6 for micros in ages[code]])

    def _note_order(self, code: str, partition: PartitionId, times: list[int]) -> None:
        latest = list(accumulate(times, max, initial=self._published.get((code, partition), 0)))
        self._published[code, partition] = latest[-1]
        late = sum(map(gt, latest, times))  # each with the latest before it
        if late:
            self._out_of_order.labels(code).inc(late)


def _by_party(seen: list[Verified], times: list[int]) -> dict[str, list[int]]:
    codes = {one.party.code for one in seen}
    if len(codes) == 1:  # nearly always: a topic belongs to one party
        return {codes.pop(): times}
    own: dict[str, list[int]] = {code: [] for code in codes}
    for one, at in zip(seen, times, strict=True):
        own[one.party.code].append(at)
    return own


MOST = 64
"""Events of one batch with a span of their own; of the others only the number is recorded."""


class TracingObserver:
    """Delegates to ``inner`` and emits spans of committed batches: one per batch, and one in the trace of each sampled event.

    Spans are made after the commit and only enqueued, so they add no latency; at most MOST events of a batch get one (about 40 us each).
    """

    def __init__(self, inner: Observer, spans: Spans, group: str) -> None:
        self._inner, self._spans, self._group = inner, spans, group

    def batch_admitted(self, batch: Batch[Any], seconds: float) -> None:
        """Records were admitted or refused."""
        self._inner.batch_admitted(batch, seconds)

    def circuit_opened(self, topic: str, seconds: float) -> None:
        """Consumption of a topic is paused."""
        self._inner.circuit_opened(topic, seconds)

    def batch_applied(self, batch: Batch[Any], applied: Applied, seconds: float) -> None:
        """A batch was committed."""
        self._inner.batch_applied(batch, applied, seconds)
        now = time.time_ns()
        began = now - int(seconds * 1e9)
        sampled = list(_sampled(batch))
        shown = sampled[:MOST]
        whole = self._spans.begin(
            "process batch",
            "CONSUMER",
            attributes=self._batch_attributes(batch, applied, len(sampled) - len(shown)),
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
        attributes: dict[str, Value] = {
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
        event_labels = message_labels(record.headers)
        attributes |= {
            f"cloudevents.{name}": value for name, value in event_labels.items() if name.startswith("event_")
        }
        if refused is not None:
            attributes["lianyun.reason"] = str(refused.reason)
        span = self._spans.begin(f"process {record.topic}", "CONSUMER", context, attributes, [batch], began)
        span.end(failed="" if refused is None else str(refused.reason), at_ns=now)

    def _batch_attributes(self, batch: Batch[Any], applied: Applied, left_out: int) -> dict[str, Value]:
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
