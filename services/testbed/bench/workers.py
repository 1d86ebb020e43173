"""The workers that are measured: supervised processes as in production, and what their metrics say."""

from __future__ import annotations

import time
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from services.processors.supervisor import COMMAND, Supervisor
from services.runtime.ports import free_port
from services.testbed.bench import parties

_READY = "lianyun_worker_ready"
_LOG_LINES = 80


class CrewFailed(Exception):
    """The workers did not do what was waited for; the text shows the ends of their logs."""


class Crew:
    """``workers`` supervised worker processes on one database; a context manager. Their logs go to ``logs``."""

    def __init__(
        self,
        bootstrap: str,
        dsn: str,
        group: str,
        workers: int,
        logs: Path,
        batch_events: int = 4_000,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._port, self._workers, self._logs = free_port(), workers, logs
        self._supervisor = Supervisor(
            {
                "LIANYUN_BOOTSTRAP": bootstrap,
                "LIANYUN_DSN": dsn,
                "LIANYUN_NETWORK": parties.NETWORK,
                "LIANYUN_WORKER_TOPICS": ",".join(parties.topics()),
                "LIANYUN_GROUP": group,
                "LIANYUN_METRICS_PORT": str(self._port),
                "LIANYUN_BATCH_EVENTS": str(batch_events),
                "LIANYUN_LOG_LEVEL": "WARNING",
            },
            workers,
            logs=logs,
            command=command,
        )

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._supervisor.stop()

    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return list(self._supervisor.pids().values())

    def await_ready(self, patience: float = 60.0) -> None:
        """Block until every worker has its assignment; CrewFailed after ``patience`` seconds."""
        until = time.monotonic() + patience
        while self.metrics()[_READY] < self._workers:
            if time.monotonic() > until:
                raise CrewFailed(f"the workers were not ready after {patience:.0f} s\n{self.log_ends()}")
            time.sleep(0.2)

    def metrics(self) -> Mapping[str, float]:
        """The sums over all workers of what they export: ``name`` or ``name{label}`` for metrics with one label."""
        sums: defaultdict[str, float] = defaultdict(float)
        for number in range(self._workers):
            for family in text_string_to_metric_families(_scrape(self._port + number)):
                for sample in family.samples:
                    labels = ",".join(sample.labels.values())
                    sums[f"{sample.name}{{{labels}}}" if labels else sample.name] += sample.value
        return sums

    def require_unbroken(self) -> None:
        """Raise CrewFailed where a worker ended by itself: its restart would be measured too."""
        if self._supervisor.restarts:
            ended = ", ".join(f"worker {one.worker} ended: {one.name}" for one in self._supervisor.ended)
            raise CrewFailed(f"{ended}\n{self.log_ends()}")

    def log_ends(self) -> str:
        """The last lines that each worker logged."""
        ends = []
        for path in sorted(self._logs.glob("worker-*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
            ends += [f"{path.name}:", *(f"  | {line}" for line in lines)]
        return "\n".join(ends)


def _scrape(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""
