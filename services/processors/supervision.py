"""What a supervisor shows: how its workers end."""

from __future__ import annotations

from services.runtime.exit_codes import Exit
from services.telemetry import metrics as names
from services.telemetry.instruments import Instruments


class SupervisorMetrics:
    """Metrics of one supervisor."""

    def __init__(self, workers: int = 0) -> None:
        self.instruments = Instruments()
        self._exits = self.instruments.counter(names.WORKER_EXITS)
        for worker in range(workers):
            for way in (*(code.name for code in Exit), "SIGKILL"):
                self._exits.labels(str(worker), way)  # shown as 0 before the first

    def ended(self, worker: int, exit_name: str) -> None:
        """Count the end of a worker process."""
        self._exits.labels(str(worker), exit_name).inc()
