"""The exchange of documents as a process: other platforms are answered within budgets, and what is not answered is repeated.

Whoever asks is counted by address before anything is read, and by platform once it is proven who signed. Bodies, connections and heads
are bounded as the API's are.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import anyio.to_thread
import psycopg
import uvicorn
from psycopg_pool import ConnectionPool, PoolTimeout
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api import statement
from services.api.connections import BoundedProtocol, Bounds, Connections
from services.api.edge import Edge
from services.api.limits import RateLimit, address_of
from services.api.problems import Problem
from services.api.serving import live
from services.api.targets import OwnNames
from services.documents.pint import store
from services.documents.pint.exchange import Exchange
from services.documents.pint.receiver import MOST_BODY, Receiver, routes
from services.documents.pint.registers import Unreachable
from services.documents.pint.settings import APPLICATION, ExchangeSettings
from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import Session, configure, session_arguments
from services.telemetry import metrics
from services.telemetry.http import Health, HealthServer
from services.telemetry.instruments import Instruments

log = logging.getLogger(__name__)
_BOUNDS = Bounds(line=8_192, header=16_384, header_seconds=10.0, body_seconds=60.0)


class ExchangeMetrics:
    """What the process counts; for several threads."""

    def __init__(self) -> None:
        make = self.instruments = Instruments()
        self._requests = make.counter(metrics.EXCHANGE_REQUESTS)
        self._seconds = make.histogram(metrics.EXCHANGE_SECONDS)
        self.in_progress = make.gauge(metrics.EXCHANGE_IN_PROGRESS)
        self._limited = make.counter(metrics.EXCHANGE_RATE_LIMITED)
        self._waiting = make.gauge(metrics.EXCHANGE_WAITING)
        for by in ("address", "platform"):
            self._limited.labels(by)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request by its route as declared ("" where none matched)."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def limited(self, by: str) -> None:
        """Count a request beyond the budget of its address, or of its platform."""
        self._limited.labels(by).inc()

    def waits(self, counts: Mapping[bool, int]) -> None:
        """Show how many transfers are not settled, by whether they go out."""
        for outward, direction in ((True, "out"), (False, "in")):
            self._waiting.labels(direction).set(counts.get(outward, 0))


class ExchangeProcess:
    """What all requests share. Opens nothing until its application starts. For several threads."""

    def __init__(self, settings: ExchangeSettings, running: Exchange) -> None:
        self.settings, self._running = settings, running
        self.metrics = ExchangeMetrics()
        window, count = settings.exchange_rate_window, self.metrics.limited
        self._addresses = RateLimit(settings.exchange_rate, window, "address", lambda _: count("address"))
        self._platforms = RateLimit(
            settings.exchange_platform_rate, window, "platform", lambda _: count("platform")
        )
        self.pool: ConnectionPool[Session] = ConnectionPool(
            settings.dsn.get_secret_value(),
            kwargs={**session_arguments(APPLICATION), "autocommit": True},
            min_size=1,
            max_size=settings.exchange_threads + 1,
            configure=configure,
            timeout=5.0,
            open=False,
            name=APPLICATION,
        )
        self.metrics.instruments.watch_pool(self.pool.get_stats)
        self.receiver: Receiver = running.receiver(self.pool.connection, self._budget)
        self.bounds = _BOUNDS
        self.connections = Connections(
            settings.exchange_connections, settings.exchange_peer_connections, settings.exchange_proxies
        )
        self.turned = time.monotonic()  # when the event loop last came round, about once a second
        self._stop = threading.Event()

    def _budget(self, platform: str) -> int:
        budget = self._platforms.take(platform, time.monotonic())
        return 0 if budget.allowed else int(budget.headers["retry-after"])

    def refused(self, scope: Scope) -> Problem | None:
        """Count a request of its address; the problem that answers it beyond the budget."""
        address = address_of(Request(scope), self.settings.exchange_proxies)
        budget = self._addresses.take(address, time.monotonic())
        return None if budget.allowed else Problem("rate-limited", headers=budget.headers)

    def look(self) -> None:
        """Ask the database one thing; blocks for up to 2 s for a session. Raises psycopg.Error or PoolTimeout where it cannot."""
        with self.pool.connection(timeout=2.0) as session:
            session.execute(statement("look"))

    def ready(self) -> Health:
        """Whether the event loop comes round and the database answers; blocks for up to 2 s."""
        try:
            self.look()
        except (psycopg.Error, PoolTimeout) as problem:
            return Health(False, {"database": type(problem).__name__})
        return live(self)

    def repeat(self) -> None:
        """Settle what the register accepted, and have what is not answered answered, once; what fails is logged, to be tried again."""
        try:
            self.receiver.resume()
            with self.pool.connection() as session:
                self._running.deliver(session)
                self.metrics.waits({out: count for out, (count, _) in store.waiting(session).items()})
        except (Unreachable, LookupError, psycopg.Error, PoolTimeout) as fault:
            log.warning("not answered: %s", fault, extra={"action": "exchange_repeated"})

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """The sessions, the loop's clock and the thread that repeats, for as long as the application runs."""
        await anyio.to_thread.run_sync(self._open)
        repeating = threading.Thread(target=self._repeat, name="deliver", daemon=True)
        repeating.start()
        turning = asyncio.create_task(self._turn())
        try:
            yield
        finally:
            self._stop.set()
            turning.cancel()
            with suppress(asyncio.CancelledError):
                await turning
            self.pool.close()

    def _open(self) -> None:
        self.pool.open(wait=True, timeout=10.0)
        with self.pool.connection() as session:
            require_schema(session)

    def _repeat(self) -> None:
        while not self._stop.is_set():
            self.repeat()
            self._stop.wait(self.settings.exchange_tick)

    async def _turn(self) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = self.settings.exchange_threads
        while True:
            self.turned = time.monotonic()
            await asyncio.sleep(1.0)


