"""The HTTP API of a platform on this machine: its keys prepared, its process started and awaited; and clients of it for registered parties."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psycopg
from joserfc.jwk import ECKey

from schemas.events.base import Role
from services.api.auth import clients
from services.api.auth.tokens.key_file import read_or_create
from services.api.client import ApiAuth
from services.api.sandbox.table import NETWORKS, PARTY
from services.financing.store.keys import make_keys, prepare
from services.ledger.registry import store
from services.ledger.registry.events import PartyAdded
from services.ledger.storage.session import open_session
from services.processors.supervisor import Supervisor
from services.runtime.ports import LOOPBACK, free_port, listening
from services.testbed.localstack.platform import Platform, RunningPlatform, addresses, register
from services.testbed.localstack.process import StackError

PORT = 8443
"""The API's port by default."""
_PATIENCE = 60.0
_ENDS_TOO_OFTEN = 3


class LocalServer:
    """A process of the platform that answers HTTP on this machine: started, awaited and ended. ``logs`` takes its output.

    It listens on ``port``, on a free one where that is taken or 0.
    """

    def __init__(self, logs: Path, port: int) -> None:
        self._logs = logs
        self._port = port if port and not listening(port) else free_port()
        self._process: Supervisor | None = None

    @property
    def url(self) -> str:
        """How callers reach it."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        """The process, while it runs; where several answer they are children of it. Raises StackError."""
        running = {} if self._process is None else self._process.pids()
        if not running:
            raise StackError("the server does not run now", f"see {self._logs / 'worker-0.log'}")
        return running[0]

    def _start(self, module: str, failure: str, environment: Mapping[str, str], *arguments: str) -> None:
        """Start ``module``, and wait until it answers and its database does. Raises StackError, with ``failure``."""
        command = (sys.executable, "-m", module, *arguments)
        self._process = Supervisor(environment, workers=1, logs=self._logs, command=command)
        self._process.start()
        try:
            until = time.monotonic() + _PATIENCE
            while not ready(self.url):
                if self._process.restarts >= _ENDS_TOO_OFTEN or time.monotonic() > until:
                    raise StackError(failure, f"see {self._logs / 'worker-0.log'}")
                time.sleep(0.1)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


class LocalApi(LocalServer):
    """A context manager over one API process, which also grants tokens and answers events that ask for a decision.

    ``folder`` holds its keys: of decisions (made and registered where missing), of tokens, of webhooks. ``logs`` takes its
    output. It listens on ``port`` of this machine, on a free one where that is taken or 0. ``environment`` is added to that
    of the process.
    """

    KEYS = "financing-keys.json"
    """The file of the platform's own keys, in ``folder``."""

    def __init__(
        self,
        platform: Platform | RunningPlatform,
        folder: Path,
        logs: Path,
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(logs, port)
        self._platform, self._folder = platform, folder.absolute()
        self._environment = dict(environment or {})

    @property
    def keys(self) -> Path:
        """The file of the platform's own keys, there once it has started."""
        return self._folder / self.KEYS

    def __enter__(self) -> Self:
        """Start it, and wait until it answers and its database does. Raises StackError, KeysMissing, KeyMissing."""
        held = make_keys(self.keys)
        with open_session(self._platform.stack.dsn, "lianyun-prepare") as session:
            prepare(session, held, self._platform.network, time.time_ns() // 1_000, "platform")
            session.commit()
        environment = {
            **addresses(self._platform),
            "LIANYUN_API_HOST": LOOPBACK,
            "LIANYUN_API_PORT": str(self._port),
            "LIANYUN_API_URL": "",  # its loopback names: 127.0.0.1 and localhost are both right here
            "LIANYUN_API_ALIASES": "",
            "LIANYUN_API_WORKERS": "1",
            "LIANYUN_FINANCING_KEYS": str(self.keys),
            "LIANYUN_API_AUTHORITY_KEY": str(self._folder / "api-authority.json"),
            "LIANYUN_WEBHOOK_KEY_FILE": str(self._folder / "webhook.key"),
            **self._environment,
        }
        self._start("services.api", "the API does not start", environment)
        return self


def ready(url: str) -> bool:
    """Whether the API at ``url`` answers, and its database does; blocks for at most 3 s."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=3.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


BY = "platform"
SANDBOX = PartyAdded(
    code=PARTY,
    name="Sandbox",
    roles=frozenset({Role.BANK, Role.SHIPPER, Role.OPERATOR}),
    sources=frozenset({f"urn:cre:{PARTY}"}),
)
"""The tenant that can be made to meet every answer."""


def admit(dsn: str, party: str, key: ECKey) -> None:
    """Register a client named as the registered ``party``, with ``key``; a further key where the client is there already.

    Raises clients.ClientError for a client of that name that is another party's or revoked.
    """
    with psycopg.connect(dsn) as session:
        known = store.load(session).party(party)
        if known is None:
            raise clients.ClientError(f"no party {party!r} is registered")
        now, public = time.time_ns() // 1_000, key.as_dict(private=False)
        there = next((each for each in clients.listed(session) if each.id == party), None)
        if there is None:
            clients.add_client(session, party, known, jwk=public, at=now, by=BY)
        elif there.party != party or there.revoked is not None:
            raise clients.ClientError(f"client {party!r} is another party's, or revoked")
        elif key.thumbprint() not in there.keys:
            clients.add_key(session, party, public, at=now, by=BY)


def sandbox(dsn: str, network: str, folder: Path) -> Path | None:
    """The key file of the sandbox tenant's client, both registered; None in a network that has no such tenant, and where
    that name was given to another client or taken from it.
    """
    if network not in NETWORKS:
        return None
    register(dsn, [(SANDBOX, ())])
    path = folder / f"{PARTY}.jwk"
    try:
        admit(dsn, PARTY, read_or_create(path))
    except clients.ClientError:
        return None
    return path


class Callers:
    """A context manager over HTTP clients of the API at ``url``, each for one registered party; ``folder`` keeps their keys."""

    def __init__(self, dsn: str, url: str, folder: Path) -> None:
        self._dsn, self._url, self._folder = dsn, url, folder
        self._clients: dict[str, httpx.Client] = {}

    def key_file(self, party: str) -> Path:
        """The file with the key of the client that acts for ``party``."""
        return self._folder / f"{party}.jwk"

    def of(self, party: str) -> httpx.Client:
        """The client that acts for ``party``; registered on first use. Raises clients.ClientError."""
        if party not in self._clients:
            key = read_or_create(self.key_file(party))
            admit(self._dsn, party, key)
            auth = ApiAuth(party, key, self._url)
            self._clients[party] = httpx.Client(base_url=self._url, auth=auth, timeout=30)
        return self._clients[party]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()
