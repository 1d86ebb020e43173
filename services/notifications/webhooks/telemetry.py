"""Metrics of the webhooks process, and the trace context of deliveries."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from schemas.trace_context import TRACEPARENT, TraceContext
from services.domain.facts import Micros
from services.notifications.webhooks.queue import LeasedDelivery
from services.notifications.webhooks.sender import AttemptResult
from services.notifications.webhooks.subscriptions import Endpoint
from services.telemetry import metrics
from services.telemetry.instruments import Instruments
from services.telemetry.tracing import Spans, Value

SECOND = 1_000_000
OUTCOMES = ("delivered", "failed", "dead")


class WebhookMetrics:
    """The metrics of one webhooks process; thread-safe."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._deliveries = self.instruments.counter(metrics.WEBHOOK_DELIVERIES)
        self._seconds = self.instruments.histogram(metrics.WEBHOOK_SECONDS)
        self._waiting = self.instruments.gauge(metrics.WEBHOOK_WAITING)
        self._oldest = self.instruments.gauge(metrics.WEBHOOK_OLDEST)
        self._disabled = self.instruments.gauge(metrics.WEBHOOK_DISABLED)
        for outcome in OUTCOMES:
            self._deliveries.labels(outcome)  # shown as 0 before the first

    def delivered(self, committed: Micros, now: Micros) -> None:
        """A message about a change ``committed`` then was delivered."""
        self._deliveries.labels("delivered").inc()
        self._seconds.observe(max(0.0, (now - committed) / SECOND))

    def failed(self, dead: bool) -> None:
        """An attempt failed, and was the last one or not."""
        self._deliveries.labels("dead" if dead else "failed").inc()

    def update_endpoints(self, endpoints: Iterable[Endpoint]) -> None:
        """Update the gauges of all endpoints."""
        known = tuple(endpoints)
        enabled = [each for each in known if each.state == "ENABLED"]
        due = [each.oldest_due for each in enabled if each.oldest_due is not None]
        self._waiting.set(sum(each.waiting for each in enabled))
        self._oldest.set(min(due, default=0) / SECOND)
        self._disabled.set(sum(each.state == "DISABLED" for each in known))


class Delivery:
    """One attempt: the ``headers`` of its trace context, empty where the event had none, and its ``result``."""

    def __init__(self, context: TraceContext | None) -> None:
        self.headers = {} if context is None else {TRACEPARENT: context.text()}
        self.result: AttemptResult | None = None


@contextmanager
def delivery_span(spans: Spans | None, leased: LeasedDelivery) -> Iterator[Delivery]:
    """An attempt in the trace of the event that caused it, as a span where the trace is sampled.

    Without a span the context is passed on under a new span id.
    """
    cause = _context(leased)
    if cause is None or spans is None or not cause.sampled:
        own = None if cause is None else cause._replace(span=secrets.token_bytes(8))
        yield Delivery(own)
        return
    attributes: dict[str, Value] = {
        "http.request.method": "POST",
        "server.address": _host(leased.url),
        "lianyun.webhook.message": leased.message,
        "http.request.resend_count": leased.attempt - 1,
    }
    span = spans.begin("deliver webhook", "CLIENT", cause, attributes)
    delivery = Delivery(span.context)
    try:
        yield delivery
    finally:
        result = delivery.result
        status = None if result is None else result.status
        good = result is not None and result.success
        span.end(
            {} if status is None else {"http.response.status_code": status},
            failed="" if good else "not delivered",
        )


def trace_field(leased: LeasedDelivery) -> dict[str, str]:
    """``trace_id`` for a log line about the delivery, where there is one."""
    cause = _context(leased)
    return {} if cause is None else {"trace_id": cause.trace.hex()}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # reported by the sender


def _context(leased: LeasedDelivery) -> TraceContext | None:
    return None if leased.traceparent is None else TraceContext.of(leased.traceparent)