class _AddressBudget:
    """ASGI middleware: nothing of a request beyond the budget of its address is read; health is not counted."""

    def __init__(self, app: ASGIApp, refused: Callable[[Scope], Problem | None]) -> None:
        self._app, self._refused = app, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/health/"):
            problem = self._refused(scope)
            if problem is not None:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def create_app(process: ExchangeProcess) -> Starlette:
    """The application: PINT below ``/v3``, the register of control below ``/register/v1``, and health."""
    settings = process.settings

    async def health(request: Request) -> Response:
        check = (lambda: live(process)) if request.url.path.endswith("live") else process.ready
        found = await anyio.to_thread.run_sync(check)
        return JSONResponse({"ok": found.ok, **found.details}, 200 if found.ok else 503)

    app = Starlette(
        routes=[
            *routes(process.receiver),
            Route("/health/live", health),
            Route("/health/ready", health),
        ],
        middleware=[
            Middleware(
                Edge,
                names=OwnNames((settings.exchange_url, *settings.exchange_aliases)),
                metrics=process.metrics,
                body_limit=MOST_BODY,
            ),
            Middleware(_AddressBudget, refused=process.refused),
        ],
        lifespan=process.lifespan,
    )
    app.state.context = process
    return app


def serve(settings: ExchangeSettings, running: Exchange) -> None:
    """Serve until SIGINT or SIGTERM; requests that have come are answered before."""
    process = ExchangeProcess(settings, running)
    if settings.metrics_port is not None:
        HealthServer(
            process.metrics.instruments.registry,
            lambda: live(process),
            process.ready,
            settings.metrics_host,
            settings.metrics_port,
        ).start()
    key = settings.exchange_certificate_key
    uvicorn.run(
        create_app(process),
        host=settings.exchange_host,
        port=settings.exchange_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        http=BoundedProtocol,
        ws="none",
        loop="services.api.connections:Loop",
        timeout_graceful_shutdown=10,
        ssl_certfile=None if settings.exchange_certificate is None else str(settings.exchange_certificate),
        ssl_keyfile=None if key is None else str(key),
    )
