"""The exporter's process: a follower that runs the measurements, and their latest samples as a Prometheus collector."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg import Connection, IsolationLevel

from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import announce_release
from services.monitoring.exporter import border, consignments, financings, operations
from services.monitoring.exporter.arrivals import EtaErrors, TransitTimes
from services.monitoring.exporter.consignments import Corridors
from services.monitoring.exporter.financings import FinancingTransitions, measure_last_decisions
from services.monitoring.exporter.forecasts import measure_forecasts
from services.monitoring.exporter.sample import SECOND, Measurement, Sample
from services.monitoring.exporter.settings import ExporterSettings
from services.runtime import follower
from services.runtime.follower import Follower
from services.telemetry import gauges
from services.telemetry.definitions import Definition
from services.telemetry.http import Health
from services.telemetry.instruments import Instruments

log = logging.getLogger(__name__)

APPLICATION = "lianyun-exporter"
_STALE_AFTER = 5
"""Samples are withheld after this many intervals without a refresh: no value is better than a stale one."""


@dataclass(frozen=True, slots=True)
class _Result:
    samples: tuple[Sample, ...]
    at: float
    took: float


class SampleStore(Collector):
    """The latest samples of each measurement; one writer, any number of readers."""

    def __init__(self, measurements: Iterable[Measurement], clock: Callable[[], float] = time.time) -> None:
        self._every = {measurement.name: measurement.every for measurement in measurements}
        self._clock = clock
        self._latest: dict[str, _Result] = {}
        self._lock = threading.Lock()

    def put(self, name: str, samples: Iterable[Sample], took: float) -> None:
        """Replace the samples of a measurement, which took ``took`` seconds."""
        answer = _Result(tuple(samples), self._clock(), took)
        with self._lock:
            self._latest[name] = answer

    def collect(self) -> Iterable[Metric]:
        """The families of the samples that are not stale, and the time of every refresh; called by the registry."""
        now = self._clock()
        with self._lock:
            latest = dict(self._latest)
        shown: dict[Definition, Metric] = {}
        for name, answer in latest.items():
            samples = [
                Sample(gauges.EXPORTER_REFRESHED, (name,), answer.at),
                Sample(gauges.EXPORTER_SECONDS, (name,), answer.took),
            ]
            if now - answer.at <= _STALE_AFTER * self._every[name]:
                samples += answer.samples
            for sample in samples:
                family = shown.setdefault(sample.definition, _family(sample.definition))
                family.add_metric(sample.labels, sample.value)  # type: ignore[attr-defined]
        return shown.values()

    def describe(self) -> Iterator[Metric]:
        """Every family without values: registration needs the names, not the database."""
        yield from map(_family, exported_definitions())


def exported_definitions() -> tuple[Definition, ...]:
    """Every metric that an exporter may expose."""
    return tuple(value for value in vars(gauges).values() if isinstance(value, Definition))


class Exporter(Follower):
    """Runs each measurement when it is due, on a session that is reopened where it was lost.

    It is ready while it has one. A measurement that fails is repeated at its next turn; its last samples become stale.
    """

    contended_pause = 1.0

    def __init__(
        self, dsn: str, measurements: Sequence[Measurement], store: SampleStore, timeout: float
    ) -> None:
        self._dsn, self._measurements, self._store = dsn, measurements, store
        self._options = (
            f"-c statement_timeout={int(timeout * 1_000)} -c lock_timeout=1s -c jit=off "
            "-c idle_in_transaction_session_timeout=30s -c max_parallel_workers_per_gather=0"
        )
        self._due = dict.fromkeys((measurement.name for measurement in measurements), 0.0)
        self._session: Connection[Any] | None = None
        self._connected = False

    def open(self) -> None:
        """Nothing: the first measurement opens the session."""

    def step(self) -> float:
        """Run what is due. Raises anything but the database's absence or a timeout."""
        for measurement in self._measurements:
            if self._due[measurement.name] > time.monotonic():
                continue
            self._due[measurement.name] = time.monotonic() + measurement.every
            try:
                self._measure(measurement)
            except psycopg.OperationalError as problem:
                text = str(problem).strip().splitlines()[0]
                log.warning("%s not asked: %s", measurement.name, text, extra={"action": "question_failed"})
                if self._session is not None and self._session.closed:
                    self.close()
        soonest = min(self._due.values(), default=0.0)
        return min(max(soonest - time.monotonic(), 0.05), 1.0)

    def ready(self, live: Health) -> Health:  # noqa: ARG002
        """Whether there is a session."""
        return Health(self._connected)

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()
        self._session, self._connected = None, False

    def _measure(self, measurement: Measurement) -> None:
        session = self._opened()
        started = time.monotonic()
        with nullcontext() if measurement.writes else session.transaction():
            samples = tuple(measurement.measure(session, int(time.time() * SECOND)))
        self._store.put(measurement.name, samples, time.monotonic() - started)

    def _opened(self) -> Connection[Any]:
        if self._session is None:
            self._session = psycopg.connect(
                self._dsn,
                connect_timeout=5,
                application_name=APPLICATION,
                options=self._options,
                autocommit=True,
            )
            require_schema(self._session)
            announce_release(self._session)
            self._session.isolation_level = IsolationLevel.REPEATABLE_READ  # one answer, one snapshot
            self._session.read_only = True  # both hold for transactions, not for single statements
            self._connected = True
        return self._session


def _family(definition: Definition) -> Metric:
    kind = CounterMetricFamily if definition.kind == "counter" else GaugeMetricFamily
    return kind(definition.name, definition.help, labels=definition.labels)


_STUCK_AFTER = 120.0


def measurements(settings: ExporterSettings) -> tuple[Measurement, ...]:
    """All measurements, cheap ones first."""
    often = settings.exporter_every
    measure_partners = operations.partner_measurement(
        settings.exporter_silent_after_of, settings.exporter_silent_after
    )
    return (
        Measurement("database", often, operations.measure_database),
        Measurement("partners", often, measure_partners, writes=True),
        Measurement("letters", often, operations.measure_dead_letters),
        Measurement("financings", often, financings.measure_financings),
        Measurement("border", 8 * often, border.BorderQueues().measure),
        Measurement("dwell", 8 * often, border.measure_dwell),
        Measurement("transitions", 8 * often, FinancingTransitions().measure),
        Measurement("trades", 8 * often, consignments.measure_trades),
        Measurement("last decided", settings.exporter_heads_every, measure_last_decisions),
        Measurement("lateness", settings.exporter_heads_every, consignments.lateness_measurement()),
        Measurement("consignments", settings.exporter_heads_every, Corridors().measure),
        Measurement("transits", 4 * settings.exporter_heads_every, TransitTimes().measure),
        Measurement("etas", 4 * settings.exporter_heads_every, EtaErrors().measure),
        Measurement("forecasts", 20 * settings.exporter_heads_every, measure_forecasts),
    )


def run(settings: ExporterSettings, stop: threading.Event | None = None) -> None:
    """Measure and serve until ``stop``, by default until SIGTERM or SIGINT; blocks.

    The database may be absent meanwhile. An unexpected error ends the process, to be restarted by its supervisor.
    """
    every = measurements(settings)
    store = SampleStore(every)
    instruments = Instruments()
    instruments.registry.register(store)
    exporter = Exporter(settings.dsn.get_secret_value(), every, store, settings.exporter_timeout)
    host, port = settings.exporter_metrics_host, settings.exporter_metrics_port
    follower.run(exporter, instruments.registry, host, port, _STUCK_AFTER, stop=stop)
