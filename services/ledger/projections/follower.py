"""The follower of the accepted events that keeps a projection up to date, and its progress as metrics."""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import datetime
from typing import NamedTuple

from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import Session, open_session
from services.runtime.follower import Follower
from services.telemetry import metrics
from services.telemetry.definitions import Definition
from services.telemetry.instruments import Instruments


class Progress:
    """The lag of a projection behind the accepted events, as metrics; for one writing thread and any readers.

    ``step`` labels the seconds of its steps, ``followed`` counts events, ``complete`` is the moment at which it last
    reflected all that was visible.
    """

    def __init__(self, step: str, followed: Definition, complete: Definition) -> None:
        self.instruments = Instruments()
        self._followed = self.instruments.counter(followed)
        self._complete = self.instruments.gauge(complete)
        self._seconds = self.instruments.histogram(metrics.STEP_SECONDS).labels(step)

    def complete_at(self, moment: datetime) -> None:
        """Set the moment at which the projection last reflected all that was visible."""
        self._complete.set(moment.timestamp())

    def step_ended(self, step: Step, seconds: float) -> None:
        """Count a finished step."""
        self._followed.inc(step.events)
        self._seconds.observe(seconds)
        if step.complete:
            self._complete.set(time.time())


class Step(NamedTuple):
    """The result of a step: the number of ``events`` followed, and whether the projection is then ``complete``."""

    events: int
    complete: bool


class ProjectionFollower(Follower):
    """Steps of a projection, each a transaction of its own on a session named ``application``; ``progress`` counts them.

    It polls every ``tick`` seconds. While it catches up, it pauses after each step for as long as the step took, so that
    workers have precedence. ``last_complete`` selects the moment at which it was last complete.
    """

    def __init__(
        self, dsn: str, application: str, tick: float, progress: Progress, last_complete: bytes
    ) -> None:
        self._dsn, self._application, self._last_complete = dsn, application, last_complete
        self._progress = progress
        self._session: Session | None = None
        self.tick = self.contended_pause = tick

    @abstractmethod
    def advance(self, session: Session) -> Step:
        """Follow some events and commit. Raises as ``Follower.step`` does, psycopg errors where the database is unreachable."""

    def open(self) -> None:
        """Open the session. Raises SchemaMoved."""
        self._session = open_session(self._dsn, self._application)
        self._session.autocommit = True
        require_schema(self._session)
        row = self._session.execute(self._last_complete).fetchone()
        if row is not None and row[0] is not None:
            self._progress.complete_at(row[0])

    def step(self) -> float:
        """Advance once."""
        assert self._session is not None
        started = time.monotonic()
        done = self.advance(self._session)
        seconds = time.monotonic() - started
        self._progress.step_ended(done, seconds)
        return self.tick if done.complete else seconds

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()
