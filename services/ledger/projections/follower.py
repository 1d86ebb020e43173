"""A projection of the accepted events that a process of its own keeps up to date beside the workers."""

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
    """How far a projection is behind the accepted events, as metrics; for one writer and any readers.

    ``step`` labels the seconds of its steps, ``followed`` counts events, ``complete`` is the moment at which it last
    reflected all that was visible.
    """

    def __init__(self, step: str, followed: Definition, complete: Definition) -> None:
        self.instruments = Instruments()
        self._followed = self.instruments.counter(followed)
        self._complete = self.instruments.gauge(complete)
        self._seconds = self.instruments.histogram(metrics.STEP_SECONDS).labels(step)

    def complete_at(self, moment: datetime) -> None:
        """It last reflected all that was visible at ``moment``."""
        self._complete.set(moment.timestamp())

    def step_ended(self, step: Step, seconds: float) -> None:
        """A step has ended."""
        self._followed.inc(step.events)
        self._seconds.observe(seconds)
        if step.complete:
            self._complete.set(time.time())


class Step(NamedTuple):
    """What a step did: ``events`` followed, after which the projection is ``complete``, or has more to catch up with."""

    events: int
    complete: bool


class ProjectionFollower(Follower):
    """Steps of a projection, each a transaction of its own on a session ``application``; ``progress`` shows them.

    It looks for events every ``tick`` seconds. While there is more to catch up with it rests as long as it worked: the
    workers come first on a small machine. ``last_complete`` selects when it was last complete.
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
        """Follow some events and commit. Raises as ``Follower.step`` does, psycopg errors where the database is gone."""

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
