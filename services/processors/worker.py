"""The worker: the Faust app with the ledger consumer, the pipeline, the watchdog and health checks."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import faust

from services.processors.backlog import Backlog, Bounds
from services.processors.circuit_breaker import CircuitBreakers, CircuitBreakerSettings
from services.processors.consumer import LedgerConsumer, LedgerTransport, Poll
from services.processors.pipeline import Limits, Pipeline
from services.processors.ports import Admitter, LogDirectory, LogRecord, Observer, Store
from services.processors.settings import WorkerSettings
from services.processors.telemetry import TracingObserver, WorkerMetrics
from services.runtime.connections import MECHANISM
from services.runtime.exit_codes import End, Exit, end_process
from services.telemetry.http import Health, HealthServer
from services.telemetry.tracing import Spans


class Watchdog:
    """Ends the process with STUCK after `after` seconds without progress while the worker was behind.

    On a thread, since a hanging event loop cannot watch itself; progress is that of the ledger, as Faust's own detectors watch
    streams and commits that are not used. `beat` must be called from the event loop about once a second; a loop that does not run
    counts as stuck too.
    """

    def __init__(self, after: float, end: End, clock: Callable[[], float] = time.monotonic) -> None:
        self._after, self._end, self._clock = after, end, clock
        self._beaten = clock()
        self._good = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    @property
    def idle_for(self) -> float:
        """Seconds since the worker last made progress or had nothing to do."""
        return self._clock() - min(self._beaten, self._good)

    def start(self) -> None:
        """Begin watching; returns at once."""
        self._beaten = self._good = self._clock()
        self._thread.start()

    def stop(self) -> None:
        """End watching."""
        self._stop.set()

    def beat(self, behind: bool, progress_at: float) -> None:
        """Record from the event loop whether messages are waiting, and when (on the clock) progress was last made."""
        now = self._clock()
        self._beaten = now
        self._good = max(self._good, progress_at) if behind else now

    def check(self) -> None:
        """Check once; called by the thread every second."""
        if self.idle_for > self._after:
            # Where everything hangs is the one thing that a restart would lose.
            faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
            what = "the event loop hangs" if self._clock() - self._beaten > self._after else "messages wait"
            self._end(Exit.STUCK, f"no progress for {self.idle_for:.0f} s: {what}", None)

    def _run(self) -> None:
        while not self._stop.wait(min(1.0, self._after / 4)):
            self.check()


log = logging.getLogger(__name__)

_HEADERS_BYTES = 512  # about what attributes and signature of one message weigh
_FINISH_SECONDS, _SHUTDOWN_SECONDS, _LEAVE_SECONDS = 2.0, 1.5, 1.0


class LedgerApp(faust.App):  # type: ignore[misc]
    """A Faust app without tables, hence without folders."""

    def _create_directories(self) -> None:
        pass


def build_app(settings: WorkerSettings, instance_id: str) -> LedgerApp:
    """The app with every setting that matters here; the rest of Faust is unused."""
    brokers = ";".join(f"kafka://{address}" for address in settings.bootstrap.split(","))
    return LedgerApp(
        settings.group,
        broker=brokers,
        broker_credentials=_credentials(settings),
        # The group's committed offsets are a hint; a partition without a claim must not read anything.
        consumer_auto_offset_reset="none",
        consumer_group_instance_id=instance_id,
        broker_client_id=instance_id,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.heartbeat,
        broker_max_poll_interval=300.0,
        # All that the client has fetched would come at once: 40 partitions of 1 MiB.
        broker_max_poll_records=4_000,
        consumer_max_fetch_size=256 << 10,
        broker_request_timeout=max(90.0, settings.session_timeout),
        # Each report costs tens of milliseconds of the loop (Faust draws a table of it), and is for lag tools alone.
        broker_commit_interval=10.0,
        # How soon a topic that was created, or created again, is noticed.
        consumer_metadata_max_age_ms=5_000,
        # Waiting for acknowledgements never ends after a fence, and the ledger makes it pointless.
        stream_wait_empty=False,
        # No leader topic: nothing uses it, and it is behind many rebalances that never end.
        topic_disable_leader=True,
        topic_allow_declare=False,
        processing_guarantee="at_least_once",
        store="memory://",
        web_enabled=False,
    )


def _credentials(settings: WorkerSettings) -> Any:
    context = ssl.create_default_context(cafile=str(settings.kafka_ca)) if settings.kafka_ca else None
    if context is not None and settings.kafka_certificate is not None:
        context.load_cert_chain(settings.kafka_certificate)
    if settings.kafka_user is None:
        return context
    password = settings.kafka_password.get_secret_value() if settings.kafka_password else ""
    return faust.SASLCredentials(
        username=settings.kafka_user, password=password, mechanism=MECHANISM, ssl_context=context
    )


class Worker:
    """Consumes `topics` until it is stopped. `store`, `admitter` and `directory` do the work that is not Kafka's.

    With `follow` it also consumes, within seconds of their appearance, the topics that the registry names.

    Create and run it in one event loop. Errors end the process through `end`.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        topics: tuple[str, ...],
        instance_id: str,
        store: Store,
        admitter: Admitter,
        directory: LogDirectory,
        end: End = end_process,
        spans: Spans | None = None,
        *,
        follow: bool = False,
    ) -> None:
        self._settings, self._instance_id, self._end = settings, instance_id, end
        self.metrics = WorkerMetrics()
        self.metrics.initialize(topics, ())
        self._breakers = CircuitBreakers(
            CircuitBreakerSettings(ratio=settings.refused_ratio, window=settings.refused_window)
        )
        self._backlog: Backlog[LogRecord] = Backlog(_size, Bounds())
        limits = Limits(settings.batch_events, settings.batch_bytes, settings.batch_heads, settings.idle_tick)
        observer: Observer = self.metrics
        if spans is not None:
            observer = TracingObserver(self.metrics, spans, settings.group)
        self.pipeline = Pipeline(
            store, admitter, directory, self._backlog, self._breakers, limits, observer, end
        )
        self._store, self._follow = store, follow
        self.watchdog = Watchdog(settings.stuck_after, end)
        self.app = build_app(settings, instance_id)
        self._connect(topics)
        self._stop = asyncio.Event()
        self._seen = {"rebalances": 0, "fetch_gaps": 0, "fetch_errors": 0, "comparisons": 0, "registry": 0}

    def _connect(self, topics: tuple[str, ...]) -> None:
        app, pipeline = self.app, self.pipeline
        channel = app.channel(maxsize=2)
        parts: Mapping[str, Any] = {
            "ledger": pipeline,
            "topics": frozenset(topics),
            "channel": channel,
            "held": pipeline.held,
        }
        pipeline.on_applied = lambda slices: self.consumer.applied(slices)
        app.transport = LedgerTransport(app.conf.broker_consumer, app, parts=parts)
        for topic in topics:
            app.topics.add(app.topic(topic))

        async def take(polls: Any) -> None:
            # An exception must never leave an agent: Faust would go on behind the lost poll.
            try:
                async for poll in polls:
                    pipeline.feed(poll)
            except Exception as error:
                self._end(Exit.UNEXPECTED, f"the agent failed: {error!r}", error)

        app.agent(channel, name="polls")(take)

    @property
    def consumer(self) -> LedgerConsumer:
        """The app's consumer."""
        consumer: LedgerConsumer = self.app.consumer
        return consumer

    @property
    def ready(self) -> bool:
        """Whether the worker has its assignment and is consuming."""
        return bool(
            self.app.started and not self.app.rebalancing and self.app.assignor and self.consumer.flow_active
        )

    async def run(self) -> None:
        """Work until SIGTERM, SIGINT or `request_stop`; finish the running transaction, or abandon it; leave the group.

        Takes at most about 5 s from then on, and less than one where nothing is under way.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop)
        health = self._serve_health()
        tasks = [asyncio.create_task(work) for work in (self._run_app(), self.pipeline.run(), self._tick())]
        await self._stop.wait()
        log.info("stopping: the running transaction is finished", extra={"action": "stopping"})
        finished = await self.pipeline.stop(_FINISH_SECONDS)
        if not finished:
            log.warning("the running transaction is abandoned", extra={"action": "abandoned"})
        self.watchdog.stop()
        await self._leave()
        for task in tasks:
            task.cancel()
        if finished:
            self.pipeline.close()
        if health is not None:
            health.stop()

    async def _leave(self) -> None:
        """Stop consuming, then leave the group; in this order, so that the client does not join again."""
        try:
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                await self.app.stop()
        except Exception as error:  # nothing is left that could be lost
            log.warning("Faust did not stop in order: %r", error, extra={"action": "left"})
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self.pipeline.leave(self._settings.group, self._instance_id)
        except TimeoutError:
            log.warning("the broker does not answer; it gives our partitions away when our session ends")

    def request_stop(self) -> None:
        """Have `run` finish; to be called from the event loop."""
        self._stop.set()

    async def _run_app(self) -> None:
        try:
            await self.app.start()
            await self.app._crashed.wait()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._end(Exit.UNEXPECTED, f"Faust did not start: {error!r}", error)
            return
        if not self._stop.is_set():
            reason = self.app.crash_reason
            self._end(Exit.UNEXPECTED, f"Faust crashed: {reason!r}", reason)

    async def _tick(self) -> None:
        self.watchdog.start()
        examined = time.monotonic()
        while True:
            await asyncio.sleep(min(1.0, self._settings.examine_every))
            try:
                self._update_metrics()
                if self.ready and self._follow:
                    self.metrics.initialize(await self.consumer.follow(self._store.topics), ())
                if self.ready and time.monotonic() - examined >= self._settings.examine_every:
                    await self.consumer.examine()
                    examined = time.monotonic()
            except Exception as error:
                self._end(Exit.UNEXPECTED, f"looking after the log failed: {error!r}", error)

    def _update_metrics(self) -> None:
        ready = self.ready
        lags = self.consumer.lags() if ready else {}
        resting = self._breakers.open_topics(time.monotonic())
        behind = any(lag for partition, lag in lags.items() if partition.topic not in resting)
        self.watchdog.beat(behind or self.pipeline.behind(), self.pipeline.progress_at)
        metrics = self.metrics
        metrics.ready.set(ready)
        metrics.backlog.set(self._backlog.records)
        metrics.update_waiting(self._backlog.first())
        registry = self._store.registry
        version = getattr(registry, "version", 0)
        if version != self._seen["registry"]:
            # Others publish through the gateway, and there may be many of them.
            metrics.initialize((), {party.code for party in getattr(registry, "writers", {}).values()})
        metrics.registry_version.set(version)
        self._seen["registry"] = version
        if ready:
            metrics.update_reading(lags, self.consumer.stopped_partitions, self.consumer.missing_topics)
        for name, counter in (
            ("rebalances", metrics.rebalances),
            ("fetch_gaps", metrics.fetch_gaps),
            ("fetch_errors", metrics.fetch_errors),
            ("comparisons", metrics.log_comparisons),
        ):
            now = getattr(self.consumer, name)
            counter.inc(now - self._seen[name])
            self._seen[name] = now

    def _serve_health(self) -> HealthServer | None:
        settings = self._settings
        if settings.metrics_port is None:
            return None

        def live() -> Health:
            idle = self.watchdog.idle_for
            return Health(idle < settings.stuck_after, {"idle_seconds": round(idle, 1)})

        def ready() -> Health:
            stopped = len(self.consumer.stopped_partitions) if self.app.started else 0
            return Health(self.ready, {"stopped_partitions": stopped})

        registry = self.metrics.instruments.registry
        server = HealthServer(registry, live, ready, settings.metrics_host, settings.metrics_port)
        server.start()
        log.info("metrics on port %d", server.port, extra={"action": "metrics", "port": server.port})
        return server


def _size(record: LogRecord) -> int:
    return len(record.value or b"") + _HEADERS_BYTES


__all__ = ["LedgerApp", "Poll", "Worker", "build_app"]
