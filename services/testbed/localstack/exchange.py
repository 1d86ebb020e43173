"""The exchange of documents of a platform on this machine: its process started and awaited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from services.runtime.ports import LOOPBACK
from services.testbed.localstack.api import LocalServer
from services.testbed.localstack.platform import Platform, RunningPlatform, addresses

PORT = 8495
"""Its port by default."""


class LocalExchange(LocalServer):
    """A context manager over one process that answers other platforms, with its own key in ``folder``. ``logs`` takes its output.

    ``keys`` is the file of the platform's own keys, which has to be there. It listens on ``port`` of this machine, on a free one where that
    is taken or 0. ``environment`` is added to that of the process.
    """

    KEY = "exchange-key.json"
    """The file of its own key, in ``folder``."""

    def __init__(
        self,
        platform: Platform | RunningPlatform,
        keys: Path,
        folder: Path,
        logs: Path,
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(logs, port)
        self._platform, self._keys, self._folder = platform, keys, folder.absolute()
        self._environment = dict(environment or {})

    def __enter__(self) -> Self:
        """Start it, and wait until it answers and its database does. Raises StackError."""
        environment = {
            **addresses(self._platform),
            "LIANYUN_EXCHANGE_HOST": LOOPBACK,
            "LIANYUN_EXCHANGE_PORT": str(self._port),
            "LIANYUN_EXCHANGE_URL": self.url,
            "LIANYUN_EXCHANGE_ALIASES": f"http://localhost:{self._port}",
            "LIANYUN_EXCHANGE_KEY": str(self._folder / self.KEY),
            "LIANYUN_FINANCING_KEYS": str(self._keys),
            **self._environment,
        }
        self._start("services.cli", "the exchange does not start", environment, "exchange", "serve")
        return self
