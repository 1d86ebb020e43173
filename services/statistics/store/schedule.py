"""The process that keeps arrival times also publishes the statistics that are due: on a thread of its own, every hour."""

from __future__ import annotations

import logging
import threading

from pydantic import Field

from services.arrival.store import follower as arrival
from services.domain.rules import HOUR
from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import Session, open_session
from services.query.stored_events import Unreadable
from services.runtime.follower import Follower, FollowerThread, stopped_by_signals
from services.statistics.domain import months
from services.statistics.store.publisher import QUIET, NotAsPublished, publish_due

APPLICATION = "lianyun-statistics"
_PATIENCE = 5.0
"""Seconds that the end of the process waits for a publication under way; what is left is published by the next one."""
log = logging.getLogger(__name__)


class ScheduleSettings(arrival.FollowerSettings):
    """Settings of the process, from LIANYUN_* variables."""

    statistics_every: float = Field(
        3_600.0,
        ge=0,
        description="seconds between two looks for statistics that are due; 0: none are published",
    )
    statistics_quiet_hours: float = Field(
        QUIET / HOUR,
        ge=0,
        description="a month is published once nothing about its journeys was stored for so many hours",
    )


class PublishingFollower(Follower):
    """Publishes what is due at each step. What cannot be published is an error in the log, and tried again at the next one."""

    def __init__(self, settings: ScheduleSettings) -> None:
        self._settings = settings
        self._session: Session | None = None
        self.contended_pause = settings.statistics_every

    def open(self) -> None:
        """Open the session. Raises SchemaMoved."""
        self._session = open_session(self._settings.dsn.get_secret_value(), APPLICATION)
        self._session.autocommit = True
        require_schema(self._session)

    def step(self) -> float:
        """Publish every month that is due; takes some milliseconds for each journey of those."""
        assert self._session is not None
        try:
            done = publish_due(self._session, int(self._settings.statistics_quiet_hours * HOUR))
        except (NotAsPublished, Unreadable) as problem:
            log.error(
                "statistics are not published: %s; run: lianyun fsck",
                problem,
                extra={"action": "statistics_not_published"},
            )
            return self._settings.statistics_every
        for each in done:
            if each.figures is not None:
                log.info(
                    "%d statistics of %s published%s",
                    each.figures,
                    months.written(each.month),
                    ", final" if each.final else "",
                    extra={"action": "statistics_published"},
                )
        return self._settings.statistics_every

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()


def run(settings: ScheduleSettings, stop: threading.Event | None = None) -> None:
    """Follow the legs and publish until ``stop`` is set, by default by SIGTERM or SIGINT. Raises what either of them raises."""
    ended = stopped_by_signals() if stop is None else stop
    publishing = FollowerThread(PublishingFollower(settings), "statistics", ended.set)
    if settings.statistics_every:
        publishing.start()
    try:
        arrival.run(settings, ended)
    finally:
        publishing.stop()
        if publishing.is_alive():
            publishing.join(_PATIENCE)
    if publishing.failed is not None:
        raise publishing.failed
