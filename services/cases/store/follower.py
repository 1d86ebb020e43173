"""The process that keeps cases up to the accepted events and to the clock, beside the workers and behind them.

It reads by position what they have committed, so it misses nothing and applies nothing twice, whenever it is stopped.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import Field, SecretStr

from services.cases.store import projector, statement
from services.cases.store.case_service import CaseService
from services.cases.store.evaluation import EventCache
from services.financing.store.keys import read_keys
from services.ledger.platform_signature import Signer
from services.ledger.projections.follower import Progress, ProjectionFollower, Step
from services.ledger.storage.session import Session
from services.query.search.names import NameWriter
from services.runtime import follower
from services.runtime.connections import Connections
from services.telemetry import metrics as names

log = logging.getLogger(__name__)

APPLICATION = "lianyun-cases"


class CasesSettings(Connections):
    """Settings of the follower, from LIANYUN_* variables."""

    dsn: SecretStr = Field(description="URL of the database")
    financing_keys: Path = Field(
        Path(".lianyun") / "financing-keys.json", description="file with the platform's own key"
    )
    cases_tick: float = Field(1.0, gt=0, description="seconds between two looks for new events")
    cases_events: int = Field(2_000, gt=0, le=50_000, description="events of one step at most")
    cases_nice: int = Field(10, ge=0, le=19, description="how far this process steps back behind the workers")
    cases_stuck_after: float = Field(
        600.0, gt=0, description="seconds after which a step that has not ended counts as stuck"
    )
    cases_metrics_host: str = "127.0.0.1"
    cases_metrics_port: int | None = Field(None, ge=0, le=65_535, description="0: any free port; unset: none")


class CaseMetrics(Progress):
    """How far cases are, the steps taken by rule and what could not be read; for one writer and any readers."""

    def __init__(self) -> None:
        super().__init__("cases", names.CASES_EVENTS_FOLLOWED, names.CASES_WHOLE)
        self.steps = self.instruments.counter(names.CASES_STEPS)
        self.unread = self.instruments.counter(names.CASES_UNREAD)


def signer_of(network: str, keys: Path) -> Signer:
    """Who signs the steps: the platform, by its key in the file ``keys``. Raises KeysMissing."""
    return read_keys(keys).signer(network)


class CaseFollower(ProjectionFollower):
    """Steps of the causes of cases, and of the cases by rule; it caches what earlier steps have read.

    Raises KeysMissing where it is made.
    """

    def __init__(self, settings: CasesSettings) -> None:
        self.metrics = CaseMetrics()
        dsn, tick = settings.dsn.get_secret_value(), settings.cases_tick
        super().__init__(dsn, APPLICATION, tick, self.metrics, statement("whole_at"))
        self._service = CaseService(signer_of(settings.network, settings.financing_keys))
        self._limit = settings.cases_events
        self._cache, self._names = EventCache(), NameWriter()

    def advance(self, session: Session) -> Step:
        """Follow some events and commit; where nothing more is visible, act on cases and commit."""
        done = projector.step(session, self._service, self._limit, memory=self._cache, names=self._names)
        self.metrics.steps.inc(len(done.steps))
        self.metrics.unread.inc(done.unread)
        for step in done.steps:
            action = {"action": "case", "step": step.number}
            log.info("case %s %s", step.case.hex()[:8], step.kind, extra=action)
        return Step(done.events, done.whole)


def run(settings: CasesSettings) -> None:
    """Follow until SIGTERM or SIGINT, which ends it after the present step. Raises KeysMissing."""
    cases = CaseFollower(settings)
    host, port = settings.cases_metrics_host, settings.cases_metrics_port
    registry = cases.metrics.instruments.registry
    follower.run(cases, registry, host, port, settings.cases_stuck_after, nice=settings.cases_nice)
