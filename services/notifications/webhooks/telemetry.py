"""The metrics of the webhooks process, on an instrument registry of its own."""

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
    """What one webhooks process counts; for several threads."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._deliveries = self.instruments.counter(metrics.WEBHOOK_DELIVERIES)
        self._seconds = self.instruments.histogram(metrics.WEBHOOK_SECONDS)
        self._waiting = self.instruments.gauge(metrics.WEBHOOK_WAITING)
        self._oldest = self.instruments.gauge(metrics.WEBHOOK_OLDEST)
        self._disabled = self.instruments.gauge(metrics.WEBHOOK_DISABLED)
        for outcome in OUTCOMES:
            self._deliveries.labels(outcome)  # shown as 0 before the first

    def delivered(self, told: Micros, now: Micros) -> None:
        """A message whose news is from ``told`` was delivered."""
        self._deliveries.labels("delivered").inc()
        self._seconds.observe(max(0.0, (now - told) / SECOND))

    def failed(self, dead: bool) -> None:
        """An attempt failed, and was the last one or not."""
        self._deliveries.labels("dead" if dead else "failed").inc()

    def update_endpoints(self, endpoints: Iterable[Endpoint]) -> None:
        """How all endpoints stand."""
        known = tuple(endpoints)
        enabled = [each for each in known if each.state == "ENABLED"]
        due = [each.oldest_due for each in enabled if each.oldest_due is not None]
        self._waiting.set(sum(each.waiting for each in enabled))
        self._oldest.set(min(due, default=0) / SECOND)
        self._disabled.set(sum(each.state == "DISABLED" for each in known))


class Delivery:
    """One attempt: the ``headers`` that carry its trace, none where the event had none, and how it was ``answered``."""

    def __init__(self, context: TraceContext | None) -> None:
        self.headers = {} if context is None else {TRACEPARENT: context.text()}
        self.result: AttemptResult | None = None


@contextmanager
def delivery_span(spans: Spans | None, leased: LeasedDelivery) -> Iterator[Delivery]:
    """One attempt at ``taken``, as a span where spans are made and the trace is kept."""
    cause = _context(leased)
    if cause is None or spans is None or not cause.sampled:
        own = None if cause is None else cause._replace(span=secrets.token_bytes(8))
        yield Delivery(own)
        return
    told: dict[str, Value] = {
        "http.request.method": "POST",
        "server.address": _host(leased.url),
        "lianyun.webhook.message": leased.message,
        "http.request.resend_count": leased.attempt - 1,
    }
    span = spans.begin("deliver webhook", "CLIENT", cause, told)
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
    """``trace_id`` for a log line about ``taken``, where there is one."""
    cause = _context(leased)
    return {} if cause is None else {"trace_id": cause.trace.hex()}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # what is wrong with it the sender says


def _context(leased: LeasedDelivery) -> TraceContext | None:
    return None if leased.traceparent is None else TraceContext.of(leased.traceparent)
