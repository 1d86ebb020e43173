"""The process that keeps cases up to the accepted events and to the clock, beside the workers and off their way.

It reads by position what they have committed, so it misses nothing and applies nothing twice, whenever it is stopped.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg import Connection
from pydantic import Field, SecretStr

from services.connections import Connections
from services.observability import metrics as names
from services.processors.cases.store import projector, statement
from services.processors.cases.store.memory import Memory
from services.processors.cases.store.projector import Followed
from services.processors.cases.store.recording import CaseDesk
from services.processors.financing.store.opening import read_keys
from services.processors.following.progress import Progress, shown
from services.processors.following.turning import behind_workers, turn
from services.processors.platform_events import Signer
from services.storage.schema_window import require
from services.storage.session import open_session

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
        self._steps = self.instruments.counter(names.CASES_STEPS)
        self._unread = self.instruments.counter(names.CASES_UNREAD)

    def stepped(self, done: Followed, seconds: float) -> None:
        """A step has ended."""
        self._steps.inc(len(done.steps))
        self._unread.inc(done.unread)
        self.ended_step(done.events, done.whole, seconds)


def signer_of(network: str, keys: Path) -> Signer:
    """Who signs the steps: the platform, by its key in the file ``keys``. Raises KeysMissing."""
    held = read_keys(keys)
    return Signer(network, held.source, held.key, held.salt_secret)


def follow(
    session: Connection[Any],
    desk: CaseDesk,
    events: int,
    tick: float,
    stop: threading.Event,
    stepped: Callable[[Followed, float], None] = lambda _done, _seconds: None,
) -> None:
    """Follow until ``stop`` is set; blocks. ``stepped`` is told of each step and its seconds. Raises what a step raises."""
    memory = Memory()
    turn(
        lambda: projector.step(session, desk, events, memory=memory),
        lambda done: done.whole,
        tick,
        stop,
        stepped,
    )


def run(settings: CasesSettings) -> None:
    """Open a session of its own and follow until SIGTERM or SIGINT, which ends it after the step that is under way."""
    stop = behind_workers(settings.cases_nice)
    desk = CaseDesk(signer_of(settings.network, settings.financing_keys))
    metrics = CaseMetrics()

    def stepped(done: Followed, seconds: float) -> None:
        metrics.stepped(done, seconds)
        _tell(done)

    host, port = settings.cases_metrics_host, settings.cases_metrics_port
    with shown(metrics, host, port, settings.cases_stuck_after):
        session = open_session(settings.dsn.get_secret_value(), APPLICATION)
        session.autocommit = True
        with session:
            require(session)
            metrics.found_whole(session.execute(statement("whole_at")).fetchone())
            follow(session, desk, settings.cases_events, settings.cases_tick, stop, stepped)


def _tell(done: Followed) -> None:
    for step in done.steps:
        log.info("case %s %s", step.case.hex()[:8], step.kind, extra={"action": "case", "step": step.number})
