"""A database with the parties of the financing stories, and a receiver on this machine that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from uuid import uuid4

import pytest

from services.ledger.storage.session import Session, open_session
from services.notifications.webhooks.sealed_secrets import Seal, new_key
from services.notifications.webhooks.settings import WebhookSettings
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import register
from tests.support.financing.stories import cases


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A real HTTP server on 127.0.0.1: keeps what it heard, answers 204 or what ``answers`` say next, by path."""

    heard: list[Heard] = field(default_factory=list)
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    always: dict[str, int] = field(default_factory=dict)
    holds: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str = "/hook") -> list[Heard]:
        return [each for each in self.heard if each.path == path]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = cast(Any, self.server).receiver
        body = self.rfile.read(int(self.headers["content-length"]))
        heard = Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        receiver.heard.append(heard)
        if self.path.startswith("/slow"):
            receiver.holds.wait(20)
        queued = receiver.answers.get(self.path)
        status, more = queued.pop(0) if queued else (receiver.always.get(self.path, 204), {})
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver that runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    found = Receiver(port=server.server_address[1])
    cast(Any, server).receiver = found
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.holds.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


@pytest.fixture
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, f"webhooks_{uuid4().hex[:10]}")
    with open_session(address) as session:
        register(session, cases()[0].story)
    return address


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    opened = open_session(dsn, "lianyun-test")
    opened.autocommit = True
    yield opened
    opened.close()


KEY = new_key()


@pytest.fixture
def seal() -> Seal:
    return Seal.from_text(KEY)


@pytest.fixture
def settings(dsn: str) -> WebhookSettings:
    return WebhookSettings.model_validate(
        {
            "dsn": dsn,
            "webhook_keys": KEY,
            "webhook_loopback": True,
            "webhook_tick": 0.05,
            "webhook_timeout": 5.0,
            "webhook_first_pause": 0.01,
            "webhook_longest_pause": 0.05,
            "webhook_attempts": 4,
        }
    )
