"""The pages of a platform on this machine: their process started and awaited."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from services.processors.supervisor import Supervisor
from services.runtime.ports import LOOPBACK, free_port, listening
from services.testbed.localstack.api import ready
from services.testbed.localstack.platform import Platform, RunningPlatform, addresses
from services.testbed.localstack.process import StackError

PORT = 8480
"""The pages' port by default."""
_PATIENCE = 60.0
_ENDS_TOO_OFTEN = 3


class LocalPages:
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
        self._platform, self._logs = platform, logs
        self._environment = dict(environment or {})
        self._port = port if port and not listening(port) else free_port()
        self._process: Supervisor | None = None

    @property
    def url(self) -> str:
        """How browsers reach them."""
        return f"http://{LOOPBACK}:{self._port}"

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
        command = (sys.executable, "-m", "services.pages")
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
                raise StackError("the pages do not start", f"see {self._logs / 'worker-0.log'}")
            time.sleep(0.1)
