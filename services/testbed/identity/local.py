"""The issuer of a platform on this machine: its process started and awaited."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from services.processors.supervisor import Supervisor
from services.runtime.ports import LOOPBACK, free_port, listening
from services.testbed.localstack.platform import Platform, RunningPlatform, addresses
from services.testbed.localstack.process import StackError

PORT = 8482
CLIENT = "console"
DEMO_NETWORK = "demo"
"""The one network whose parties are made up."""
_PATIENCE = 30.0


class LocalIdentity:
    """A context manager over one issuer process for the pages on ``pages_port`` of this machine."""

    def __init__(
        self, platform: Platform | RunningPlatform, logs: Path, pages_port: int, *, port: int = 0
    ) -> None:
        self._platform, self._logs = platform, logs
        self._pages = [f"http://{name}:{pages_port}" for name in (LOOPBACK, "localhost")]
        self._port = port if port and not listening(port) else free_port()
        self._secret = secrets.token_urlsafe(24)
        self._process: Supervisor | None = None

    @property
    def url(self) -> str:
        """The issuer."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings by which the pages sign in here."""
        return {
            "LIANYUN_SIGNIN_ISSUER": self.url,
            "LIANYUN_SIGNIN_CLIENT": CLIENT,
            "LIANYUN_SIGNIN_CLIENT_SECRET": self._secret,
        }

    def __enter__(self) -> Self:
        """Start it and wait until it answers. Raises StackError."""
        environment = {
            **addresses(self._platform),
            "LIANYUN_IDENTITY_HOST": LOOPBACK,
            "LIANYUN_IDENTITY_PORT": str(self._port),
            "LIANYUN_IDENTITY_CLIENT": CLIENT,
            "LIANYUN_IDENTITY_CLIENT_SECRET": self._secret,
            "LIANYUN_IDENTITY_REDIRECTS": " ".join(self._pages),
        }
        command = (sys.executable, "-m", "services.testbed.identity")
        self._process = Supervisor(environment, workers=1, logs=self._logs, command=command)
        self._process.start()
        until = time.monotonic() + _PATIENCE
        while not _answers(self.url):
            if time.monotonic() > until:
                self.__exit__(None, None, None)
                raise StackError("the issuer does not start", f"see {self._logs / 'worker-0.log'}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/jwks", timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
