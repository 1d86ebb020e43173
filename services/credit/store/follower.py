"""The process that keeps the credit signals up to the accepted events, beside the workers and behind them.

It reads by position what they have committed, so it misses nothing and applies nothing twice, whenever it is stopped. A cargo
of which a step brings much is judged once, so the further it is behind the less an event costs.
"""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.credit.store import projector, statement
from services.ledger.projections.follower import Progress, ProjectionFollower, Step
from services.ledger.storage.session import Session
from services.runtime import follower
from services.runtime.connections import Connections
from services.telemetry import metrics as names

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
        self.changed = self.instruments.counter(names.CREDIT_OBSERVATIONS_CHANGED)
        self.broken = self.instruments.gauge(names.CREDIT_BROKEN)


class CreditFollower(ProjectionFollower):
    """Steps of the credit signals; what is broken is tried again once, at the start."""

    def __init__(self, settings: FollowerSettings) -> None:
        self.metrics = FollowerMetrics()
        dsn, tick = settings.dsn.get_secret_value(), settings.credit_tick
        super().__init__(dsn, APPLICATION, tick, self.metrics, statement("whole_at"))
        self._limit = settings.credit_events
        self._mended = False

    def advance(self, session: Session) -> Step:
        """Follow some events and commit."""
        if not self._mended:
            projector.mend(session, self._limit)
            self._mended = True
        done = projector.step(session, self._limit)
        self.metrics.changed.inc(done.changed)
        self.metrics.broken.set(done.broken)
        return Step(done.events + done.aside, done.whole(self._limit))


def run(settings: FollowerSettings) -> None:
    """Follow until SIGTERM or SIGINT, which ends it after the present step."""
    credit = CreditFollower(settings)
    host, port = settings.credit_metrics_host, settings.credit_metrics_port
    registry = credit.metrics.instruments.registry
    follower.run(credit, registry, host, port, settings.credit_stuck_after, nice=settings.credit_nice)
