"""What a supervisor shows: how its workers end, and the counts that belong to no worker but to the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.deadletters.store import outcome_counts, tallies
from services.observability import metrics as names
from services.observability.instruments import Instruments
from services.processors.statements import statement

log = logging.getLogger(__name__)

_KEPT_SECONDS = 10.0


class SupervisorMetrics:
    """Metrics of one supervisor; with a `dsn` also those of the dead letters."""

    def __init__(self, dsn: str | None) -> None:
        self.instruments = Instruments()
        self._exits = self.instruments.counter(names.WORKER_EXITS)
        if dsn:
            self.instruments.registry.register(DeadLetterCollector(dsn))

    def ended(self, worker: int, exit_name: str) -> None:
        """Count the end of a worker process."""
        self._exits.labels(str(worker), exit_name).inc()


class DeadLetterCollector(Collector):
    """Counts dead letters when it is scraped, at most once in 10 s. Shows nothing while the database is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._kept: list[Metric] = []
        self._until = 0.0

    def collect(self) -> Iterable[Metric]:
        """Return the families; blocks for up to about 5 s."""
        if time.monotonic() >= self._until:
            try:
                self._kept = list(self._read())
            except psycopg.Error as error:
                log.warning("dead letters not counted: %s", error, extra={"action": "scrape_failed"})
                self._kept = []
            self._until = time.monotonic() + _KEPT_SECONDS
        return self._kept

    def describe(self) -> Iterable[Metric]:
        """Return the families without values: registering must not need the database."""
        return [_family(names.DEAD_LETTERS), _family(names.DEAD_LETTER_OLDEST), _counted()]

    def _read(self) -> Iterator[Metric]:
        options = "-c statement_timeout=3s -c lock_timeout=1s"
        with psycopg.connect(
            self._dsn, connect_timeout=2, options=options, application_name="lianyun metrics"
        ) as session:
            letters = _family(names.DEAD_LETTERS)
            for tally in tallies(session):
                letters.add_metric([tally.publisher, str(tally.reason), str(tally.state)], tally.letters)
            yield letters
            oldest = _family(names.DEAD_LETTER_OLDEST)
            for publisher, micros in session.execute(statement("dead_letter_oldest")).fetchall():
                oldest.add_metric([publisher], micros / 1e6)
            yield oldest
            counted = _counted()
            for outcome, count in outcome_counts(session).items():
                counted.add_metric([outcome], count)
            yield counted


def _counted() -> CounterMetricFamily:
    definition = names.DEAD_LETTER_OUTCOMES
    return CounterMetricFamily(definition.name, definition.help, labels=definition.labels)


def _family(definition: names.Definition) -> GaugeMetricFamily:
    return GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)
