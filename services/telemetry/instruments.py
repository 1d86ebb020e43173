"""Prometheus instruments made from declarations on a registry of their own, and a histogram with bulk updates."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from services.telemetry.definitions import Definition
from services.telemetry.metrics import (
    BUILD_INFO,
    DATABASE_POOL_IN_USE,
    DATABASE_POOL_SIZE,
    DATABASE_POOL_WAITING,
)

# `_created` would double the number of series in Prometheus.
disable_created_metrics()  # type: ignore[no-untyped-call]


class BulkHistogram(Collector):
    """A histogram whose cost is per batch and bucket instead of per value. Thread-safe."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._lock = threading.Lock()
        # Per label values: counts per bucket (the last is +Inf, not cumulative) and the sum.
        self._series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def add(self, labels: tuple[str, ...], values: list[float]) -> None:
        """Count `values`, which are sorted in place; an empty list creates the series at 0."""
        values.sort()
        bounds = self._definition.buckets
        ends = [bisect_right(values, bound) for bound in bounds] + [len(values)]
        with self._lock:
            fresh = ([0] * (len(bounds) + 1), [0.0])
            counts, total = self._series.setdefault(labels, fresh)
            start = 0
            for index, end in enumerate(ends):
                counts[index] += end - start
                start = end
            total[0] += sum(values)

    def collect(self) -> Iterator[Metric]:
        """Yield the series; called by the registry."""
        family = HistogramMetricFamily(
            self._definition.name, self._definition.help, labels=self._definition.labels
        )
        bounds = [*map(floatToGoString, self._definition.buckets), "+Inf"]
        with self._lock:
            for labels, (counts, total) in self._series.items():
                running, buckets = 0, []
                for bound, count in zip(bounds, counts, strict=True):
                    running += count
                    buckets.append((bound, float(running)))
                family.add_metric(labels, buckets, total[0])
        yield family

    def describe(self) -> Iterator[Metric]:
        """Yield the family without values: registration needs its name."""
        yield HistogramMetricFamily(
            self._definition.name, self._definition.help, labels=self._definition.labels
        )


class Instruments:
    """Creates each declared instrument once, on a registry with process metrics and the release."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.gauge(BUILD_INFO).labels(version("lianyun")).set(1)

    def counter(self, definition: Definition) -> Counter:
        """A counter; raises ValueError when it exists already or the declaration is of another kind."""
        _require(definition, "counter")
        return Counter(definition.name, definition.help, definition.labels, registry=self.registry)

    def gauge(self, definition: Definition) -> Gauge:
        """A gauge; raises as `counter`."""
        _require(definition, "gauge")
        return Gauge(definition.name, definition.help, definition.labels, registry=self.registry)

    def histogram(self, definition: Definition) -> Histogram:
        """A histogram; raises as `counter`."""
        _require(definition, "histogram")
        return Histogram(
            definition.name,
            definition.help,
            definition.labels,
            buckets=definition.buckets,
            registry=self.registry,
        )

    def bulk_histogram(self, definition: Definition) -> BulkHistogram:
        """A histogram for bulk updates; raises as `counter`."""
        _require(definition, "histogram")
        bulk = BulkHistogram(definition)
        self.registry.register(bulk)
        return bulk

    def watch_pool(self, stats: Callable[[], Mapping[str, int]]) -> None:
        """Show the state of a pool of sessions (``psycopg_pool.ConnectionPool.get_stats``) at each scrape; once."""
        self.gauge(DATABASE_POOL_SIZE).set_function(lambda: stats().get("pool_size", 0))
        self.gauge(DATABASE_POOL_WAITING).set_function(lambda: stats().get("requests_waiting", 0))
        self.gauge(DATABASE_POOL_IN_USE).set_function(
            lambda: stats().get("pool_size", 0) - stats().get("pool_available", 0)
        )

    def names(self) -> Iterable[str]:
        """The names of the instruments that exist."""
        return sorted(family.name for family in self.registry.collect())


def _require(definition: Definition, kind: str) -> None:
    if definition.kind != kind:
        raise ValueError(f"{definition.name} is a {definition.kind}, not a {kind}")
