"""The process that keeps the legs behind arrival times up to the accepted events, beside the workers and behind them."""

from __future__ import annotations

import threading

from pydantic import Field, SecretStr

from services.arrival.store import projector, statement
from services.ledger.projections.follower import Progress, ProjectionFollower, Step
from services.ledger.storage.session import Session
from services.runtime import follower
from services.runtime.connections import Connections
from services.telemetry import metrics as names

APPLICATION = "lianyun-arrival"


class FollowerSettings(Connections):
    """Settings of the follower, from LIANYUN_* variables."""

    dsn: SecretStr = Field(description="URL of the database")
    arrival_tick: float = Field(1.0, gt=0, description="seconds between two looks for new events")
    arrival_events: int = Field(2_000, gt=0, le=50_000, description="events of one step at most")
    arrival_nice: int = Field(
        10, ge=0, le=19, description="how far this process steps back behind the workers"
    )
    arrival_stuck_after: float = Field(
        180.0, gt=0, description="seconds after which a step that has not ended counts as stuck"
    )
    arrival_metrics_host: str = "127.0.0.1"
    arrival_metrics_port: int | None = Field(
        None, ge=0, le=65_535, description="0: any free port; unset: none"
    )


class ArrivalMetrics(Progress):
    """How far the legs are, and how many consignments are broken; for one writer and any readers."""

    def __init__(self) -> None:
        super().__init__("arrival", names.ARRIVAL_EVENTS_FOLLOWED, names.ARRIVAL_WHOLE)
        self.broken = self.instruments.gauge(names.ARRIVAL_BROKEN)


class ArrivalFollower(ProjectionFollower):
    """Steps of the legs; what failed is tried again once, at the start."""

    def __init__(self, settings: FollowerSettings) -> None:
        self.metrics = ArrivalMetrics()
        dsn = settings.dsn.get_secret_value()
        super().__init__(dsn, APPLICATION, settings.arrival_tick, self.metrics, statement("whole_at"))
        self._limit = settings.arrival_events
        self._mended = False

    def advance(self, session: Session) -> Step:
        """Follow some events and commit."""
        more = () if self._mended else projector.broken(session)
        self._mended = True
        done = projector.step(session, self._limit, more)
        self.metrics.broken.set(done.broken)
        return Step(done.events + done.aside, done.whole(self._limit))


def run(settings: FollowerSettings, stop: threading.Event | None = None) -> None:
    """Follow until ``stop`` is set, by default by SIGTERM or SIGINT, which ends it after the present step."""
    arrival = ArrivalFollower(settings)
    host, port = settings.arrival_metrics_host, settings.arrival_metrics_port
    registry = arrival.metrics.instruments.registry
    stuck_after, nice = settings.arrival_stuck_after, settings.arrival_nice
    follower.run(arrival, registry, host, port, stuck_after, nice=nice, stop=stop)
