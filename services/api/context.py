"""What all requests of one process share: settings, the pool of sessions, the gate, budgets, seals, metrics."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from psycopg import Connection
from psycopg_pool import ConnectionPool

from schemas.signing import Verifier
from services.api import statement
from services.api.auth.gate import Gate
from services.api.auth.keys import KeySource
from services.api.cloudevents.publisher import Publisher
from services.api.connections import Bounds, Connections
from services.api.limits import RateLimit
from services.api.metrics import OTHER, ApiMetrics
from services.api.seal import Seal
from services.api.sessions import LoopSessions
from services.api.settings import ApiSettings
from services.api.targets import OwnNames
from services.ledger.audit_trail.entries import enter
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import configure, session_arguments
from services.processors.topics.declaration import read_declaration
from services.telemetry.tracing import open_spans

APPLICATION = "lianyun-api"
_CLIENTS = 10_000
Session = Connection[Any]
T = TypeVar("T")


class Context:
    """Opens nothing until ``open``; ``close`` gives everything back. For several threads."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        arguments = session_arguments(APPLICATION)
        self.pool: ConnectionPool[Session] = ConnectionPool(
            settings.dsn.get_secret_value(),
            kwargs=arguments,
            min_size=settings.api_threads,
            max_size=settings.api_threads,
            configure=configure,
            reset=_as_opened,
            timeout=5.0,
            open=False,
            name=APPLICATION,
        )
        self.sessions = LoopSessions(settings.dsn.get_secret_value(), arguments, settings.api_sessions)
        self.decision_sessions = LoopSessions(
            settings.dsn.get_secret_value(), arguments, settings.api_decisions
        )
        # A request holds a session from its first to its last statement: as many threads as sessions.
        self._workers = ThreadPoolExecutor(settings.api_threads, "api")
        self.keys = KeySource(settings)
        self.metrics = counted = ApiMetrics()
        counted.instruments.watch_pool(self.pool.get_stats)
        window = settings.api_rate_window
        self.limits = RateLimit(settings.api_rate, window, refused=counted.limited)
        self.tokens_of_client = RateLimit(settings.api_token_rate, window, "client", counted.limited)
        self.tokens_of_address = RateLimit(
            settings.api_token_address_rate, window, "address", lambda _address: counted.limited(OTHER)
        )
        self.unverified = RateLimit(settings.api_refused_rate, window, "unverified", counted.limited)
        self.verifier = Verifier()
        self.spans = open_spans("lianyun-api", os.environ)
        self.seal = Seal(bytes(32))  # until open
        self.connections = Connections(
            settings.api_connections, settings.api_peer_connections, settings.api_proxies
        )
        self.bounds = Bounds(
            settings.api_line_limit,
            settings.api_header_limit,
            settings.api_header_seconds,
            settings.api_body_seconds,
        )
        self.names = OwnNames(settings.api_urls)
        self.gate = Gate(settings, self.names, self.keys, lambda: self.seal)
        self.publisher = Publisher(
            settings.bootstrap, settings.kafka_security(), settings.api_topic or gateway_topic()
        )
        # Waiting for an outcome holds a thread: never so many that nobody else is answered.
        self.waiting = threading.BoundedSemaphore(max(1, settings.api_threads // 2))
        self.turned = time.monotonic()  # when the event loop last came round, about once a second
        self._parties: OrderedDict[str, str] = OrderedDict()
        self._registry: Registry | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Connect; psycopg_pool.PoolTimeout where the database does not answer within 10 s, SchemaMoved where it is not for this release."""
        self.pool.open(wait=True, timeout=10.0)
        with self.pool.connection() as session:
            require_schema(session)
        self.seal = Seal(self.secret("seal"))

    def look(self) -> None:
        """Ask the database one thing; blocks for up to 2 s for a session. Raises psycopg.Error or PoolTimeout where it cannot."""
        with self.pool.connection(timeout=2.0) as session:
            session.execute(statement("look"))

    def close(self) -> None:
        """Give the sessions back; on the event loop whose sessions some of them are."""
        self.publisher.close()
        if self.spans is not None:
            self.spans.close()
        self.sessions.close()
        self.decision_sessions.close()
        self.pool.close()
        self._workers.shutdown()

    async def in_worker(self, work: Callable[..., T], *arguments: object) -> T:
        """What ``work`` returns on a worker thread, or raises there."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, *arguments)

    def secret(self, name: str) -> bytes:
        """32 random bytes under ``name``, the same for every process of this database; made where missing."""
        with self.pool.connection() as session:
            made = {"name": name, "value": secrets.token_bytes(32)}
            if session.execute(statement("make_secret"), made).fetchone() is not None:
                enter(session, "api_secret", name, {"value": made["value"]})
            row = session.execute(statement("secret"), {"name": name}).fetchone()
        assert row is not None
        return bytes(row[0])

    def party_of(self, client: str) -> str | None:
        """The code of the party that ``client`` spoke for when it was last admitted: for which a question may go with the next admission.

        It admits nobody. Whoever asks by it compares it with what the request's own admission says.
        """
        return self._parties.get(client)

    def remember(self, client: str, party: str) -> None:
        """Keep for ``party_of`` that ``client`` was admitted for ``party``."""
        if self._parties.get(client) != party:
            with self._lock:
                self._parties[client] = party
                while len(self._parties) > _CLIENTS:
                    self._parties.popitem(last=False)

    def known_registry(self, version: int) -> Registry | None:
        """The registry at ``version`` or newer, where it was read before."""
        known = self._registry
        return known if known is not None and known.version >= version else None

    def registry(self, session: Session, version: int) -> Registry:
        """The registry at ``version`` or newer: remembered, read again where a request has seen a newer one."""
        known = self.known_registry(version)
        if known is not None:
            return known
        with self._lock:
            if self._registry is None or self._registry.version < version:
                self._registry = store.read_snapshot(session)
            return self._registry


def _as_opened(session: Session) -> None:
    """Whoever gets a session finds it as it was made, whatever the last one did with it."""
    session.autocommit = False


def gateway_topic() -> str:
    """The topic that the gateway alone may write to: the declared one without parties."""
    return next(topic.name for topic in read_declaration().topics if not topic.parties)
