"""The metrics of the pages, on an instrument registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.telemetry import metrics
from services.telemetry.instruments import Instruments


class PagesMetrics:
    """What one pages process counts; for several threads."""

    def __init__(self) -> None:
        make = self.instruments = Instruments()
        self._requests = make.counter(metrics.PAGES_REQUESTS)
        self._seconds = make.histogram(metrics.PAGES_SECONDS)
        self._limited = make.counter(metrics.PAGES_RATE_LIMITED)
        self._pool_size = make.gauge(metrics.DATABASE_POOL_SIZE)
        self._pool_in_use = make.gauge(metrics.DATABASE_POOL_IN_USE)
        self._pool_waiting = make.gauge(metrics.DATABASE_POOL_WAITING)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request by its route as declared ("" where none matched)."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def limited(self) -> None:
        """Count a request beyond the budget of its address."""
        self._limited.inc()

    def watch_pool(self, stats: Callable[[], Mapping[str, int]]) -> None:
        """Show what a pool of sessions says of itself (``psycopg_pool.ConnectionPool.get_stats``)."""
        self._pool_size.set_function(lambda: stats().get("pool_size", 0))
        self._pool_waiting.set_function(lambda: stats().get("requests_waiting", 0))
        self._pool_in_use.set_function(lambda: stats().get("pool_size", 0) - stats().get("pool_available", 0))
