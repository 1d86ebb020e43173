"""Signing in and out over the real store and an issuer on this machine; sessions, forms and access as OWASP ASVS level 2 has them.

The numbers are those of ASVS 4.0.3.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import psycopg
import pytest
from starlette.routing import Route

from schemas.events.base import Role
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.pages.app import GROUPS
from services.pages.auth.settings import SignInSettings
from services.pages.auth.sign_in import Authentication
from services.people.domain.person import Permission
from services.people.store import people
from services.telemetry.logs import TextFormatter
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.console import SECRET, RunningConsole, post
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
ROUTES = [route for group in GROUPS for route in group.routes if isinstance(route, Route)]
COOKIE = "lianyun-local"
SECOND = 1_000_000


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "sign_in")
    with psycopg.connect(dsn) as session:
        party = PartyAdded(
            code="ktz", name="KTZ", roles=frozenset({Role.RAILWAY}), sources=frozenset({"urn:x:ktz"}),
            managers=frozenset({"ktz"}),
        )  # fmt: skip
        commands.add_party(session, party, at=0, by="test")
    with RunningConsole(dsn, tmp_path_factory.mktemp("console")) as running:
        running.person("ktz", "aigerim", ["dostyk-shift"], name="Айгерім")
        running.person("ktz", "idle", [], ())
        running.person("ktz", "screen", [], (Permission.BOARD,))
        yield running


def rows(console: RunningConsole, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(console.dsn) as session:
        return session.execute(query.encode(), values or None).fetchall()


def change(console: RunningConsole, query: str, *values: Any) -> None:
    with psycopg.connect(console.dsn) as session:
        assert session.execute(query.encode(), values or None).rowcount


def test_a_person_signs_in_and_sees_its_name_and_what_it_may_open(console: RunningConsole) -> None:
    browser = console.signed_in("aigerim", "/console/account?a=b")
    page = browser.get("/console/account").text
    for shown in ("Айгерім", "ktz", "dostyk-shift", "Borders", "Cases", "Shift"):
        assert shown in page
    bare = console.signed_in("idle").get("/console").text
    assert "Borders" not in bare
    assert "may open nothing yet" in bare


def test_whoever_is_not_signed_in_is_led_to_sign_in_and_back(console: RunningConsole) -> None:
    answer = console.browser().get("/console/account?x=1")
    assert answer.status_code == 401
    assert f'href="/sign-in?{urlencode({"return": "/console/account?x=1"})}"' in answer.text


def test_the_request_to_the_issuer_is_bound_to_this_sign_in(console: RunningConsole) -> None:
    asked = [parse_qs(urlsplit(console.begin(console.browser())).query) for _ in range(2)]
    for each in asked:
        assert each["response_type"] == ["code"]
        assert each["code_challenge_method"] == ["S256"]
        assert each["scope"] == ["openid"], "neither name nor mail is asked for"
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
        assert len(asked[0][name][0]) >= 43


# 3.2 Session binding


def test_a_session_id_is_new_at_every_sign_in_and_the_one_before_ends(console: RunningConsole) -> None:
    """3.2.1"""
    browser = console.signed_in("aigerim")
    first = browser.cookies[COOKIE]
    browser.cookies.delete("lianyun-local-sign-in")
    # Whoever is signed in goes on at once; sign in again as after a link of the issuer's own.
    fresh = console.browser()
    where = console.choose(console.begin(fresh), "aigerim")
    fresh.cookies.set(COOKIE, first, domain="127.0.0.1")
    assert console.finish(fresh, where).status_code == 303
    cookies = {each.value for each in fresh.cookies.jar if each.name == COOKIE}
    assert cookies - {first}
    browser.cookies.set(COOKIE, first, domain="127.0.0.1")
    assert browser.get("/console").status_code == 401


def test_a_session_id_that_an_attacker_chose_is_never_taken(console: RunningConsole) -> None:
    """3.2.1, fixation"""
    browser = console.browser()
    browser.cookies.set(COOKIE, "chosen", domain="127.0.0.1")
    console.finish(browser, console.choose(console.begin(browser), "aigerim"))
    victim = console.browser()
    victim.cookies.set(COOKIE, "chosen", domain="127.0.0.1")
    assert victim.get("/console").status_code == 401


def test_a_session_id_has_32_random_bytes_and_only_its_digest_is_stored(console: RunningConsole) -> None:
    """3.2.2, 3.2.4"""
    browser = console.signed_in("aigerim")
    value = browser.cookies[COOKIE]
    assert len(value) == 43
    everything = rows(console, "SELECT s::text FROM lianyun.console_session s")
    assert everything
    assert not any(value in text for (text,) in everything)


# 3.3 Termination


def test_signing_out_ends_the_session_on_the_server(console: RunningConsole) -> None:
    """3.3.1"""
    browser = console.signed_in("aigerim")
    value = browser.cookies[COOKIE]
    answer = post(browser, "/sign-out", {})
    assert answer.status_code == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"
    browser.cookies.set(COOKIE, value, domain="127.0.0.1")
    assert browser.get("/console").status_code == 401, "the back button and a stolen cookie are no way in"


def test_signing_out_leads_to_the_end_of_the_session_at_the_issuer_and_back(console: RunningConsole) -> None:
    answer = post(console.signed_in("aigerim"), "/sign-out", {})
    where = answer.headers["refresh"].removeprefix("0; url=")
    assert where.startswith(f"{console.issuer.url}/end-session?")
    back = httpx.get(where).headers["location"]
    assert back == f"{console.url}/signed-out"
    assert console.browser().get(back).status_code == 200


@pytest.mark.parametrize(("column", "seconds"), [("seen", 1_800), ("begun", 43_200)])
def test_a_session_ends_when_it_is_idle_and_in_any_case(
    console: RunningConsole, column: str, seconds: int
) -> None:
    """3.3.2"""
    browser = console.signed_in("aigerim")
    query = f"UPDATE lianyun.console_session SET {column} = %s"  # noqa: S608 - of the parameters
    change(console, query, time.time_ns() // 1_000 - (seconds - 30) * SECOND)
    assert browser.get("/console").status_code == 200
    change(console, query, time.time_ns() // 1_000 - (seconds + 1) * SECOND)
    assert browser.get("/console").status_code == 401


def test_a_session_that_is_used_does_not_become_idle(console: RunningConsole) -> None:
    browser = console.signed_in("aigerim")
    change(console, "UPDATE lianyun.console_session SET seen = %s", time.time_ns() // 1_000 - 1_000 * SECOND)
    assert browser.get("/console").status_code == 200
    ((seen,),) = rows(console, "SELECT max(seen) FROM lianyun.console_session")
    assert time.time_ns() // 1_000 - seen < 60 * SECOND


def test_a_screen_that_sees_boards_only_stays_for_days(console: RunningConsole) -> None:
    browser = console.signed_in("screen", "/console/board/alashankou-dostyk?wall")
    change(
        console,
        "UPDATE lianyun.console_session SET seen = %s, begun = %s",
        *2 * [time.time_ns() // 1_000 - 86_400 * SECOND],
    )
    assert browser.get("/console/board").status_code == 200
    assert browser.get("/console/cases").status_code == 404


def test_a_person_sees_its_sessions_and_ends_the_others(console: RunningConsole) -> None:
    """3.3.3, 3.3.4"""
    change(console, "DELETE FROM lianyun.console_session")
    here, there = console.signed_in("aigerim"), console.signed_in("aigerim")
    assert here.get("/console/account").text.count("<tr>") == 3
    assert post(here, "/console/account/sessions", {}).status_code == 303
    assert there.get("/console").status_code == 401
    assert here.get("/console").status_code == 200


def test_a_person_that_has_ended_is_out_at_once(console: RunningConsole) -> None:
    """3.3.4, 4.1.1: rights are read with every request"""
    id_ = console.person("ktz", "leaver", ["dostyk-shift"])
    browser = console.signed_in("leaver")
    with psycopg.connect(console.dsn) as session:
        people.change(session, id_, permissions=[Permission.BOARD], by="test")
    assert browser.get("/console/cases").status_code == 404
    with psycopg.connect(console.dsn) as session:
        people.end(session, id_)
    assert browser.get("/console").status_code == 401
    refused = console.finish(another := console.browser(), console.choose(console.begin(another), "leaver"))
    assert refused.status_code == 403
    assert "leaver" in refused.text, "what an operator needs to register somebody"
    assert COOKIE not in another.cookies


def test_the_issuer_ends_sessions_by_its_back_channel(console: RunningConsole) -> None:
    browser, other = console.signed_in("aigerim"), console.signed_in("screen")
    now = int(time.time())
    claims = {
        "iss": console.issuer.url, "aud": "console", "iat": now, "exp": now + 60, "jti": "j", "sub": "aigerim",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }  # fmt: skip
    send = f"{console.url}/sign-in/ended"
    for wrong in ("", "a.b.c", console.issuer.signed({**claims, "aud": "other"})):
        assert httpx.post(send, data={"logout_token": wrong}).status_code == 400
    assert browser.get("/console").status_code == 200
    assert httpx.post(send, data={"logout_token": console.issuer.signed(claims)}).status_code == 200
    assert browser.get("/console").status_code == 401
    assert other.get("/console").status_code == 200


# 3.4 Cookies


def test_cookies_are_kept_from_scripts_and_other_sites(console: RunningConsole) -> None:
    """3.4.2, 3.4.3, 3.4.5; on loopback without TLS there is no Secure, and the name says so"""
    browser = console.browser()
    begun = browser.get("/sign-in")
    done = console.finish(browser, console.choose(begun.headers["location"], "aigerim"))
    for answer in (begun, done):
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("lianyun-local")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


def test_over_https_cookies_are_secure_and_bound_to_the_host() -> None:
    """3.4.1, 3.4.4"""
    settings = SignInSettings(
        dsn="x",
        signin_issuer="https://id.example",
        signin_client="c",
        signin_client_secret="s",  # type: ignore[arg-type]
    )
    over = Authentication(settings, ("https://track.example",))
    assert (over.cookie, over.pending_cookie) == ("__Host-lianyun", "__Host-lianyun-sign-in")
    assert "; Secure; HttpOnly; SameSite=Lax" in over._set(over.cookie, "v", 1)
    with pytest.raises(ValueError, match="over https"):
        Authentication(settings, ("http://track.example",))


# 3.7, 4.2 and 13.2: forms


OF_NO_BROWSER = {
    "/sign-in/ended": "the issuer's server posts it, with a token that it signed",
    "/u/{token}": "mail providers post it (RFC 8058): the path is the right to",
}
"""What is posted by programs, each with its reason: neither a session nor a page of this site stands behind it."""
POSTED = {route.path for route in ROUTES if "POST" in (route.methods or ())} - OF_NO_BROWSER.keys()
FORMS = sorted(re.sub(r"\{[^}]*\}", "0" * 32, path) for path in POSTED)


ELSEWHERE: tuple[dict[str, str], ...] = (
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
)


def token_of(browser: httpx.Client) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', browser.get("/console/account").text)
    assert found is not None
    return found[1]


def test_a_form_without_the_token_of_its_session_does_nothing(console: RunningConsole) -> None:
    """4.2.2"""
    browser, other = console.signed_in("aigerim"), console.signed_in("aigerim")
    tokens = ({"a": "b"}, {"form_token": ""}, {"form_token": "x.y"}, {"form_token": token_of(other)})
    for path in FORMS:
        for form in tokens:
            answer = browser.post(path, data=form, headers={"sec-fetch-site": "same-origin"})
            assert answer.status_code == 403, (path, form)
    assert browser.get("/console").status_code == 200


def test_a_form_of_another_site_does_nothing(console: RunningConsole) -> None:
    """4.2.2, 13.2.3"""
    browser = console.signed_in("aigerim")
    form = {"form_token": token_of(browser)}
    for path in FORMS:
        for headers in ELSEWHERE:
            assert browser.post(path, data=form, headers=headers).status_code == 403, (path, headers)
    assert browser.get("/console").status_code == 200


def test_nothing_changes_by_reading(console: RunningConsole) -> None:
    browser = console.signed_in("aigerim")
    read = {route.path for route in ROUTES if "GET" in (route.methods or ())}
    only = [re.sub(r"\{[^}]*\}", "0" * 32, path) for path in sorted(POSTED - read)]
    assert [browser.get(path).status_code for path in only] == [405] * len(only)


# 51: OAuth and OpenID Connect as a client


def test_a_code_counts_for_the_browser_that_began(console: RunningConsole) -> None:
    """Sign-in CSRF: nobody is made to work as somebody else."""
    attacker, victim = console.browser(), console.browser()
    where = console.choose(console.begin(attacker), "aigerim")
    console.begin(victim)
    answer = victim.get(where)
    assert answer.status_code == 400
    assert COOKIE not in victim.cookies
    assert attacker.get(where).status_code == 400, "and the sign-in is used up"


def test_a_sign_in_is_finished_once_and_in_time(console: RunningConsole) -> None:
    browser = console.browser()
    where = console.choose(console.begin(browser), "aigerim")
    assert console.finish(browser, where).status_code == 303
    again = console.browser()
    again.cookies.update(
        {each.name: each.value or "" for each in browser.cookies.jar if "sign-in" in each.name}
    )
    assert again.get(where).status_code == 400
    late = console.browser()
    where = console.choose(console.begin(late), "aigerim")
    change(console, "UPDATE lianyun.console_sign_in SET expires = 1")
    assert late.get(where).status_code == 400


@pytest.mark.parametrize("wrong", ["state", "code", "iss", "nothing", "error"])
def test_what_comes_back_changed_signs_nobody_in(console: RunningConsole, wrong: str) -> None:
    browser = console.browser()
    where = console.choose(console.begin(browser), "aigerim")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}
    if wrong == "error":
        asked = {"error": "access_denied", "state": asked["state"], "error_description": "<script>"}
    elif wrong == "nothing":
        asked = {}
    else:
        asked[wrong] = "https://other.example" if wrong == "iss" else "x"
    answer = browser.get("/sign-in/callback", params=asked)
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert COOKIE not in browser.cookies


def test_pkce_is_enforced_by_the_issuer(console: RunningConsole) -> None:
    browser = console.browser()
    where = console.choose(console.begin(browser), "aigerim")
    change(
        console,
        "UPDATE lianyun.console_sign_in SET verifier = 'another-verifier-of-another-browser-altogether'",
    )
    assert browser.get(where).status_code == 400


def test_a_key_that_the_issuer_changed_is_found(console: RunningConsole) -> None:
    console.signed_in("aigerim")
    console.issuer.rotate()
    provider = console.pages.context.console.authentication.provider
    provider._keys = (provider._clock() - 31, provider._keys[1])
    console.signed_in("aigerim")


def test_an_issuer_that_does_not_answer_is_told_and_costs_nobody_else(console: RunningConsole) -> None:
    browser = console.browser()
    where = console.choose(console.begin(browser), "aigerim")
    provider = console.pages.context.console.authentication.provider
    known = provider._metadata
    provider._metadata = known[0], replace(known[1], token="http://127.0.0.1:9/")
    try:
        assert browser.get(where).status_code == 400
    finally:
        provider._metadata = known
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", ""])
def test_no_sign_in_leads_elsewhere(console: RunningConsole, to: str) -> None:
    """5.1.5"""
    browser = console.browser()
    answer = console.finish(browser, console.choose(console.begin(browser, to), "aigerim"))
    assert answer.headers["location"] == "/console"
    assert browser.get("/sign-in", params={"return": to}).headers["location"] == "/console"


def test_attempts_to_sign_in_are_counted_by_address(postgres: DatabaseAddress, tmp_path: Path) -> None:
    """2.2.1"""
    dsn = migrated_database(postgres, "sign_in_rate")
    with RunningConsole(dsn, tmp_path, sign_in={"signin_rate": 3}) as console:
        answers = [console.browser().get("/sign-in").status_code for _ in range(4)]
        assert answers == [303, 303, 303, 429]
        assert console.browser().get("/").status_code == 200


def test_pages_of_a_person_are_in_no_cache(console: RunningConsole) -> None:
    """8.2.1"""
    browser = console.signed_in("aigerim")
    for path in ("/console", "/console/account", "/console/cases", "/console/shift", "/console/board"):
        assert browser.get(path).headers["cache-control"] == "no-store"


# 7: what is logged


def test_signing_in_and_what_is_refused_is_logged_without_secrets(
    console: RunningConsole, caplog: pytest.LogCaptureFixture
) -> None:
    """7.1.1 to 7.1.4, 7.2.1, 7.2.2, 7.3.1"""
    caplog.set_level("INFO", "services.pages")
    browser = console.signed_in("idle")
    secrets = [*browser.cookies.values(), SECRET]
    assert browser.get("/console/board").status_code == 404  # without the permission
    assert browser.post("/sign-out", data={}, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert console.browser().get("/console").status_code == 401
    console.browser().get("/sign-in/callback?error=x%0d%0aforged&state=s")
    post(browser, "/sign-out", {}, "/console/account")
    told = [(getattr(each, "action", ""), each) for each in caplog.records]
    ((who,),) = rows(console, "SELECT id::text FROM lianyun.person WHERE subject = 'idle'")
    client = f"person:{who.replace('-', '')}"
    for action, of in (
        ("sign_in", client),
        ("page_refused", client),
        ("page_refused", ""),
        ("sign_out", client),
    ):
        assert any(name == action and each.client == of for name, each in told), action  # type: ignore[attr-defined]
    refused = [each for name, each in told if name == "page_refused"]
    assert {(each.status, each.lacking) for each in refused} >= {(404, "board"), (403, ""), (401, "")}  # type: ignore[attr-defined]
    assert any(name == "sign_in_failed" for name, _ in told)
    lines = [TextFormatter().format(each) for _, each in told]
    assert not any("\n" in line for line in lines)
    assert not any(secret in line for secret in secrets for line in lines)
