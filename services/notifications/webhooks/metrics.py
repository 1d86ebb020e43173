"""The metrics of the webhooks process, on an instrument registry of its own."""

from __future__ import annotations

from collections.abc import Iterable

from services.domain.facts import Micros
from services.notifications.webhooks.overview import Endpoint
from services.telemetry import metrics
from services.telemetry.instruments import Instruments

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

    def look(self, endpoints: Iterable[Endpoint]) -> None:
        """How all endpoints stand."""
        known = tuple(endpoints)
        enabled = [each for each in known if each.state == "ENABLED"]
        due = [each.oldest_due for each in enabled if each.oldest_due is not None]
        self._waiting.set(sum(each.waiting for each in enabled))
        self._oldest.set(min(due, default=0) / SECOND)
        self._disabled.set(sum(each.state == "DISABLED" for each in known))
