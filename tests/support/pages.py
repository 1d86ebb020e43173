"""The pages as a server on a port of its own, in a thread of the test; a header says for which party somebody looks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.requests import Request

from services.api.auth.gate import Caller
from services.pages.app import create_app
from services.pages.context import PageContext, Session
from services.pages.serving import options
from services.pages.settings import PagesSettings
from services.pages.viewer import Viewer
from services.runtime.ports import free_port

PARTY = "x-test-party"
"""The header by which a test looks as a party: what signing in would say."""


def by_header(_session: Session, request: Request, _now: int) -> Viewer | None:
    """Whoever the header names."""
    party = request.headers.get(PARTY)
    return None if party is None else Viewer(party, Caller("test", frozenset(), "", ""), person="Test")


@dataclass
class RunningPages:
    """A context manager: ``url`` and ``context``. Further settings by keyword, as PagesSettings names them."""

    dsn: str
    given: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {"dsn": self.dsn, "pages_port": self.port, "pages_threads": 4, "pages_rate": 1_000_000}
        self.settings = PagesSettings(**{**settings, **self.given})
        self.context = PageContext(self.settings)
        self.context.identify = by_header
        self.app = create_app(self.context)

    def __enter__(self) -> RunningPages:
        self._server = uvicorn.Server(uvicorn.Config(self.app, **options(self.settings)))
        self._thread = threading.Thread(target=self._server.run, name="pages", daemon=True)
        self._thread.start()
        end = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive(), "the pages did not start"
            assert time.monotonic() < end, "the pages do not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def browser(self, party: str = "", language: str = "en") -> httpx.Client:
        """A client as a browser of that language, for ``party`` ("": nobody signed in)."""
        headers = {"accept-language": language, **({PARTY: party} if party else {})}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)
