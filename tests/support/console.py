"""The pages with an issuer beside them, each a server on a port of its own in a thread of the test; and people who sign in."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import uvicorn
from starlette.applications import Starlette

from services.financing.store.keys import make_keys, prepare
from services.ledger.registry import store
from services.pages.auth.settings import SignInSettings
from services.pages.console import set_up
from services.people.domain.person import Permission, PersonId
from services.people.store import people
from services.runtime.ports import free_port
from services.testbed.identity.issuer import Client, Issuer, ListedPerson
from tests.support.pages import RunningPages

SHIFT = (Permission.BOARD, Permission.CASES, Permission.CASES_ACT)
SECRET = "a secret: with %+&= in it"
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
LAST = re.compile(r'name="last" value="(\d+)"')


class Served:
    """An application on a free port of this machine, for a block."""

    def __init__(self, port: int, app: Starlette) -> None:
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        end = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)


@dataclass
class RunningConsole:
    """A context manager: pages at ``url`` over the database ``dsn``, where anybody that ``listed`` holds may sign in at ``issuer``.

    ``owner`` is the address of the same database for whoever registers people, where the pages' own role may not.
    """

    dsn: str
    folder: Path
    given: dict[str, Any] = field(default_factory=dict)
    sign_in: dict[str, Any] = field(default_factory=dict)
    listed: list[ListedPerson] = field(default_factory=list)
    owner: str = ""
    _browsers: dict[str, httpx.Client] = field(default_factory=dict)

    def __enter__(self) -> Self:
        port = free_port()
        self.pages = RunningPages(self.dsn, self.given)
        self.url = self.pages.url
        uris = frozenset({f"{self.url}/sign-in/callback"}), frozenset({f"{self.url}/signed-out"})
        self.issuer = Issuer(
            f"http://127.0.0.1:{port}", Client("console", SECRET, *uris), lambda: self.listed
        )
        keys = self.folder / "console-keys.json"
        with psycopg.connect(self.owner or self.dsn) as session:
            prepare(session, make_keys(keys), "demo", time.time_ns() // 1_000, "test")
        settings: dict[str, Any] = {
            "dsn": self.dsn, "network": "demo", "signin_issuer": self.issuer.url, "signin_client": "console",
            "signin_client_secret": SECRET, "financing_keys": keys, "signin_rate": 10_000, **self.sign_in,
        }  # fmt: skip
        set_up(self.pages.context, SignInSettings(**settings))
        self._stack = ExitStack()
        self._stack.enter_context(Served(port, self.issuer.application()))
        self._stack.enter_context(self.pages)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def person(
        self,
        party: str,
        subject: str,
        teams: Iterable[str] = (),
        may: Iterable[Permission] = SHIFT,
        name: str = "",
        since: int | None = None,
    ) -> PersonId:
        """Register a person of a registered party, and put it into the issuer's list."""
        with psycopg.connect(self.owner or self.dsn) as session:
            known = store.load(session).party(party)
            assert known is not None
            at = time.time_ns() // 1_000 - 60_000_000 if since is None else since
            shown = name or subject
            made = people.add(session, known, self.issuer.url, subject, shown, teams, may, at=at, by="test")
        self.listed.append(ListedPerson(subject, shown, party, " ".join(teams)))
        return made

    def browser(self) -> httpx.Client:
        """A browser in which nobody has signed in."""
        return httpx.Client(base_url=self.url, headers={"accept-language": "en"}, timeout=30)

    def signed_in(self, subject: str, return_to: str = "/console") -> httpx.Client:
        """A browser in which the person has signed in by the issuer's page."""
        browser = self.browser()
        answer = self.finish(browser, self.choose(self.begin(browser, return_to), subject))
        assert (answer.status_code, answer.headers.get("location")) == (303, return_to), answer.text
        return browser

    def looking(self, subject: str) -> httpx.Client:
        """A browser in which the person has signed in, the same one each time."""
        if subject not in self._browsers:
            self._browsers[subject] = self.signed_in(subject)
        return self._browsers[subject]

    def begin(self, browser: httpx.Client, return_to: str = "/console") -> str:
        """Where the browser is sent to sign in."""
        answer = browser.get("/sign-in", params={"return": return_to})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def choose(self, where: str, subject: str) -> str:
        """Where the issuer sends the browser after ``subject`` was chosen."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}
        answer = httpx.post(f"{self.issuer.url}/authorize", data={**asked, "subject": subject})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def finish(self, browser: httpx.Client, where: str) -> httpx.Response:
        """Go back to the pages."""
        assert where.startswith(self.url)
        return browser.get(where)


def post(
    browser: httpx.Client, path: str, form: Mapping[str, str], page: str = "", **headers: str
) -> httpx.Response:
    """Post a form as the page at ``page`` (``path`` by default) holds it, with its token and the step that it was drawn after."""
    shown = browser.get(page or "/console/account").text
    token, last = TOKEN.search(shown), LAST.search(shown)
    assert token is not None, shown
    hidden = {"form_token": token[1], **({"last": last[1]} if last else {})}
    return browser.post(path, data={**hidden, **form}, headers={"sec-fetch-site": "same-origin", **headers})
