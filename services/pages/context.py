"""What all requests of one pages process share: settings, sessions, registry, templates, budgets, metrics."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

from psycopg import Connection
from psycopg_pool import ConnectionPool
from starlette.requests import Request
from starlette.responses import Response

from services.api.connections import Bounds, Connections
from services.api.limits import RateLimit, address_of
from services.api.targets import OwnNames
from services.arrival.store.reader import LegHistory
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import configure, session_arguments
from services.pages import statement
from services.pages.border_records import SharedRecords
from services.pages.cache import StateCache
from services.pages.errors import PageError
from services.pages.languages import negotiate
from services.pages.localization import Localization, localizations
from services.pages.metrics import PagesMetrics
from services.pages.rendering import Part, Templates, request_values, static_files
from services.pages.settings import PagesSettings
from services.pages.statistics.published import SharedPublished
from services.pages.viewer import Viewer
from services.query.published.day_counts import DayCounts
from services.query.view_cache import BatchCount, StateMark, ViewCache

APPLICATION = "lianyun-pages"
Session = Connection[Any]
Identify = Callable[[Session, Request, int], Viewer | None]
T = TypeVar("T")


def nobody(_session: Session, _request: Request, _now: int) -> Viewer | None:
    """Who looks where no way to sign in is set up."""
    return None


class PageBudget:
    """So many requests in a window of seconds for each name (an address, a link), of this process. For several threads."""

    def __init__(self, quota: int, window: int, metrics: PagesMetrics) -> None:
        self._limit, self._metrics = RateLimit(quota, window), metrics

    def require(self, name: str, *, count: bool = True) -> None:
        """Count one request of ``name``, or only look; PageError 429 beyond the budget."""
        budget = (self._limit.take if count else self._limit.look)(name, time.monotonic())
        if not budget.allowed:
            self._metrics.limited()
            raise PageError(429, {"retry-after": budget.headers["retry-after"]})


class Begun(NamedTuple):
    """What a request finds at its start: the registry, the database's clock (UTC microseconds), and what identifies what is stored.

    ``state`` is None where it is not known; ``legs`` identifies what forecasts have learned, None before anything was.
    """

    registry: Registry
    now: int
    state: StateMark | None
    legs: str | None


class PageContext:
    """Opens nothing until ``open``; ``close`` gives everything back. For several threads.

    ``identify`` finds the viewer of a request in its transaction; ``sign_in`` is the path of the page where one signs in, "" where
    there is none. Both are set before the application starts.
    """

    def __init__(self, settings: PagesSettings) -> None:
        self.settings = settings
        self.pool: ConnectionPool[Session] = ConnectionPool(
            settings.dsn.get_secret_value(),
            kwargs=session_arguments(APPLICATION),
            min_size=settings.pages_threads,
            max_size=settings.pages_threads,
            configure=configure,
            timeout=5.0,
            open=False,
            name=APPLICATION,
        )
        self._workers = ThreadPoolExecutor(settings.pages_threads, "pages")
        self.identify: Identify = nobody
        self.sign_in = ""
        self.console: object = None  # what ``services.pages.console.set_up`` puts here
        self.border_records = SharedRecords()
        self.statistics = SharedPublished()
        self.views = ViewCache()
        self.films: StateCache[Hashable, Any] = StateCache(16)
        self.groups: StateCache[str, list[bytes]] = StateCache(10_000)
        self.histories: StateCache[Hashable, LegHistory] = StateCache(64)
        self.counts = DayCounts()
        self._batches = BatchCount(0)
        self.names = OwnNames(settings.pages_urls)
        self.secure = self.names.issuer.startswith("https://")
        self.bounds = Bounds(
            settings.pages_line_limit,
            settings.pages_header_limit,
            settings.pages_header_seconds,
            settings.pages_body_seconds,
        )
        self.connections = Connections(
            settings.pages_connections, settings.pages_peer_connections, settings.pages_proxies
        )
        self.metrics = PagesMetrics()
        self.metrics.instruments.watch_pool(self.pool.get_stats)
        self.requests = PageBudget(settings.pages_rate, settings.pages_rate_window, self.metrics)
        self.guesses = PageBudget(settings.pages_guess_rate, settings.pages_rate_window, self.metrics)
        self.openings = PageBudget(settings.pages_link_rate, settings.pages_rate_window, self.metrics)
        self.release = version("lianyun")
        self.static = static_files()
        self._l10n = localizations()
        self._templates = {code: Templates(l10n, self.static) for code, l10n in self._l10n.items()}
        self.turned = time.monotonic()  # when the event loop last came round, about once a second
        self._registry: Registry | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Connect; psycopg_pool.PoolTimeout where the database does not answer within 10 s, SchemaMoved where it is not for this release."""
        self.pool.open(wait=True, timeout=10.0)
        with self.pool.connection() as session:
            require_schema(session)
            ((horizon,),) = session.execute(statement("horizon")).fetchall()
            self._batches = BatchCount(horizon)

    def look(self) -> None:
        """Ask the database one thing; blocks for up to 2 s for a session. Raises psycopg.Error or PoolTimeout where it cannot."""
        with self.pool.connection(timeout=2.0) as session:
            session.execute(statement("look"))

    def close(self) -> None:
        """Give the sessions back."""
        self.pool.close()
        self._workers.shutdown()

    async def in_worker(self, work: Callable[..., T], *arguments: object) -> T:
        """What ``work`` returns on a worker thread, or raises there."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, *arguments)

    def begin(self, session: Session) -> Begun:
        """The start of a request in its transaction; one statement."""
        since = self._batches.since
        ((version, now, generation, behind, horizon, before, notes, last, legs, server),) = session.execute(
            statement("begin_request"), {"since": str(since)}
        ).fetchall()
        registry = self.registry(session, version)
        total = self._batches.total(since, behind, horizon, before)
        state = None if total is None else StateMark(server, version, generation, total, notes, last)
        return Begun(registry, now, state, legs)

    def registry(self, session: Session, version: int) -> Registry:
        """The registry at ``version`` or newer: remembered, read again where a request has seen a newer one."""
        known = self._registry
        if known is not None and known.version >= version:
            return known
        with self._lock:
            if self._registry is None or self._registry.version < version:
                self._registry = store.read_snapshot(session)
            return self._registry

    def address(self, request: Request) -> str:
        """The address that a request counts for."""
        return address_of(request, self.settings.pages_proxies)

    def l10n(self, request: Request) -> Localization:
        """The language in which ``request`` is answered."""
        code = negotiate(
            request.query_params.get("lang", ""),
            request.cookies.get("lang", ""),
            request.headers.get("accept-language", ""),
        )
        return self._l10n[code]

    def render(
        self,
        request: Request,
        l10n: Localization,
        template: str,
        values: Mapping[str, Any],
        viewer: Viewer | None,
    ) -> bytes:
        """The page of ``template`` in that language."""
        common = request_values(request, viewer, self.sign_in)
        return self._templates[l10n.code].render(template, {**common, **values})

    def part(self, l10n: Localization, template: str, values: Mapping[str, Any]) -> Part:
        """The part of a page of ``template`` in that language, which names nothing of the request."""
        return self._templates[l10n.code].part(template, values)

    def error_page(self, request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """The page of an error; its text is that of the status, and it tells nothing of what was asked."""
        values = {"status": status, "request_id": request.state.id}
        raw = self.render(request, self.l10n(request), "error.html", values, None)
        own = {"cache-control": "no-store", "x-robots-tag": "noindex", **(headers or {})}
        return Response(raw, status, own, "text/html; charset=utf-8")
