"""The process that makes and delivers messages; any number of it may run.

A thread follows committed rows, the event loop sends what is due. All state is in the database, so kill -9 loses nothing: a step of
the first is one transaction, and a delivery whose process is gone becomes due again when its lease expires.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

from services.domain.facts import Micros
from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import open_session
from services.notifications.webhooks import outbox, queue, subscriptions
from services.notifications.webhooks.queue import LeasedDelivery
from services.notifications.webhooks.sealed_secrets import Seal, SealError
from services.notifications.webhooks.sender import AttemptResult, Sender
from services.notifications.webhooks.settings import WebhookSettings
from services.notifications.webhooks.signature import Secret, headers
from services.notifications.webhooks.telemetry import WebhookMetrics, delivery_span, trace_field
from services.runtime.follower import Follower, FollowerThread, serving_health
from services.telemetry.http import Health
from services.telemetry.tracing import Spans, open_spans

log = logging.getLogger(__name__)
APPLICATION = "lianyun-webhooks"
SECOND = 1_000_000
DAY = 86_400 * SECOND
_PURGE_EVERY = 600.0
_LOOK_EVERY = 10.0

Point = Callable[[str], None]


def no_op(_point: str) -> None:
    """Called at named points (``taken``, ``sent``, ``settled``), at which tests stop or kill the process."""


class OutboxFollower(Follower):
    """Makes messages of committed rows, purges old ones and measures the endpoints, on a session of its own."""

    contended_pause = 0.0  # a step has waited for the lock already

    def __init__(self, settings: WebhookSettings, metrics: WebhookMetrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._session: Connection[Any] | None = None
        self._purged = self._looked = -_PURGE_EVERY

    def open(self) -> None:
        """Open the session."""
        self._session = open_own_session(self._settings)

    def step(self) -> float:
        """Follow every kind of row a little further. Raises psycopg errors where the database is gone."""
        assert self._session is not None
        done = outbox.step(self._session)
        if time.monotonic() - self._purged > _PURGE_EVERY:
            keep = self._settings.webhook_keep_days * DAY
            with self._session.transaction():
                queue.purge(self._session, time.time_ns() // 1_000 - keep)
            self._purged = time.monotonic()
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self._metrics.update_endpoints(subscriptions.endpoints(self._session))
            self._looked = time.monotonic()
        return 0.0 if done.rows else self._settings.webhook_tick

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()


def open_own_session(settings: WebhookSettings) -> Connection[Any]:
    """A session in autocommit mode. Raises SchemaMoved."""
    session = open_session(settings.dsn.get_secret_value(), APPLICATION)
    session.autocommit = True
    require_schema(session)
    return session


class Deliverer:
    """Sends what is due, a few at a time per endpoint, and stores the results."""

    def __init__(
        self,
        session: Connection[Any],
        settings: WebhookSettings,
        seal: Seal,
        sender: Sender,
        at_point: Point = no_op,
        clock: Callable[[], float] = time.time,
        metrics: WebhookMetrics | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._session, self._settings, self._seal, self._sender = session, settings, seal, sender
        self._metrics = metrics or WebhookMetrics()
        self._spans = spans
        self._at_point, self._clock = at_point, clock
        self._busy: Counter[str] = Counter()
        self._running: set[asyncio.Task[None]] = set()
        # Jitter must differ between processes started at the same time.
        self._chance = random.SystemRandom().random

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``, then finish running attempts. Raises psycopg errors where the database is gone."""
        while not stop.is_set():
            self.begin()
            if self._running:
                tick = self._settings.webhook_tick
                await asyncio.wait(self._running, timeout=tick, return_when=asyncio.FIRST_COMPLETED)
            else:
                await self._pause(stop)
            self._raise_failed()
        await self.finish()

    async def finish(self) -> None:
        """Wait for the running attempts."""
        if self._running:
            await asyncio.wait(self._running)
        self._raise_failed()

    def begin(self) -> int:
        """Lease what is due and start sending it; the number of deliveries."""
        busy = {key: count for key, count in self._busy.items() if count}
        lease = int(self._settings.lease * SECOND)
        with self._session.transaction():
            leased = queue.lease_due(self._session, self._now(), lease, busy, self._settings.webhook_at_once)
            keys = {each: self._keys(each) for each in {one.subscription for one in leased}}
        self._at_point("taken")
        for each in leased:
            self._busy[each.subscription] += 1
            self._running.add(asyncio.create_task(self._attempt(each, keys[each.subscription])))
        return len(leased)

    def _keys(self, subscription: str) -> list[Secret] | None:
        """The signing secrets of a subscription; None where they cannot be decrypted here."""
        try:
            return subscriptions.signing_secrets(self._session, subscription, self._seal, self._now())
        except SealError as problem:
            log.error("%s", problem)
            return None

    async def _attempt(self, leased: LeasedDelivery, keys: list[Secret] | None) -> None:
        try:
            result = await self._send(leased, keys)
            self._at_point("sent")
            with self._session.transaction():
                self._settle(leased, result)
            self._at_point("settled")
        except psycopg.errors.LockNotAvailable:
            # Another transaction has locked the subscription for long: the result is not stored, and the delivery becomes due
            # again when its lease expires.
            log.warning("delivery of %s to %s could not be settled", leased.message, leased.subscription)
        finally:
            self._busy[leased.subscription] -= 1

    async def _send(self, leased: LeasedDelivery, keys: list[Secret] | None) -> AttemptResult:
        if keys is None:
            return AttemptResult(
                None, "the platform cannot open the secret of this webhook; its operators were told"
            )
        if not keys:
            return AttemptResult(None, "the webhook was removed")
        now = self._clock()
        signed = headers(leased.message, int(now), leased.body, keys)
        with delivery_span(self._spans, leased) as delivery:
            result = await self._sender.post(leased.url, leased.body, {**signed, **delivery.headers}, now)
            delivery.result = result
        return result

    def _settle(self, leased: LeasedDelivery, result: AttemptResult) -> None:
        now = self._now()
        if result.success:
            queue.record_success(self._session, leased, result.status or 0, now)
            self._metrics.delivered(leased.at, now)
            return
        pause = self._settings.backoff.pause(leased.attempt, self._chance(), result.retry_after)
        again = None if pause is None else now + int(pause * SECOND)
        queue.record_failure(self._session, leased, result.status, result.detail, now, again)
        self._metrics.failed(again is None)
        log.info(
            "delivery of %s to %s failed: %s",
            leased.message,
            leased.subscription,
            result.detail,
            extra=trace_field(leased),
        )
        since = leased.failing_since
        if result.gone:
            self._disable(leased, "the endpoint answered 410 Gone", now)
        elif since is not None and now - since > self._settings.webhook_disable_after * SECOND:
            self._disable(leased, f"every delivery failed for {(now - since) / DAY:.1f} days", now)

    def _disable(self, leased: LeasedDelivery, reason: str, now: Micros) -> None:
        if queue.disable(self._session, leased.subscription, reason, now):
            log.warning("webhook %s is disabled: %s", leased.subscription, reason)

    def _raise_failed(self) -> None:
        done = {task for task in self._running if task.done()}
        self._running -= done
        for task in done:
            task.result()

    async def _pause(self, stop: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(stop.wait(), self._settings.webhook_tick)
        except TimeoutError:
            return

    def _now(self) -> Micros:
        return int(self._clock() * SECOND)


async def work(settings: WebhookSettings, stop: asyncio.Event, at_point: Point = no_op) -> None:
    """Follow and deliver until ``stop``. Raises SealError at once, and psycopg errors where the database is gone."""
    seal = settings.seal()
    loop = asyncio.get_running_loop()
    metrics = WebhookMetrics()
    spans = open_spans("lianyun-webhooks", os.environ)
    outbox_thread = FollowerThread(
        OutboxFollower(settings, metrics), "outbox", lambda: loop.call_soon_threadsafe(stop.set)
    )
    with (
        serving_health(
            metrics.instruments.registry,
            lambda: Health(outbox_thread.failed is None),
            lambda: Health(outbox_thread.is_alive()),
            settings.metrics_host,
            settings.metrics_port,
        ),
        open_own_session(settings) as session,
    ):
        # Results lost in a crash of the database only cause a repeated delivery: no need to wait for its disk.
        session.execute("SET synchronous_commit = off")
        async with Sender(settings.webhook_timeout, settings.webhook_loopback) as sender:
            outbox_thread.start()
            try:
                deliverer = Deliverer(session, settings, seal, sender, at_point, metrics=metrics, spans=spans)
                await deliverer.run(stop)
            finally:
                if spans is not None:
                    await asyncio.to_thread(spans.close)
                outbox_thread.stop()
                await asyncio.to_thread(outbox_thread.join, 30.0)
    if outbox_thread.failed is not None:
        raise outbox_thread.failed


def run(settings: WebhookSettings) -> None:
    """Follow and deliver until SIGTERM or SIGINT; blocks. Raises as ``work``."""

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await work(settings, stop)

    asyncio.run(until_stopped())
