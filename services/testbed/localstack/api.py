"""The HTTP API of a platform on this machine: its desk prepared, its process started, and back when it answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from services.financing.store.keys import make_keys, prepare
from services.ledger.storage.session import open_session
from services.processors.supervisor import Supervisor
from services.runtime.ports import LOOPBACK, free_port, listening
from services.testbed.localstack.errors import StackError
from services.testbed.localstack.platform import Platform, RunningPlatform, addresses

PORT = 8443
"""Where the API is looked for where nothing else is said."""
_PATIENCE = 60.0
_ENDS_TOO_OFTEN = 3


class LocalApi:
    """A context manager over one API process, which also grants tokens and answers events that ask for a decision.

    ``folder`` keeps its keys: of the desk (made and registered where missing), of tokens, of webhooks. ``logs`` takes what
    it says. It listens on ``port`` of this machine, on a free one where that is taken or 0. ``environment`` is added to that
    of the process.
    """

    def __init__(
        self,
        platform: Platform | RunningPlatform,
        folder: Path,
        logs: Path,
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._platform, self._folder, self._logs = platform, folder.absolute(), logs
        self._environment = dict(environment or {})
        self._port = port if port and not listening(port) else free_port()
        self._process: Supervisor | None = None

    @property
    def url(self) -> str:
        """How callers reach it."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def keys(self) -> Path:
        """The file of the platform's own keys, there once it has started."""
        return self._folder / "financing-keys.json"

    @property
    def pid(self) -> int:
        """Its process, while it runs; with LIANYUN_API_WORKERS above 1 those that answer are children of it."""
        running = {} if self._process is None else self._process.pids()
        if not running:
            raise StackError("the API does not run now", f"see {self._logs / 'worker-0.log'}")
        return running[0]

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
        command = (sys.executable, "-m", "services.api")
        self._process = Supervisor(environment, workers=1, logs=self._logs, command=command)
        self._process.start()
        try:
            self._wait(self._process)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _wait(self, process: Supervisor) -> None:
        until = time.monotonic() + _PATIENCE
        while not ready(self.url):
            if process.restarts >= _ENDS_TOO_OFTEN or time.monotonic() > until:
                raise StackError("the API does not start", f"see {self._logs / 'worker-0.log'}")
            time.sleep(0.1)


def ready(url: str) -> bool:
    """Whether the API at ``url`` answers, and its database does; blocks for at most 3 s."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=3.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
