"""The metrics of the API, on an instrument registry of its own."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from services.observability import metrics
from services.observability.instruments import Instruments


class ApiMetrics:
    """What one API process counts."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._requests = self.instruments.counter(metrics.API_REQUESTS)
        self._seconds = self.instruments.histogram(metrics.API_SECONDS)
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request by its route as declared ("" where none matched)."""
        found = self._children.get((route, status))
        if found is None:
            found = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._children[route, status] = found
        found[0].inc()
        found[1].observe(seconds)
