"""Signing in by a real Keycloak: with a secret and with a private key, signing out there and here, and its back channel."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr

from schemas.events.base import Role
from services.api.auth.tokens.key_file import read_or_create
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.pages.auth.sessions import digest
from services.pages.auth.settings import SignInSettings
from services.pages.console import set_up
from services.people.store import people
from services.runtime.ports import free_port
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.console import SHIFT, post
from tests.support.databases import migrated_database
from tests.support.keycloak import PASSWORD, RunningKeycloak
from tests.support.pages import RunningPages

pytestmark = [pytest.mark.integration, pytest.mark.long]
SUBJECT = "0b6c9a52-3d0e-4a1e-9d55-8f6a1c0f3a11"
SECRET = "a secret: with %+&= in it"


def client(id_: str, port: int, attributes: dict[str, str], **more: str) -> dict[str, Any]:
    """A client of the pages at ``port``."""
    pages = f"http://127.0.0.1:{port}"
    return {
        "clientId": id_,
        "protocol": "openid-connect",
        "publicClient": False,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": False,
        "redirectUris": [f"{pages}/sign-in/callback"],
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "post.logout.redirect.uris": f"{pages}/signed-out",
            "backchannel.logout.url": f"{pages}/sign-in/ended",
            "backchannel.logout.session.required": "true",
            **attributes,
        },
        **more,
    }


def realm(ports: dict[str, int], key: ECKey) -> dict[str, Any]:
    """A realm with one user and two clients, one for each way to prove itself."""
    public = {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
    by_key = {
        "use.jwks.string": "true",
        "jwks.string": json.dumps({"keys": [public]}),
        "token.endpoint.auth.signing.alg": "ES256",
    }
    return {
        "realm": "lianyun",
        "enabled": True,
        "sslRequired": "none",
        "clients": [
            client("console", ports["secret"], {}, secret=SECRET),
            client("console-key", ports["key"], by_key, clientAuthenticatorType="client-jwt"),
        ],
        "users": [
            {
                "id": SUBJECT, "username": "aigerim", "enabled": True, "emailVerified": True, "email": "a@example.com",
                "firstName": "A", "lastName": "B", "credentials": [{"type": "password", "value": PASSWORD}],
            }
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {"secret": free_port(), "key": free_port()}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key") / "console.jwk"


@pytest.fixture(scope="module")
def keycloak(
    ports: dict[str, int], key_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningKeycloak]:
    content = realm(ports, read_or_create(key_file))
    with RunningKeycloak(tmp_path_factory.mktemp("keycloak"), content) as running:
        yield running


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress, keycloak: RunningKeycloak) -> str:
    made = migrated_database(postgres, "keycloak")
    with psycopg.connect(made) as session:
        party = PartyAdded(
            code="ktz", name="KTZ", roles=frozenset({Role.RAILWAY}), sources=frozenset({"urn:x:ktz"})
        )
        commands.add_party(session, party, at=0, by="test")
        ktz = store.load(session).party("ktz")
        assert ktz is not None
        people.add(session, ktz, keycloak.issuer, SUBJECT, "Айгерім", ["dostyk"], SHIFT, at=1, by="test")
    return made


@pytest.fixture(scope="module", params=["secret", "key"])
def pages(
    request: pytest.FixtureRequest, dsn: str, ports: dict[str, int], keycloak: RunningKeycloak, key_file: Path
) -> Iterator[RunningPages]:
    proof: dict[str, Any] = (
        {"signin_client": "console", "signin_client_secret": SecretStr(SECRET)}
        if request.param == "secret"
        else {"signin_client": "console-key", "signin_client_key": key_file}
    )
    running = RunningPages(dsn, {"pages_port": ports[request.param]})
    running.url = f"http://127.0.0.1:{ports[request.param]}"
    settings = SignInSettings(dsn=SecretStr(dsn), signin_issuer=keycloak.issuer, **proof)
    set_up(running.context, settings)
    with running:
        yield running


class Browser:
    """Two clients, as cookies of the two ports would mix in one."""

    def __init__(self, pages: str) -> None:
        self.here = httpx.Client(base_url=pages, headers={"accept-language": "en"}, timeout=60)
        self.there = httpx.Client(timeout=60, event_hooks={"response": [self._trust_loopback]})

    def _trust_loopback(self, response: httpx.Response) -> None:
        """Browsers send Secure cookies to a loopback address without TLS, as Keycloak expects; httpx does not."""
        self.there.cookies.extract_cookies(response)
        for cookie in self.there.cookies.jar:
            cookie.secure = False

    def sign_in(self) -> httpx.Response:
        where = self.here.get("/sign-in", params={"return": "/console/account"}).headers["location"]
        answer = self.there.get(where)
        form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        if answer.status_code == 200 and form is not None:
            fields = {"username": "aigerim", "password": PASSWORD, "credentialId": ""}
            answer = self.there.post(html.unescape(form[1]), data=fields)
        assert answer.status_code in (302, 303), answer.text[:2_000]
        return self.here.get(answer.headers["location"])


def test_a_person_signs_in_and_out_by_keycloak(pages: RunningPages, keycloak: RunningKeycloak) -> None:
    browser = Browser(pages.url)
    done = browser.sign_in()
    assert (done.status_code, done.headers.get("location")) == (303, "/console/account"), done.text
    page = browser.here.get("/console/account").text
    assert "Айгерім" in page
    assert keycloak.issuer in page
    answer = post(browser.here, "/sign-out", {})
    where = answer.headers["refresh"].removeprefix("0; url=")
    ended = browser.there.get(where)
    assert (ended.status_code, ended.headers.get("location")) == (302, f"{pages.url}/signed-out")
    assert browser.here.get("/console").status_code == 401
    again = browser.there.get(browser.here.get("/sign-in").headers["location"])
    assert 'name="password"' in again.text, "the session at the issuer has ended too"


def test_a_session_that_ends_at_keycloak_ends_here(pages: RunningPages) -> None:
    first, second = Browser(pages.url), Browser(pages.url)
    for browser in (first, second):
        assert browser.sign_in().status_code == 303
        assert browser.here.get("/console").status_code == 200
    token = _token(pages, first)
    provider = pages.context.console.authentication.provider  # type: ignore[attr-defined]
    where = provider.end_session_url(token, f"{pages.url}/signed-out")
    assert first.there.get(where).status_code == 302
    assert first.here.get("/console").status_code == 401, "Keycloak has posted a logout token"
    assert second.here.get("/console").status_code == 200, "of another session"


def _token(pages: RunningPages, browser: Browser) -> str:
    with psycopg.connect(pages.dsn) as session:
        cookie = browser.here.cookies["lianyun-local"]
        query = "SELECT token FROM lianyun.console_session WHERE digest = %s"
        row = session.execute(query, (digest(cookie),)).fetchone()
    assert row is not None
    return str(row[0])
