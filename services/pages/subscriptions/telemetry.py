"""Metrics of the notifications process. No label and no line of a log names an address."""

from __future__ import annotations

from typing import NamedTuple

from services.telemetry import metrics
from services.telemetry.instruments import Instruments

SECOND = 1_000_000
OUTCOMES = ("sent", "failed", "refused", "dead", "dropped")


class Overview(NamedTuple):
    """What waits to be sent and since when, the subscription whose look is due longest, and how many addresses refuse mail."""

    waiting: int
    oldest_due: int | None
    next_look: int | None
    suspended: int


class NotificationMetrics:
    """The metrics of one notifications process; thread-safe."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._mails = self.instruments.counter(metrics.NOTIFICATION_MAILS)
        self._waiting = self.instruments.gauge(metrics.NOTIFICATIONS_WAITING)
        self._oldest = self.instruments.gauge(metrics.NOTIFICATIONS_OLDEST)
        self._suspended = self.instruments.gauge(metrics.NOTIFICATIONS_SUSPENDED)
        for outcome in OUTCOMES:
            self._mails.labels(outcome)  # shown as 0 before the first

    def attempted(self, outcome: str) -> None:
        """An attempt to send a message ended."""
        self._mails.labels(outcome).inc()

    def update(self, found: Overview) -> None:
        """Update the gauges."""
        due = [each for each in (found.oldest_due, found.next_look) if each is not None]
        self._waiting.set(found.waiting)
        self._oldest.set(min(due, default=0) / SECOND)
        self._suspended.set(found.suspended)
