"""By which names the API is reached: those of its settings, whatever a caller writes into Host or X-Forwarded-*."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from services.api.client import ApiAuth
from services.runtime.ports import free_port
from tests.support import launcher
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
EVIL = "evil.example"
SHORT = "/v1/financing-status?kind=consignment&id=xaport/XA-1"
LONG = "/v1/consignments/xaport/XA-1"
FORWARDED = {"x-forwarded-host": EVIL, "x-forwarded-proto": "https", "forwarded": f"host={EVIL};proto=https"}


def deceived(api: RunningApi, client: str) -> ApiAuth:
    """What a client signs that takes somebody else's server for its own authority."""
    return ApiAuth(client, api.key(client), f"http://{EVIL}")


def relayed(api: RunningApi, auth: ApiAuth, **headers: str) -> httpx.Response:
    """What that server relays: the assertion for it, and a proof for its token endpoint."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": auth.assertion(),
    }
    sent = {"dpop": auth.proof("POST", auth.token_endpoint), **headers}
    return httpx.post(f"{api.url}/oauth2/token", data=form, headers=sent, timeout=30)


@pytest.mark.parametrize("headers", [{"host": EVIL}, FORWARDED, {"host": EVIL, **FORWARDED}])
def test_an_assertion_for_somebody_else_gets_no_token(api: RunningApi, headers: dict[str, str]) -> None:
    api.client("abank").get(SHORT)
    answer = relayed(api, deceived(api, "abank"), **headers)
    assert "access_token" not in answer.text
    assert answer.status_code == (421 if "host" in headers else 400)


@pytest.mark.parametrize(
    "path", [SHORT, LONG, "/oauth2/jwks", "/nowhere", "/.well-known/oauth-authorization-server"]
)
@pytest.mark.parametrize(
    "host", [EVIL, "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", "[::1", "", "a b"]
)
def test_a_host_that_is_none_of_its_names_is_misdirected(api: RunningApi, path: str, host: str) -> None:
    bank = api.client("abank")
    bank.get(SHORT)  # the token is known, so that the short way would be taken
    auth = bank.auth
    assert isinstance(auth, ApiAuth)
    for origin in (api.url, f"http://{host}"):
        proof = auth.proof("GET", origin + path.partition("?")[0], auth._token)
        sent = {"authorization": f"DPoP {auth._token}", "dpop": proof, "host": host}
        answer = httpx.get(api.url + path, headers=sent, timeout=30)
        assert answer.status_code == 421, (host, path, answer.text)
        assert answer.json()["type"] == "urn:lianyun:problem:misdirected"
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", [SHORT, LONG])
def test_what_a_proxy_says_of_the_name_counts_for_nothing(api: RunningApi, path: str) -> None:
    bank = api.client("abank")
    answer = bank.get(path, headers=FORWARDED)
    assert answer.status_code == 200
    auth = bank.auth
    assert isinstance(auth, ApiAuth)
    proof = auth.proof("GET", f"https://{EVIL}{path.partition('?')[0]}", auth._token)
    sent = {"authorization": f"DPoP {auth._token}", "dpop": proof, **FORWARDED}
    assert httpx.get(api.url + path, headers=sent, timeout=30).status_code == 401


def test_links_and_metadata_name_the_api_as_configured(api: RunningApi) -> None:
    metadata = httpx.get(f"{api.url}/.well-known/oauth-authorization-server", headers=FORWARDED).json()
    assert {metadata["issuer"]} == {api.url}
    assert metadata["token_endpoint"] == f"{api.url}/oauth2/token"
    following = api.client("xaport").get(f"{LONG}/timeline?limit=1", headers=FORWARDED)
    assert following.headers["link"].startswith(f"<{LONG}/timeline?limit=1&cursor=")


def test_on_this_machine_its_loopback_names_are_one_api(api: RunningApi) -> None:
    api.client("abank")
    for name in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        url = f"http://{name}:{api.port}"
        auth = ApiAuth("abank", api.key("abank"), url.lower())
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": auth.assertion(),
        }
        host = {"host": f"{name}:{api.port}"}
        sent = {"dpop": auth.proof("POST", auth.token_endpoint), **host}
        given = httpx.post(f"{api.url}/oauth2/token", data=form, headers=sent, timeout=30)
        assert given.status_code == 200, (name, given.text)
        token = given.json()["access_token"]
        for path in (SHORT, LONG):
            proof = auth.proof("GET", url + path.partition("?")[0], token)
            headers = {"authorization": f"DPoP {token}", "dpop": proof, **host}
            assert httpx.get(api.url + path, headers=headers, timeout=30).status_code == 200, (name, path)


def test_several_names_are_one_api_and_the_first_is_the_issuer(api_dsn: str, tmp_path: Path) -> None:
    settings = {"api_url": "https://api.example", "api_aliases": "http://api:8443, http://127.0.0.1:9443"}
    with RunningApi(api_dsn, tmp_path, settings) as named:
        named.register("several", "abank")
        for origin, host in (
            ("https://api.example", "api.example"),
            ("https://api.example", "api.example:443"),
            ("http://api:8443", "api:8443"),
            ("http://127.0.0.1:9443", "127.0.0.1:9443"),
        ):
            auth = ApiAuth("several", named.key("several"), origin)
            given = relayed(named, auth, host=host)
            assert given.status_code == 200, (origin, given.text)
            token = given.json()["access_token"]
            proof = auth.proof("GET", origin + LONG, token)
            sent = {"authorization": f"DPoP {token}", "dpop": proof, "host": host}
            assert httpx.get(named.url + LONG, headers=sent, timeout=30).status_code == 200, origin
        assert httpx.get(named.url + LONG, timeout=30).status_code == 421, "its own port is none of its names"
        metadata = "/.well-known/oauth-authorization-server"
        found = httpx.get(named.url + metadata, headers={"host": "api:8443"}, timeout=30).json()
        assert found["issuer"] == "https://api.example"


def test_whoever_probes_its_health_need_not_know_its_name(api: RunningApi) -> None:
    assert httpx.get(f"{api.url}/health/ready", headers={"host": "10.0.0.7:8443"}).status_code == 200


@pytest.mark.parametrize("command", [("services.api",), ("services.cli", "api", "serve")])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"LIANYUN_API_HOST": "0.0.0.0"}, "LIANYUN_API_URL"),
        ({"LIANYUN_API_HOST": "10.1.2.3"}, "LIANYUN_API_URL"),
        ({"LIANYUN_API_PORT": "0"}, "LIANYUN_API_PORT"),
        ({"LIANYUN_API_URL": "api.example"}, "scheme"),
        ({"LIANYUN_API_URL": "https://me:pw@api.example"}, "scheme"),
        ({"LIANYUN_API_ALIASES": "http://api:8443/?x=1"}, "scheme"),
    ],
)
def test_without_a_name_of_its_own_it_does_not_start(
    command: tuple[str, ...], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LIANYUN_")}
    port = {"LIANYUN_API_PORT": str(free_port())}
    environment = {**plain, "LIANYUN_DSN": "postgresql://u:hidden@127.0.0.1:1/x", **port, **settings}
    done = launcher.run(*command, env=environment, cwd=tmp_path)
    assert done.returncode == (2 if "serve" in command else 78), done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "hidden" not in done.stdout + done.stderr
