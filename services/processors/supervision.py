"""What a supervisor shows: how its workers end."""

from __future__ import annotations

from services.observability import metrics as names
from services.observability.instruments import Instruments


class SupervisorMetrics:
    """Metrics of one supervisor."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._exits = self.instruments.counter(names.WORKER_EXITS)

    def ended(self, worker: int, exit_name: str) -> None:
        """Count the end of a worker process."""
        self._exits.labels(str(worker), exit_name).inc()
