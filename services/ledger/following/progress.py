"""How far a follower is, as metrics, and whether it still turns: shown on a port of its own, where one is set."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from services.telemetry import metrics as names
from services.telemetry.definitions import Definition
from services.telemetry.http import Health, HealthServer
from services.telemetry.instruments import Instruments

log = logging.getLogger(__name__)


class Progress:
    """What every follower tells of itself; for one writer and any readers.

    ``step`` labels the seconds of its steps, ``followed`` counts events, ``whole`` is when it last stood at all that was visible.
    """

    def __init__(self, step: str, followed: Definition, whole: Definition) -> None:
        self.instruments = Instruments()
        self._followed = self.instruments.counter(followed)
        self._whole = self.instruments.gauge(whole)
        self._seconds = self.instruments.histogram(names.STEP_SECONDS).labels(step)
        self.looked = time.monotonic()

    def stood_whole(self, at: float) -> None:
        """It stood at everything that was visible at ``at`` (seconds since 1970)."""
        self._whole.set(at)

    def found_whole(self, row: tuple[datetime | None] | None) -> None:
        """What the database says of that at the start, if it ever was."""
        if row is not None and row[0] is not None:
            self.stood_whole(row[0].timestamp())

    def ended_step(self, events: int, whole: bool, seconds: float) -> None:
        """A step over ``events`` has ended, after which it stands at all that was visible or not yet."""
        self.looked = time.monotonic()
        self._followed.inc(events)
        self._seconds.observe(seconds)
        if whole:
            self.stood_whole(time.time())


@contextmanager
def shown(progress: Progress, host: str, port: int | None, stuck_after: float) -> Iterator[None]:
    """Serve metrics and health on ``port`` inside the block; None: nowhere, 0: on any free one, which the log tells.

    It counts as stuck, and is not live, ``stuck_after`` seconds after its last step ended.
    """
    if port is None:
        yield
        return

    def live() -> Health:
        idle = time.monotonic() - progress.looked
        return Health(idle < stuck_after, {"idle_seconds": round(idle, 1)})

    server = HealthServer(progress.instruments.registry, live, live, host, port)
    server.start()
    log.info("metrics on port %d", server.port, extra={"action": "metrics", "port": server.port})
    try:
        yield
    finally:
        server.stop()
