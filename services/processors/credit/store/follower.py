"""The process that keeps the credit signals up to the accepted events, beside the workers and off their way.

It reads by position what they have committed, so it misses nothing and applies nothing twice, whenever it is stopped. A cargo
of which a step brings much is judged once, so the further it is behind the less an event costs. While there is much to catch up
with it rests as long as it works: the workers come first on a small machine.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from pydantic import Field, SecretStr

from services.connections import Connections
from services.observability import metrics as names
from services.observability.http import Health, HealthServer
from services.observability.instruments import Instruments
from services.processors.credit.store import projector
from services.processors.credit.store.projector import Step
from services.processors.credit.store.statements import statement
from services.storage.session import open_session

log = logging.getLogger(__name__)

APPLICATION = "lianyun-credit"


class FollowerSettings(Connections):
    """Settings of the follower, from LIANYUN_* variables."""

    dsn: SecretStr = Field(description="URL of the database")
    credit_tick: float = Field(1.0, gt=0, description="seconds between two looks for new events")
    credit_events: int = Field(5_000, gt=0, le=50_000, description="events of one step at most")
    credit_nice: int = Field(
        10, ge=0, le=19, description="how far this process steps back behind the workers"
    )
    credit_stuck_after: float = Field(
        180.0, gt=0, description="seconds after which a step that has not ended counts as stuck"
    )
    credit_metrics_host: str = "127.0.0.1"
    credit_metrics_port: int | None = Field(
        None, ge=0, le=65_535, description="0: any free port; unset: none"
    )
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class FollowerMetrics:
    """What the follower did, and when it last stood at everything that was visible; for one writer and any readers."""

    def __init__(self) -> None:
        make = self.instruments = Instruments()
        self._followed = make.counter(names.CREDIT_EVENTS_FOLLOWED)
        self._changed = make.counter(names.CREDIT_OBSERVATIONS_CHANGED)
        self._whole = make.gauge(names.CREDIT_WHOLE)
        self._broken = make.gauge(names.CREDIT_BROKEN)
        self._step = make.histogram(names.STEP_SECONDS)
        self.looked = time.monotonic()

    def stood_whole(self, at: float) -> None:
        """The signals stood at everything that was visible at ``at`` (seconds since 1970)."""
        self._whole.set(at)

    def stepped(self, done: Step, whole: bool, seconds: float) -> None:
        """A step has ended."""
        self.looked = time.monotonic()
        self._followed.inc(done.events + done.aside)
        self._changed.inc(done.changed)
        self._broken.set(done.broken)
        self._step.labels("credit").observe(seconds)
        if whole:
            self.stood_whole(time.time())


def follow(
    session: Connection[Any],
    events: int,
    tick: float,
    stop: threading.Event | None = None,
    stepped: Callable[[Step, bool, float], None] = lambda _done, _whole, _seconds: None,
) -> None:
    """Follow until ``stop`` is set, for ever without one; blocks. ``stepped`` is told of each step.

    What is broken is tried again once, at the start. Raises what a step raises: the database is gone. A second follower waits
    until the first one is gone.
    """
    ended = stop or threading.Event()
    tried = False
    while not ended.is_set():
        started = time.monotonic()
        try:
            if not tried:
                projector.mend(session, events)
                tried = True
            done = projector.step(session, events)
        except LockNotAvailable:
            ended.wait(tick)
            continue
        took, whole = time.monotonic() - started, done.whole(events)
        stepped(done, whole, took)
        ended.wait(tick if whole else took)


def run(settings: FollowerSettings) -> None:
    """Open a session of its own and follow until SIGTERM or SIGINT, which ends it after the step that is under way."""
    os.nice(settings.credit_nice)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics = FollowerMetrics()
    server = _serve(settings, metrics)
    session = open_session(settings.dsn.get_secret_value(), APPLICATION)
    session.autocommit = True
    try:
        with session:
            row = session.execute(statement("whole_at")).fetchone()
            if row is not None and row[0] is not None:
                metrics.stood_whole(row[0].timestamp())
            follow(session, settings.credit_events, settings.credit_tick, stop, metrics.stepped)
    finally:
        if server is not None:
            server.stop()


def _serve(settings: FollowerSettings, metrics: FollowerMetrics) -> HealthServer | None:
    if settings.credit_metrics_port is None:
        return None

    def live() -> Health:
        idle = time.monotonic() - metrics.looked
        return Health(idle < settings.credit_stuck_after, {"idle_seconds": round(idle, 1)})

    registry = metrics.instruments.registry
    server = HealthServer(registry, live, live, settings.credit_metrics_host, settings.credit_metrics_port)
    server.start()
    log.info("metrics on port %d", server.port, extra={"action": "metrics", "port": server.port})
    return server
