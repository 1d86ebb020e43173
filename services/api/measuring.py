"""The metrics of the API, on an instrument registry of its own."""

from __future__ import annotations

from services.observability import metrics
from services.observability.instruments import Instruments


class ApiMetrics:
    """What one API process counts."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._requests = self.instruments.counter(metrics.API_REQUESTS)
        self._seconds = self.instruments.histogram(metrics.API_SECONDS)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request by its route as declared ("" where none matched)."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
