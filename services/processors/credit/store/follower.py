"""The process that keeps the credit signals up to the accepted events, beside the workers and off their way.

It reads by position what they have committed, so it misses nothing and applies nothing twice, whenever it is stopped. A cargo
of which a step brings much is judged once, so the further it is behind the less an event costs. While there is much to catch up
with it rests as long as it works: the workers come first on a small machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from psycopg import Connection
from pydantic import Field, SecretStr

from services.connections import Connections
from services.observability import metrics as names
from services.processors.credit.store import projector, statement
from services.processors.credit.store.projector import Step
from services.processors.following.progress import Progress, shown
from services.processors.following.turning import behind_workers, turn
from services.storage.schema_window import require
from services.storage.session import open_session

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


class FollowerMetrics(Progress):
    """How far the signals are, what changed in them and what is broken; for one writer and any readers."""

    def __init__(self) -> None:
        super().__init__("credit", names.CREDIT_EVENTS_FOLLOWED, names.CREDIT_WHOLE)
        self._changed = self.instruments.counter(names.CREDIT_OBSERVATIONS_CHANGED)
        self._broken = self.instruments.gauge(names.CREDIT_BROKEN)

    def stepped(self, done: Step, whole: bool, seconds: float) -> None:
        """A step has ended."""
        self._changed.inc(done.changed)
        self._broken.set(done.broken)
        self.ended_step(done.events + done.aside, whole, seconds)


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
    tried = False

    def step() -> Step:
        nonlocal tried
        if not tried:
            projector.mend(session, events)
            tried = True
        return projector.step(session, events)

    def whole(done: Step) -> bool:
        return done.whole(events)

    def tell(done: Step, seconds: float) -> None:
        stepped(done, whole(done), seconds)

    turn(step, whole, tick, stop or threading.Event(), tell)


def run(settings: FollowerSettings) -> None:
    """Open a session of its own and follow until SIGTERM or SIGINT, which ends it after the step that is under way."""
    stop = behind_workers(settings.credit_nice)
    metrics = FollowerMetrics()
    host, port = settings.credit_metrics_host, settings.credit_metrics_port
    with shown(metrics, host, port, settings.credit_stuck_after):
        session = open_session(settings.dsn.get_secret_value(), APPLICATION)
        session.autocommit = True
        with session:
            require(session)
            metrics.found_whole(session.execute(statement("whole_at")).fetchone())
            follow(session, settings.credit_events, settings.credit_tick, stop, metrics.stepped)
