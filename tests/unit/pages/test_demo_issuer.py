"""The issuer of the demo: what it refuses, and where it does not start."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from services.runtime.exit_codes import Exit
from services.testbed.identity.issuer import Client, Issuer, ListedPerson

URL = "http://127.0.0.1:9999"
BACK = "http://127.0.0.1:8480/sign-in/callback"
VERIFIER = "v" * 43
PERSON = ListedPerson("s-1", "Айгерім <script>", "ktz", "dostyk-shift")
ASKED = {
    "client_id": "console", "redirect_uri": BACK, "response_type": "code", "scope": "openid", "state": "s", "nonce": "n",
    "code_challenge_method": "S256",
}  # fmt: skip


def challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def issuer() -> Issuer:
    now = iter(range(1_000_000, 2_000_000))
    client = Client("console", "s:cret", frozenset({BACK}), frozenset())
    return Issuer(URL, client, lambda: [PERSON], clock=lambda: next(now))


@pytest.fixture
def browser(issuer: Issuer) -> TestClient:
    return TestClient(issuer.application(), base_url=URL, follow_redirects=False)


def code_of(browser: TestClient) -> str:
    answer = browser.post(
        "/authorize", data={**ASKED, "code_challenge": challenge(VERIFIER), "subject": "s-1"}
    )
    assert answer.status_code == 303, answer.text
    where = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (where["state"], where["iss"]) == (["s"], [URL])
    return where["code"][0]


def exchange(browser: TestClient, code: str, secret: str = "s%3Acret", **form: str) -> int:
    basic = b64encode(f"console:{secret}".encode()).decode()
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **form,
    }
    return browser.post("/token", data=body, headers={"authorization": f"Basic {basic}"}).status_code


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "other"},
        {"redirect_uri": "https://evil.example/sign-in/callback"},
        {"redirect_uri": f"{BACK}/more"},
        {"response_type": "token"},
        {"scope": "email"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
    ],
)
def test_a_request_that_is_not_of_its_client_goes_nowhere(browser: TestClient, wrong: dict[str, str]) -> None:
    asked = {**ASKED, "code_challenge": challenge(VERIFIER), **wrong}
    assert browser.get("/authorize", params=asked).status_code == 400
    assert browser.post("/authorize", data={**asked, "subject": "s-1"}).status_code == 400


def test_people_are_listed_with_party_and_team_as_text(browser: TestClient) -> None:
    page = browser.get("/authorize", params={**ASKED, "code_challenge": challenge(VERIFIER)}).text
    assert "dostyk-shift" in page
    assert "<script>" not in page
    stranger = {**ASKED, "code_challenge": challenge(VERIFIER), "subject": "s-2"}
    assert browser.post("/authorize", data=stranger).status_code == 400


def test_a_code_counts_once_for_its_verifier_client_and_address(browser: TestClient) -> None:
    assert exchange(browser, code_of(browser), code_verifier="w" * 43) == 400
    assert exchange(browser, code_of(browser), code_verifier="") == 400
    assert exchange(browser, code_of(browser), redirect_uri="http://127.0.0.1:1/") == 400
    assert exchange(browser, code_of(browser), secret="other") == 401
    code = code_of(browser)
    assert [exchange(browser, code), exchange(browser, code)] == [200, 400]
    assert exchange(browser, "") == 400


def test_it_answers_on_this_machine_only(issuer: Issuer) -> None:
    elsewhere = TestClient(issuer.application(), base_url="http://evil.example")
    for path in ("/.well-known/openid-configuration", "/authorize", "/jwks"):
        assert elsewhere.get(path).status_code == 400


@pytest.mark.long
@pytest.mark.parametrize("wrong", [{"LIANYUN_IDENTITY_HOST": "0.0.0.0"}, {"LIANYUN_NETWORK": "prod"}])
def test_it_starts_for_the_demo_on_a_loopback_address_only(wrong: dict[str, str]) -> None:
    settings = {
        "LIANYUN_DSN": "postgresql://nowhere", "LIANYUN_IDENTITY_PORT": "9", "LIANYUN_IDENTITY_CLIENT_SECRET": "s",
        "LIANYUN_IDENTITY_REDIRECTS": "http://127.0.0.1:1", **wrong,
    }  # fmt: skip
    command = [sys.executable, "-m", "services.testbed.identity"]
    ended = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == Exit.MISCONFIGURED
    assert "no password" in ended.stderr
