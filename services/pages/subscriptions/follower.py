"""Makes notices: looks at what accepted events touched, and once an hour at what only the clock moves.

A look is part of one transaction with the notice and the state that it tells; interrupted, it leaves nothing. Touches are taken before the
view is read, so a view holds at least what they tell of. Several processes look at different subscriptions.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import orjson
import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.rules import HOUR
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import open_session
from services.pages import statement as pages_statement
from services.pages.subscriptions import statement, store
from services.pages.subscriptions.changes import changes
from services.pages.subscriptions.settings import NotificationSettings
from services.pages.subscriptions.store import Notice, Subscription
from services.pages.subscriptions.telemetry import NotificationMetrics
from services.pages.subscriptions.viewing import sight, state_now
from services.runtime.follower import Follower

log = logging.getLogger(__name__)
APPLICATION = "lianyun-notifications"
Session = Connection[Any]
AT_ONCE = 20
_PURGE_EVERY, _LOOK_EVERY = 600.0, 10.0


class Registries:
    """The registry at the version of a transaction, read again when there is a newer one."""

    def __init__(self) -> None:
        self._known: Registry | None = None

    def at(self, session: Session, version: int) -> Registry:
        """The registry at ``version`` or newer."""
        if self._known is None or self._known.version < version:
            self._known = registry_store.read_snapshot(session)
        return self._known


def begin(session: Session, registries: Registries) -> tuple[Registry, int]:
    """The registry and the database's clock, at the start of a transaction."""
    row = session.cursor(row_factory=tuple_row).execute(pages_statement("begin")).fetchone()
    assert row is not None
    version, now = row
    return registries.at(session, version), now


def look_at_due(session: Session, registries: Registries, limit: int = AT_ONCE) -> int:
    """Look at subscriptions that are due, at most ``limit``, in the caller's transaction; how many."""
    registry, now = begin(session, registries)
    cursor = session.cursor(row_factory=tuple_row)
    rows = cursor.execute(statement("due"), {"now": now, "limit": limit}).fetchall()
    if not rows:
        return 0
    due = [store.subscription_of(row) for row in rows]
    session.execute(statement("clear_touches"), {"ids": [each.id for each in due]})
    for found in due:
        try:
            with session.transaction():
                look(session, registry, found, now)
        except psycopg.OperationalError:  # the database, or a lock: nothing is wrong with the subscription
            raise
        except Exception:
            # The others are not to wait for it. It is looked at again in an hour, or when its cargo moves.
            log.exception("a subscription cannot be looked at", extra={"subscription": found.id})
            _move(session, found, found.told.plain(), found.last_no, now)
    return len(due)


def look(session: Session, registry: Registry, found: Subscription, now: int) -> Notice | None:
    """Compare what the subscriber sees at ``now`` with what it was told, and store what is new; it is held until the transaction ends."""
    seen = sight(session, registry, found, now)
    if seen.over:
        store.end(session, found, seen.over, now)
        return None
    if seen.shown is None:  # silent while its party may not see it
        _move(session, found, found.told.plain(), found.last_no, now)
        return None
    state = state_now(session, seen.shown, now, forecasts=found.wanted.forecasts)
    told, news = changes(found.told, state, found.wanted)
    notice = None
    if news:
        notice = Notice(found.last_no + 1, now, frozenset(state.fields), news)
        store.put_notice(session, found.id, notice, found.channel)
    _move(session, found, told.plain(), found.last_no + (notice is not None), now)
    return notice


def _move(session: Session, found: Subscription, told: dict[str, Any], last_no: int, now: int) -> None:
    values = {"id": found.id, "told": orjson.dumps(told).decode(), "last_no": last_no, "look": now + HOUR}
    session.execute(statement("move"), values)


class NoticeFollower(Follower):
    """Makes notices, forgets what is old and measures what waits, on a session of its own."""

    contended_pause = 0.2

    def __init__(self, settings: NotificationSettings, metrics: NotificationMetrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._session: Session | None = None
        self._registries = Registries()
        self._purged = self._measured = float("-inf")

    def open(self) -> None:
        """Open the session. Raises SchemaMoved."""
        self._session = open_own_session(self._settings)

    def step(self) -> float:
        """Look at what is due. Raises psycopg errors where the database is gone."""
        session = self._session
        assert session is not None
        with session.transaction():
            looked = look_at_due(session, self._registries)
        if time.monotonic() - self._purged > _PURGE_EVERY:
            with session.transaction():
                _, now = begin(session, self._registries)
                store.purge(session, now, self._settings.notification_keep_days)
            self._purged = time.monotonic()
        if time.monotonic() - self._measured > _LOOK_EVERY:
            self._metrics.update(store.overview(session))
            self._measured = time.monotonic()
        return 0.0 if looked else self._settings.notification_tick

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()


def open_own_session(settings: NotificationSettings) -> Session:
    """A session in autocommit mode. Raises SchemaMoved."""
    session = open_session(settings.dsn.get_secret_value(), APPLICATION)
    session.autocommit = True
    require_schema(session)
    return session
