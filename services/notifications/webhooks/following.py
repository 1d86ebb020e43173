"""The thread that makes messages of what is committed, forgets old ones, and looks how all endpoints stand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

from services.ledger.storage.schema_window import require
from services.ledger.storage.session import open_session
from services.notifications.webhooks import outbox, overview, queue
from services.notifications.webhooks.metrics import WebhookMetrics
from services.notifications.webhooks.settings import WebhookSettings

APPLICATION = "lianyun-webhooks"
_DAY = 86_400 * 1_000_000
_PURGE_EVERY = 600.0
_LOOK_EVERY = 10.0


class Follower(threading.Thread):
    """Makes messages of what is committed, in a thread and a session of its own; ``failed`` keeps what ended it."""

    def __init__(
        self, settings: WebhookSettings, failing: Callable[[], None], metrics: WebhookMetrics
    ) -> None:
        super().__init__(name="outbox", daemon=True)
        self._settings, self._failing, self._metrics = settings, failing, metrics
        self._stop_asked = threading.Event()
        self.failed: BaseException | None = None

    def stop(self) -> None:
        """Ask it to end after the present step."""
        self._stop_asked.set()

    def run(self) -> None:
        """Follow until asked to stop."""
        try:
            with open_following(self._settings) as session:
                self._follow(session)
        except BaseException as error:
            self.failed = error
            self._failing()

    def _follow(self, session: Connection[Any]) -> None:
        purged = looked = -_PURGE_EVERY
        while not self._stop_asked.is_set():
            try:
                done = outbox.step(session)
                if time.monotonic() - purged > _PURGE_EVERY:
                    keep = self._settings.webhook_keep_days * _DAY
                    with session.transaction():
                        queue.purge(session, time.time_ns() // 1_000 - keep)
                    purged = time.monotonic()
                if time.monotonic() - looked > _LOOK_EVERY:
                    self._metrics.look(overview.endpoints(session))
                    looked = time.monotonic()
            except psycopg.errors.LockNotAvailable:
                continue  # another process has its turn
            if not done.rows:
                self._stop_asked.wait(self._settings.webhook_tick)


def open_following(settings: WebhookSettings) -> Connection[Any]:
    """A session in which every step is a transaction of its own."""
    session = open_session(settings.dsn.get_secret_value(), APPLICATION)
    session.autocommit = True
    require(session)
    return session
