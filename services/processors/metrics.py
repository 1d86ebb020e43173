"""The worker's metrics: fed once per batch with sums, never once per event."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from services.admission.model import Admitted, Refused
from services.observability import metrics as names
from services.observability.instruments import Instruments
from services.processors.log_moved import LogMoved
from services.processors.ports import Applied, Batch
from services.storage.ledger_protocol import PartitionId


class WorkerMetrics:
    """Counts what a pipeline did and shows the state of its reading. Belongs to one event loop."""

    def __init__(self) -> None:
        make = self.instruments = Instruments()
        self._received = make.counter(names.EVENTS_RECEIVED)
        self._accepted = make.counter(names.EVENTS_ACCEPTED)
        self._refused = make.counter(names.EVENTS_REFUSED)
        self._stored = make.counter(names.EVENTS_STORED)
        self._duplicate = make.counter(names.EVENTS_DUPLICATE)
        self._equivocating = make.counter(names.EVENTS_EQUIVOCATING)
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
        self._last_commit = make.gauge(names.LAST_COMMIT)
        self.rebalances = make.counter(names.REBALANCES)
        self.fetch_gaps = make.counter(names.FETCH_GAPS)
        self.fetch_errors = make.counter(names.FETCH_ERRORS)
        self._stopped = make.gauge(names.PARTITION_STOPPED)
        self._missing = make.gauge(names.TOPIC_MISSING)
        self._rests_until = make.gauge(names.TOPIC_RESTS_UNTIL)
        self.ready = make.gauge(names.WORKER_READY)
        self.registry_version = make.gauge(names.REGISTRY_VERSION)
        self._build = make.gauge(names.BUILD_INFO)
        self._latest: dict[str, int] = {}

    def build(self, version: str) -> None:
        """Show which version runs."""
        self._build.labels(version).set(1)

    def judged(self, batch: Batch[Any], seconds: float) -> None:
        """Count records that were judged."""
        self._step.labels("admission").observe(seconds)
        for part in batch:
            self._received.labels(part.slice.partition.topic).inc(len(part.outcomes))

    def applied(self, batch: Batch[Any], applied: Applied, seconds: float) -> None:
        """Count what a transaction committed."""
        now = time.time()
        self._last_commit.set(now)
        self._step.labels("transaction").observe(seconds)
        self._batch.observe(sum(len(part.outcomes) for part in batch))
        for stage, spent in applied.stages.items():
            self._stage.labels(stage).inc(spent)
        self._stored.inc(applied.new)
        self._duplicate.inc(applied.duplicates)
        self._equivocating.inc(applied.equivocations)
        for part in batch:
            records = part.slice.records
            self._watermark.labels(part.slice.partition.topic).set(records[-1].timestamp / 1_000)
            self._latency.add(("log_to_state",), [now - record.timestamp / 1_000 for record in records])
        self._count_outcomes(batch, now)

    def resting(self, topic: str, seconds: float) -> None:
        """Show that a topic rests."""
        self._rests_until.labels(topic).set(time.time() + seconds)

    def reading(
        self,
        lags: Mapping[PartitionId, int],
        stopped: Mapping[PartitionId, LogMoved],
        missing: Iterable[str],
    ) -> None:
        """Show the lag of what is read and what waits for an operator; the rest is forgotten."""
        self._lag.clear()
        for partition, lag in lags.items():
            self._lag.labels(*partition).set(lag)
        self._stopped.clear()
        for partition, moved in stopped.items():
            self._stopped.labels(*partition, moved.moved.value).set(1)
        self._missing.clear()
        for topic in missing:
            self._missing.labels(topic).set(1)

    def _count_outcomes(self, batch: Batch[Any], now: float) -> None:
        accepted: Counter[tuple[str, str]] = Counter()
        refused: Counter[tuple[str, str]] = Counter()
        published: dict[str, list[int]] = {}
        for part in batch:
            for outcome in part.outcomes:
                if isinstance(outcome, Admitted):
                    verified = outcome.verified
                    code = verified.party.code
                    accepted[code, verified.envelope.type] += 1
                    published.setdefault(code, []).append(verified.envelope.published_micros)
                    if outcome.flags:
                        for flag, count in outcome.flags.items():
                            self._doubts.labels(code, flag).inc(count)
                elif isinstance(outcome, Refused):
                    refused[outcome.publisher, str(outcome.reason)] += 1
        for labels, count in accepted.items():
            self._accepted.labels(*labels).inc(count)
        for labels, count in refused.items():
            self._refused.labels(*labels).inc(count)
        for code, times in published.items():
            latest = self._latest[code] = max(self._latest.get(code, 0), max(times))
            self._last_event.labels(code).set(latest / 1e6)
            self._age.add((code,), [now - micros / 1e6 for micros in times])
