"""The process that makes messages of what is committed and delivers them; any number of it may run.

Two threads of work: one follows the committed rows, the other sends what is due. All that is known is in the database, so
kill -9 anywhere loses nothing: a step of the first is one transaction, and a delivery whose process is gone is due again
when its lease runs out.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

from services.domain.facts import Micros
from services.notifications.webhooks import queue, subscriptions
from services.notifications.webhooks.following import Follower, open_following
from services.notifications.webhooks.metrics import WebhookMetrics
from services.notifications.webhooks.queue import Taken
from services.notifications.webhooks.sealed_secrets import Seal, SealError
from services.notifications.webhooks.sender import Answer, Sender
from services.notifications.webhooks.settings import WebhookSettings
from services.notifications.webhooks.signature import Secret, headers
from services.notifications.webhooks.trace_context import delivering, trace_field
from services.telemetry.http import Health, HealthServer
from services.telemetry.tracing import Spans, open_spans

log = logging.getLogger(__name__)
SECOND = 1_000_000
DAY = 86_400 * SECOND

Point = Callable[[str], None]


def nothing(_point: str) -> None:
    """Called at named points (``taken``, ``sent``, ``settled``); tests stop or kill the process there."""


class Deliverer:
    """Sends what is due, a few at a time for each endpoint, and puts down what came of it."""

    def __init__(
        self,
        session: Connection[Any],
        settings: WebhookSettings,
        seal: Seal,
        sender: Sender,
        at_point: Point = nothing,
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
        # Jitter must differ between processes that were started alike.
        self._chance = random.SystemRandom().random

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``, then let running attempts end. Raises psycopg errors: the database is gone."""
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
        """Wait for the attempts that run."""
        if self._running:
            await asyncio.wait(self._running)
        self._raise_failed()

    def begin(self) -> int:
        """Take what is due and begin to send it; how many."""
        busy = {key: count for key, count in self._busy.items() if count}
        lease = int(self._settings.lease * SECOND)
        with self._session.transaction():
            taken = queue.take(self._session, self._now(), lease, busy, self._settings.webhook_at_once)
            keys = {each: self._keys(each) for each in {one.subscription for one in taken}}
        self._at_point("taken")
        for each in taken:
            self._busy[each.subscription] += 1
            self._running.add(asyncio.create_task(self._attempt(each, keys[each.subscription])))
        return len(taken)

    def _keys(self, subscription: str) -> list[Secret] | None:
        """What deliveries to it are signed with now; None where its secrets cannot be opened here."""
        try:
            return subscriptions.signing(self._session, subscription, self._seal, self._now())
        except SealError as problem:
            log.error("%s", problem)
            return None

    async def _attempt(self, taken: Taken, keys: list[Secret] | None) -> None:
        try:
            answer = await self._send(taken, keys)
            self._at_point("sent")
            with self._session.transaction():
                self._settle(taken, answer)
            self._at_point("settled")
        except psycopg.errors.LockNotAvailable:
            # Somebody works on the same subscription for long: what came of it is not put down, and it is due again when
            # its lease runs out.
            log.warning("delivery of %s to %s could not be settled", taken.message, taken.subscription)
        finally:
            self._busy[taken.subscription] -= 1

    async def _send(self, taken: Taken, keys: list[Secret] | None) -> Answer:
        if keys is None:
            return Answer(
                None, "the platform cannot open the secret of this webhook; its operators were told"
            )
        if not keys:
            return Answer(None, "the webhook was removed")
        now = self._clock()
        signed = headers(taken.message, int(now), taken.body, keys)
        with delivering(self._spans, taken) as delivery:
            answer = await self._sender.post(taken.url, taken.body, {**signed, **delivery.headers}, now)
            delivery.answered = answer
        return answer

    def _settle(self, taken: Taken, answer: Answer) -> None:
        now = self._now()
        if answer.good:
            queue.delivered(self._session, taken, answer.status or 0, now)
            self._metrics.delivered(taken.at, now)
            return
        pause = self._settings.backoff.pause(taken.attempt, self._chance(), answer.asked)
        again = None if pause is None else now + int(pause * SECOND)
        queue.failed(self._session, taken, answer.status, answer.detail, now, again)
        self._metrics.failed(again is None)
        log.info(
            "delivery of %s to %s failed: %s",
            taken.message,
            taken.subscription,
            answer.detail,
            extra=trace_field(taken),
        )
        since = taken.failing_since
        if answer.gone:
            self._disable(taken, "the endpoint answered 410 Gone", now)
        elif since is not None and now - since > self._settings.webhook_disable_after * SECOND:
            self._disable(taken, f"every delivery failed for {(now - since) / DAY:.1f} days", now)

    def _disable(self, taken: Taken, reason: str, now: Micros) -> None:
        if queue.disable(self._session, taken.subscription, reason, now):
            log.warning("webhook %s is disabled: %s", taken.subscription, reason)

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


async def work(settings: WebhookSettings, stop: asyncio.Event, at_point: Point = nothing) -> None:
    """Follow and deliver until ``stop``. Raises SealError at once, and psycopg errors where the database is gone."""
    seal = settings.seal()
    loop = asyncio.get_running_loop()

    def failing() -> None:
        loop.call_soon_threadsafe(stop.set)

    metrics = WebhookMetrics()
    spans = open_spans("lianyun-webhooks", os.environ)
    follower = Follower(settings, failing, metrics)
    health = _served(settings, metrics, follower)
    with open_following(settings) as session:
        # What of the queue a crash of the database forgets is delivered once more: no need to wait for its disk.
        session.execute("SET synchronous_commit = off")
        async with Sender(settings.webhook_timeout, settings.webhook_loopback) as sender:
            follower.start()
            try:
                deliverer = Deliverer(session, settings, seal, sender, at_point, metrics=metrics, spans=spans)
                await deliverer.run(stop)
            finally:
                if spans is not None:
                    await asyncio.to_thread(spans.close)
                follower.stop()
                await asyncio.to_thread(follower.join, 30.0)
                if health is not None:
                    health.stop()
    if follower.failed is not None:
        raise follower.failed


def _served(settings: WebhookSettings, metrics: WebhookMetrics, follower: Follower) -> HealthServer | None:
    """Metrics and health of this process, where a port is set."""
    if settings.metrics_port is None:
        return None
    server = HealthServer(
        metrics.instruments.registry,
        lambda: Health(follower.failed is None),
        lambda: Health(follower.is_alive()),
        settings.metrics_host,
        settings.metrics_port,
    )
    server.start()
    return server
