"""The API as a server on a port of its own, in a thread of the test, with callers for registered parties."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import uvicorn
from joserfc.jwk import ECKey

from services.api.app import create_app
from services.api.auth.clients import add_client
from services.api.auth.permissions import Scope
from services.api.client import ApiAuth
from services.api.context import Context
from services.api.serving import options
from services.api.settings import ApiSettings
from services.ledger.registry import store
from services.ledger.storage.session import open_session
from services.runtime.ports import free_port
from tests.support.api.published import require_published
from tests.support.financing.stored_world import PLATFORM, SIGNER
from tests.support.financing.world import KEY

FINANCING_KEYS = {
    "source": SIGNER.source,
    "seed": PLATFORM.seed.hex(),
    "salt_secret": SIGNER.salt_secret.hex(),
    "registry_keys": [KEY.hex()],
}
"""The keys by which the stories' decisions are taken."""


def now() -> int:
    """UTC microseconds."""
    return time.time_ns() // 1_000


@dataclass
class RunningApi:
    """A context manager: ``url``, ``dsn``, and callers by party code. Further settings by keyword, as ApiSettings names them."""

    dsn: str
    folder: Path
    told: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"{'https' if 'api_certificate' in self.told else 'http'}://127.0.0.1:{self.port}"
        keys = self.folder / "financing-keys.json"
        keys.write_text(json.dumps(FINANCING_KEYS))
        given = {
            "dsn": self.dsn,
            "financing_keys": keys,
            "api_port": self.port,
            "api_authority_key": self.folder / "authority.json",
            "webhook_key_file": self.folder / "webhook.key",
            "api_threads": 4,
            "api_rate": 1_000_000,
            "api_token_rate": 1_000_000,
            "api_token_address_rate": 1_000_000,
            **self.told,
        }
        self.settings = ApiSettings(**given)
        self.context = Context(self.settings)
        self.app = create_app(self.context)
        self._keys: dict[str, ECKey] = {}
        self._clients: dict[tuple[str, str], httpx.Client] = {}

    def __enter__(self) -> RunningApi:
        self._server = uvicorn.Server(uvicorn.Config(self.app, **options(self.settings)))
        self._thread = threading.Thread(target=self._server.run, name="api", daemon=True)
        self._thread.start()
        end = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive(), "the API did not start"
            assert time.monotonic() < end, "the API does not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.close()
        self._server.should_exit = True
        self._thread.join(20)

    def key(self, client: str) -> ECKey:
        """The private key of a client of that id."""
        return self._keys.setdefault(client, ECKey.generate_key("P-256"))

    def register(
        self,
        client: str,
        party: str,
        *,
        scopes: tuple[str, ...] = tuple(Scope),
        purposes: tuple[str, ...] = (),
    ) -> None:
        """Register a client of a registered party."""
        with open_session(self.dsn, "lianyun-test") as session:
            found = store.read_snapshot(session).party(party)
            assert found is not None, party
            public = self.key(client).as_dict(private=False)
            add_client(
                session, client, found, jwk=public, at=now(), by="test", scopes=scopes, purposes=purposes
            )

    def auth(self, client: str, scope: str = "") -> ApiAuth:
        """What authenticates as that client."""
        return ApiAuth(client, self.key(client), self.url, scope=scope)

    def client(self, party: str, scope: str = "", *, purposes: tuple[str, ...] = ()) -> httpx.Client:
        """An HTTP client that acts for ``party`` with all scopes (or ``scope``); registered on first use, kept for the run.

        Every answer that it gets is held against the published description.
        """
        name = party if not purposes else f"{party}.{'-'.join(purposes).lower()}"
        if (name, scope) not in self._clients:
            if name not in self._keys:
                self.register(name, party, purposes=purposes)
            self._clients[name, scope] = httpx.Client(
                base_url=self.url,
                auth=self.auth(name, scope),
                timeout=30,
                event_hooks={"response": [require_published]},
            )
        return self._clients[name, scope]

    def anonymous(self) -> httpx.Client:
        """An HTTP client that proves nothing."""
        return httpx.Client(base_url=self.url, timeout=30)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of the database."""
        with psycopg.connect(self.dsn) as session:
            return session.execute(query.encode(), parameters).fetchall()
