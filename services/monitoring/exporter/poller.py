"""Asks the database in turn and keeps the answers until they are scraped or too old."""

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

from services.ledger.storage.presence import announce
from services.ledger.storage.schema_window import require
from services.monitoring.exporter.sample import SECOND, Question, Sample
from services.telemetry import gauges
from services.telemetry.definitions import Definition

log = logging.getLogger(__name__)

APPLICATION = "lianyun-exporter"
_STALE_AFTER = 5
"""So many times its interval after an answer, it is no longer shown: nothing is better than an old number."""


@dataclass(frozen=True, slots=True)
class _Answer:
    samples: tuple[Sample, ...]
    at: float
    took: float


class Answers(Collector):
    """The latest answer to each question; for one writer and any readers."""

    def __init__(self, questions: Iterable[Question], clock: Callable[[], float] = time.time) -> None:
        self._every = {question.name: question.every for question in questions}
        self._clock = clock
        self._kept: dict[str, _Answer] = {}
        self._lock = threading.Lock()

    def keep(self, name: str, samples: Iterable[Sample], took: float) -> None:
        """Replace what was said to a question; ``took`` seconds to get."""
        answer = _Answer(tuple(samples), self._clock(), took)
        with self._lock:
            self._kept[name] = answer

    def collect(self) -> Iterable[Metric]:
        """The families of what is not too old, and always when each answer came; called by the registry."""
        now = self._clock()
        with self._lock:
            kept = dict(self._kept)
        shown: dict[Definition, Metric] = {}
        for name, answer in kept.items():
            told = [
                Sample(gauges.EXPORTER_REFRESHED, (name,), answer.at),
                Sample(gauges.EXPORTER_SECONDS, (name,), answer.took),
            ]
            if now - answer.at <= _STALE_AFTER * self._every[name]:
                told += answer.samples
            for sample in told:
                family = shown.setdefault(sample.definition, _family(sample.definition))
                family.add_metric(sample.labels, sample.value)  # type: ignore[attr-defined]
        return shown.values()

    def describe(self) -> Iterator[Metric]:
        """Every family without values: registering needs the names, not the database."""
        yield from map(_family, gauges_declared())


def gauges_declared() -> tuple[Definition, ...]:
    """All that an exporter may show."""
    return tuple(value for value in vars(gauges).values() if isinstance(value, Definition))


class Asker:
    """Asks each question when it is due, in a session that it opens again when it is lost."""

    def __init__(self, dsn: str, questions: Sequence[Question], answers: Answers, timeout: float) -> None:
        self._dsn, self._questions, self._answers = dsn, questions, answers
        self._options = (
            f"-c statement_timeout={int(timeout * 1_000)} -c lock_timeout=1s -c jit=off "
            "-c idle_in_transaction_session_timeout=30s -c max_parallel_workers_per_gather=0"
        )
        self._due = dict.fromkeys((question.name for question in questions), 0.0)
        self._session: Connection[Any] | None = None
        self.looked = time.monotonic()
        self.connected = False

    def run(self, stop: threading.Event) -> None:
        """Ask until ``stop`` is set; blocks. Raises what is not the database's absence or a timeout."""
        try:
            while not stop.is_set():
                self.turn()
                soonest = min(self._due.values(), default=0.0)
                stop.wait(min(max(soonest - time.monotonic(), 0.05), 1.0))
        finally:
            self._close()

    def turn(self) -> None:
        """Ask what is due now. A question that fails is asked again at its next turn; its last answer grows old."""
        for question in self._questions:
            if self._due[question.name] > time.monotonic():
                continue
            self._due[question.name] = time.monotonic() + question.every
            try:
                self._ask(question)
            except psycopg.OperationalError as problem:
                text = str(problem).strip().splitlines()[0]
                log.warning("%s not asked: %s", question.name, text, extra={"action": "question_failed"})
                if self._session is not None and self._session.closed:
                    self._close()
        self.looked = time.monotonic()

    def _ask(self, question: Question) -> None:
        session = self._opened()
        started = time.monotonic()
        with nullcontext() if question.writes else session.transaction():
            samples = tuple(question.ask(session, int(time.time() * SECOND)))
        self._answers.keep(question.name, samples, time.monotonic() - started)

    def _opened(self) -> Connection[Any]:
        if self._session is None:
            self._session = psycopg.connect(
                self._dsn,
                connect_timeout=5,
                application_name=APPLICATION,
                options=self._options,
                autocommit=True,
            )
            require(self._session)
            announce(self._session)
            self._session.isolation_level = IsolationLevel.REPEATABLE_READ  # one answer, one snapshot
            self._session.read_only = True  # both hold for transactions, not for single statements
            self.connected = True
        return self._session

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session, self.connected = None, False


def _family(definition: Definition) -> Metric:
    kind = CounterMetricFamily if definition.kind == "counter" else GaugeMetricFamily
    return kind(definition.name, definition.help, labels=definition.labels)
