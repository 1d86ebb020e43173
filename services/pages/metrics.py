"""The metrics of the pages, on an instrument registry of their own."""

from __future__ import annotations

from services.telemetry import metrics
from services.telemetry.instruments import Instruments


class PagesMetrics:
    """What one pages process counts; for several threads."""

    def __init__(self) -> None:
        make = self.instruments = Instruments()
        self._requests = make.counter(metrics.PAGES_REQUESTS)
        self._seconds = make.histogram(metrics.PAGES_SECONDS)
        self._limited = make.counter(metrics.PAGES_RATE_LIMITED)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request by its route as declared ("" where none matched)."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def limited(self) -> None:
        """Count a request beyond the budget of its address."""
        self._limited.inc()
