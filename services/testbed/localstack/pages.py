"""The pages of a platform on this machine: their process started and awaited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from services.runtime.ports import LOOPBACK
from services.testbed.localstack.api import LocalServer
from services.testbed.localstack.platform import Platform, RunningPlatform, addresses

PORT = 8480
"""The pages' port by default."""


class LocalPages(LocalServer):
    """A context manager over one pages process. ``logs`` takes its output.

    It listens on ``port`` of this machine, on a free one where that is taken or 0. ``environment`` is added to that of the process.
    """

    def __init__(
        self,
        platform: Platform | RunningPlatform,
        logs: Path,
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(logs, port)
        self._platform = platform
        self._environment = dict(environment or {})

    def __enter__(self) -> Self:
        """Start them, and wait until they answer and their database does. Raises StackError."""
        environment = {
            **addresses(self._platform),
            "LIANYUN_PAGES_HOST": LOOPBACK,
            "LIANYUN_PAGES_PORT": str(self._port),
            "LIANYUN_PAGES_URL": "",
            "LIANYUN_PAGES_ALIASES": "",
            "LIANYUN_PAGES_WORKERS": "1",
            **self._environment,
        }
        self._start("services.pages", "the pages do not start", environment)
        return self
