"""Tokens, assertions and proofs: each rule of the RFCs by a caller that breaks it."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.api.auth import clients
from services.api.auth.keys import AuthorityKey
from services.api.auth.tokens.certificate import thumbprint
from services.api.auth.tokens.jose import BadToken
from services.api.auth.tokens.proof import digest
from services.api.routes import authority
from services.ledger.registry import store
from services.ledger.storage.session import open_session
from tests.support.api.server import RunningApi, now

pytestmark = pytest.mark.integration
PATH = "/v1/consignments/xaport/XA-1"


def counted(api: RunningApi, name: str, **labels: str) -> float | None:
    """A counter of the API."""
    registry = api.context.metrics.instruments.registry
    return registry.get_sample_value(f"lianyun_api_{name}_total", labels)


class Hand:
    """A caller that writes every claim by hand."""

    def __init__(self, api: RunningApi, key: Any = None, client: str = "hand") -> None:
        self.api, self.client = api, client
        self.key = key or ECKey.generate_key("P-256")
        self.algorithm = {ECKey: "ES256", OKPKey: "Ed25519", RSAKey: "PS256"}[type(self.key)]
        self.client = f"{client}-{secrets.token_hex(4)}"
        with open_session(api.dsn, "lianyun-test") as session:
            party = store.read_snapshot(session).party("xaport")
            assert party is not None
            public = self.key.as_dict(private=False)
            clients.add_client(session, self.client, party, jwk=public, at=now(), by="test")

    def assertion(self, **changed: Any) -> str:
        moment = int(time.time())
        claims = {
            "iss": self.client, "sub": self.client, "aud": self.api.url, "iat": moment, "exp": moment + 60,
            "jti": secrets.token_hex(8), **changed,
        }  # fmt: skip
        return jwt.encode({"alg": self.algorithm}, claims, self.key, algorithms=[self.algorithm])

    def proof(
        self, method: str, url: str, token: str | None = None, header: Any = None, **changed: Any
    ) -> str:
        claims = {
            "htm": method, "htu": url, "iat": int(time.time()), "jti": secrets.token_hex(8),
            **({"ath": digest(token)} if token else {}), **changed,
        }  # fmt: skip
        head = {
            "alg": self.algorithm,
            "typ": "dpop+jwt",
            "jwk": self.key.as_dict(private=False),
            **(header or {}),
        }
        return jwt.encode(head, claims, self.key, algorithms=[self.algorithm])

    def ask(self, assertion: str | None = None, proof: str | None = None, **form: str) -> httpx.Response:
        endpoint = self.api.url + "/oauth2/token"
        told = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion() if assertion is None else assertion,
            **form,
        }
        headers = {"dpop": self.proof("POST", endpoint) if proof is None else proof}
        return httpx.post(endpoint, data=told, headers=headers, timeout=30)

    def token(self, **form: str) -> str:
        answer = self.ask(**form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def get(self, token: str, proof: str | None = None, scheme: str = "DPoP") -> httpx.Response:
        url = self.api.url + PATH
        headers = {"authorization": f"{scheme} {token}"}
        if proof != "":
            headers["dpop"] = self.proof("GET", url, token) if proof is None else proof
        return httpx.get(url, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def hand(api: RunningApi) -> Hand:
    return Hand(api)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ECKey.generate_key("P-256"),
        lambda: OKPKey.generate_key("Ed25519"),
        lambda: RSAKey.generate_key(2048),
    ],
)
def test_each_kind_of_key_gets_in(api: RunningApi, make: Callable[[], Any]) -> None:
    caller = Hand(api, make())
    assert caller.get(caller.token()).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC", "crv": "P-384"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    ],
)
def test_other_keys_are_not_registered(api: RunningApi, text: dict[str, str]) -> None:
    with open_session(api.dsn, "lianyun-test") as session:
        party = store.read_snapshot(session).party("xaport")
        assert party is not None
        with pytest.raises(BadToken):
            clients.add_client(session, "never", party, jwk=text, at=now(), by="test")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": ["http://127.0.0.1", "https://elsewhere.example"]},
        {"iss": "somebody"},
        {"exp": int(time.time()) - 60},
        {"exp": int(time.time()) + 86_400},
        {"exp": "soon"},
        {"jti": ""},
        {"sub": "nobody"},
    ],
    ids=["aud", "one aud of two", "iss", "exp passed", "exp too late", "exp no number", "jti", "sub"],
)
def test_an_assertion_that_proves_nothing_gets_no_token(hand: Hand, changed: dict[str, Any]) -> None:
    answer = hand.ask(hand.assertion(**changed))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["cache-control"] == "no-store"


def test_an_id_has_its_form(api: RunningApi) -> None:
    with open_session(api.dsn, "lianyun-test") as session:
        party = store.read_snapshot(session).party("xaport")
        assert party is not None
        for name in ("", "Upper", "\0", "x" * 101):
            with pytest.raises(clients.ClientError, match="is no id"):
                clients.add_client(session, name, party, jwk=None, certificate="x", at=now(), by="test")


def test_an_assertion_of_another_key_gets_no_token(hand: Hand, api: RunningApi) -> None:
    other = Hand(api)
    other.client = hand.client
    assert other.ask().json()["error"] == "invalid_client"


def test_an_assertion_and_a_proof_are_good_once(hand: Hand) -> None:
    assertion = hand.assertion()
    assert hand.ask(assertion).status_code == 200
    assert hand.ask(assertion).status_code == 401
    proof = hand.proof("POST", hand.api.url + "/oauth2/token")
    assert hand.ask(proof=proof).status_code == 200
    assert hand.ask(proof=proof).status_code == 401


def test_what_is_no_request_for_a_token_is_told_by_the_rfc(hand: Hand) -> None:
    endpoint = hand.api.url + "/oauth2/token"
    assert httpx.post(endpoint, json={}).json()["error"] == "invalid_request"
    twice = "grant_type=client_credentials&grant_type=client_credentials"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert httpx.post(endpoint, content=twice, headers=form).json()["error"] == "invalid_request"
    assert hand.ask(grant_type="password").json()["error"] == "unsupported_grant_type"
    assert hand.ask(scope="everything").json()["error"] == "invalid_scope"
    assert hand.ask(proof="x.y.z").json()["error"] == "invalid_dpop_proof"
    assert hand.ask("no.jwt.at-all").json()["error"] == "invalid_client"
    for name in ("\0", "é", "x" * 101, ""):
        assert hand.ask(hand.assertion(sub=name, iss=name)).json()["error"] == "invalid_client"
        assert hand.ask("", client_id=name).json()["error"] == "invalid_client"


PROOFS: dict[str, Callable[[Hand, str, str], str]] = {
    "of another method": lambda h, url, token: h.proof("POST", url, token),
    "of another path": lambda h, url, token: h.proof("GET", url + "2", token),
    "of another host": lambda h, _url, token: h.proof("GET", "http://elsewhere.example" + PATH, token),
    "of another token": lambda h, url, token: h.proof("GET", url, token + "x"),
    "of no token": lambda h, url, _: h.proof("GET", url),
    "too old": lambda h, url, token: h.proof("GET", url, token, iat=int(time.time()) - 120),
    "of the future": lambda h, url, token: h.proof("GET", url, token, iat=int(time.time()) + 60),
    "without a jti": lambda h, url, token: h.proof("GET", url, token, jti=None),
    "of another type": lambda h, url, token: h.proof("GET", url, token, {"typ": "JWT"}),
    "of another key": lambda h, url, token: Hand(h.api).proof("GET", url, token),
    "signed by another key than it shows": lambda h, url, token: h.proof(
        "GET", url, token, {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}
    ),
    "with a private key in it": lambda h, url, token: h.proof("GET", url, token, {"jwk": h.key.as_dict(private=True)}),
    "missing": lambda _h, _url, _token: "",
    "no JWT": lambda _h, _url, _token: "abc",
}  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_is_of_this_request_by_this_key_now(hand: Hand, name: str) -> None:
    token = hand.token()
    answer = hand.get(token, PROOFS[name](hand, hand.api.url + PATH, token))
    assert answer.status_code == 401, name
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert hand.get(token).status_code == 200


def test_a_bound_token_is_no_bearer(hand: Hand) -> None:
    token = hand.token()
    assert hand.get(token, "", "Bearer").status_code == 401
    assert hand.get(token, None, "Bearer").status_code == 401


TOKENS: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "https://elsewhere.example"},
    "for another audience": {"aud": "https://elsewhere.example"},
    "expired": {"exp": int(time.time()) - 1},
    "of the future": {"iat": int(time.time()) + 86_400},
    "bound to nothing": {"cnf": None},
    "without a client": {"client_id": None},
    "of a client that there is not": {"client_id": "nobody"},
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_of_the_right_key_and_wrong_claims_opens_nothing(hand: Hand, name: str) -> None:
    answer = hand.get(_token(hand, hand.api.context.keys.own().key, **TOKENS[name]))
    assert answer.status_code == 401, name


@pytest.mark.filterwarnings("ignore:JWS algorithm")  # it is what is tried here
def test_a_token_of_another_key_algorithm_or_type_opens_nothing(hand: Hand, tmp_path: Path) -> None:
    own = hand.api.context.keys.own().key
    assert hand.get(_token(hand, own)).status_code == 200
    assert hand.get(_token(hand, AuthorityKey.of(tmp_path / "other.json").key)).status_code == 401
    assert hand.get(_token(hand, own, header={"typ": "JWT"})).status_code == 401
    claims = jwt.decode(_token(hand, own), own).claims
    none = jwt.encode({"alg": "none", "typ": "at+jwt"}, claims, OctKey.generate_key(), algorithms=["none"])
    assert hand.get(none).status_code == 401
    public = json.dumps(own.as_dict(private=False))
    confused = jwt.encode(
        {"alg": "HS256", "typ": "at+jwt"}, claims, OctKey.import_key(public), algorithms=["HS256"]
    )
    assert hand.get(confused).status_code == 401


def test_a_revoked_client_is_out_at_once(api: RunningApi) -> None:
    caller = Hand(api)
    token = caller.token()
    assert caller.get(token).status_code == 200
    with open_session(api.dsn, "lianyun-test") as session:
        assert clients.revoke(session, caller.client, at=now())
        session.commit()
    assert caller.get(token).status_code == 401
    assert caller.ask().json()["error"] == "invalid_client"


def test_a_rotated_key_ends_when_it_was_said_to(api: RunningApi) -> None:
    caller, fresh = Hand(api), ECKey.generate_key("P-256")
    with open_session(api.dsn, "lianyun-test") as session:
        clients.add_key(
            session, caller.client, fresh.as_dict(private=False), at=now(), by="test", old_until=now()
        )
        session.commit()
    assert caller.ask().json()["error"] == "invalid_client"
    caller.key = fresh
    assert caller.ask().status_code == 200


def test_a_key_is_not_registered_for_two_parties(api: RunningApi) -> None:
    """Whoever holds it could act as either; within one party several programs may share it."""
    first, jwk = Hand(api), ECKey.generate_key("P-256").as_dict(private=False)
    api.register("elsewhere", "abank")
    with open_session(api.dsn, "lianyun-test") as session:
        clients.add_key(session, first.client, jwk, at=now(), by="test")
        with pytest.raises(clients.ClientError, match="another party"):
            clients.add_key(session, "elsewhere", jwk, at=now(), by="test")
        session.rollback()


def test_the_authority_describes_itself(api: RunningApi) -> None:
    told = httpx.get(api.url + "/.well-known/oauth-authorization-server").json()
    assert told["issuer"] == api.url
    keys = httpx.get(told["jwks_uri"]).json()["keys"]
    assert keys
    assert all("d" not in key for key in keys)


def test_nonces_are_asked_for_and_taken(api_dsn: str, tmp_path: Path) -> None:
    with RunningApi(api_dsn, tmp_path, {"api_nonces": True}) as strict:
        strict.register("nonced", "xaport")
        auth = strict.auth("nonced")
        with httpx.Client(base_url=strict.url, auth=auth, timeout=30) as client:
            assert client.get(PATH).status_code == 200
            auth._nonce = "AAAAAAAAAAAAAAAAAAAAAA"
            assert client.get(PATH).status_code == 200  # told the right one, it sends it


def test_a_client_with_a_certificate_gets_a_token_that_only_it_can_use(api_dsn: str, tmp_path: Path) -> None:
    der, other = secrets.token_bytes(64), secrets.token_bytes(64)
    with RunningApi(api_dsn, tmp_path, {"api_proxies": ("127.0.0.1",)}) as proxied:
        with open_session(api_dsn, "lianyun-test") as session:
            party = store.read_snapshot(session).party("xaport")
            assert party is not None
            clients.add_client(
                session, "sealed-bank", party, jwk=None, certificate=thumbprint(der), at=now(), by="test"
            )
        form = {"grant_type": "client_credentials", "client_id": "sealed-bank"}
        url = proxied.url + "/oauth2/token"
        assert (
            httpx.post(url, data=form, headers={"client-cert": _header(other)}).json()["error"]
            == "invalid_client"
        )
        given = httpx.post(url, data=form, headers={"client-cert": _header(der)}).json()
        assert given["token_type"] == "Bearer"
        bearer = {"authorization": f"Bearer {given['access_token']}"}
        shown = httpx.get(proxied.url + PATH, headers={**bearer, "client-cert": _header(der)})
        assert shown.status_code == 200
        for headers in ({}, {"client-cert": _header(other)}, {"client-cert": "nonsense"}):
            assert httpx.get(proxied.url + PATH, headers={**bearer, **headers}).status_code == 401


def test_the_word_of_a_peer_that_is_no_proxy_counts_for_nothing(api: RunningApi) -> None:
    form = {"grant_type": "client_credentials", "client_id": "sealed-bank"}
    answer = httpx.post(api.url + "/oauth2/token", data=form, headers={"client-cert": _header(b"x")})
    assert answer.json()["error"] == "invalid_dpop_proof"


def test_too_many_requests_are_told_to_wait(api_dsn: str, tmp_path: Path) -> None:
    with RunningApi(api_dsn, tmp_path, {"api_rate": 3, "api_rate_window": 3_600}) as slow:
        slow.register("eager", "xaport")
        with httpx.Client(base_url=slow.url, auth=slow.auth("eager"), timeout=30) as client:
            answers = [client.get(PATH) for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=3600'
        assert answers[0].headers["ratelimit"].startswith('"default";r=2;t=')
        assert int(answers[3].headers["retry-after"]) > 0
        assert answers[3].json()["type"] == "urn:lianyun:problem:rate-limited"
        assert counted(slow, "rate_limited", client="eager") == 1


def test_tokens_are_limited_by_client_and_nobody_uses_up_the_budget_of_another(
    api_dsn: str, tmp_path: Path
) -> None:
    with RunningApi(api_dsn, tmp_path, {"api_token_rate": 2, "api_rate_window": 3_600}) as slow:
        eager, other = Hand(slow), Hand(slow)
        for _ in range(5):  # somebody claims to be the eager one, and proves nothing
            forged = eager.assertion(iss="somebody")
            assert eager.ask(forged).status_code == 401
        answers = [eager.ask() for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"client";q=2;w=3600, "address";q=1000000;w=3600'
        assert answers[0].headers["ratelimit"].startswith('"client";r=1;t=')
        assert answers[2].json()["type"] == "urn:lianyun:problem:rate-limited"
        assert answers[2].headers["content-type"] == "application/problem+json"
        assert int(answers[2].headers["retry-after"]) > 0
        assert other.ask().status_code == 200
        assert counted(slow, "auth_failures", reason="invalid_client") == 5
        assert counted(slow, "rate_limited", client=eager.client) == 1


def test_attempts_to_get_a_token_are_limited_by_address(api_dsn: str, tmp_path: Path) -> None:
    told = {"api_token_address_rate": 3, "api_rate_window": 3_600, "api_proxies": "127.0.0.1"}
    with RunningApi(api_dsn, tmp_path, told) as slow:

        def ask(address: str) -> httpx.Response:
            headers = {"x-forwarded-for": f"10.9.9.9, {address}"}
            return httpx.post(
                slow.url + "/oauth2/token", data={"grant_type": "x"}, headers=headers, timeout=30
            )

        answers = [ask("192.0.2.7") for _ in range(4)]
        assert [each.status_code for each in answers] == [400, 400, 400, 429]
        assert answers[0].headers["ratelimit"].startswith('"address";r=2;t=')
        assert answers[3].json()["type"] == "urn:lianyun:problem:rate-limited"
        assert int(answers[3].headers["retry-after"]) > 0
        assert ask("192.0.2.8").status_code == 400
        one_network = [ask(f"2001:db8::{n}").status_code for n in range(4)]
        assert one_network == [400, 400, 400, 429]
        assert ask("2001:db8:0:1::1").status_code == 400
        assert ask("no address").status_code == 400, "counts for the proxy itself"


def test_what_somebody_says_of_his_own_address_counts_for_nothing(api_dsn: str, tmp_path: Path) -> None:
    with RunningApi(api_dsn, tmp_path, {"api_token_address_rate": 1, "api_rate_window": 3_600}) as slow:
        asked = [
            httpx.post(
                slow.url + "/oauth2/token",
                data={"grant_type": "x"},
                headers={"x-forwarded-for": f"192.0.2.{n}"},
                timeout=30,
            ).status_code
            for n in range(2)
        ]
        assert asked == [400, 429]


def _header(der: bytes) -> str:
    return f":{base64.b64encode(der).decode()}:"


def _token(hand: Hand, key: ECKey, *, header: dict[str, str] | None = None, **changed: Any) -> str:
    moment = int(time.time())
    claims: dict[str, Any] = {
        "iss": hand.api.url, "aud": hand.api.url, "sub": hand.client, "client_id": hand.client, "iat": moment,
        "exp": moment + 60, "scope": "events:read", "cnf": {"jkt": hand.key.thumbprint()}, **changed,
    }  # fmt: skip
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", **(header or {})}, told, key)


def test_who_is_registered_shows_in_no_refusal(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by words and headers, nor by the work that is done."""
    work: list[str] = []
    original = authority.opened

    def counted_open(token: str, key: Any) -> Any:
        work.append(key.key_type)
        return original(token, key)

    monkeypatch.setattr(authority, "opened", counted_open)
    keys = (ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), RSAKey.generate_key(2048))
    clients_known = [Hand(api, key) for key in keys]
    revoked = Hand(api)
    with open_session(api.dsn, "lianyun-test") as session:
        assert clients.revoke(session, revoked.client, at=now())
        party = store.read_snapshot(session).party("xaport")
        assert party is not None
        certified = f"certified-{secrets.token_hex(4)}"
        clients.add_client(session, certified, party, jwk=None, certificate="x" * 43, at=now(), by="test")
    stranger = Hand(api)
    for signing in (
        *keys,
        *(
            {
                type(key): type(key).generate_key(*arg)
                for key, arg in zip(keys, (("P-256",), ("Ed25519",), (2048,)), strict=True)
            }
        ).values(),
    ):
        stranger.key, stranger.algorithm = (
            signing,
            {ECKey: "ES256", OKPKey: "Ed25519", RSAKey: "PS256"}[type(signing)],
        )
        seen = set()
        for name in ("nobody-at-all", *(each.client for each in clients_known), revoked.client, certified):
            stranger.client = name
            if any(each.client == name and each.key is signing for each in clients_known):
                continue
            work.clear()
            answer = stranger.ask()
            without = stranger.ask("", client_id=name)
            volatile = ("x-request-id", "date", "ratelimit")
            seen.add(
                (
                    *((each.status_code, each.text, tuple(sorted((k, v) for k, v in each.headers.items() if k not in volatile)))
                      for each in (answer, without)),
                    tuple(work),
                )
            )  # fmt: skip
        assert len(seen) == 1, seen
        ((refused, _, done),) = seen
        assert refused[0] == 401
        assert json.loads(refused[1]) == {
            "error": "invalid_client",
            "error_description": "the client cannot be proven",
        }
        assert len(done) == 1


def test_a_refused_client_is_answered_no_sooner_than_the_floor(api_dsn: str, tmp_path: Path) -> None:
    with RunningApi(api_dsn, tmp_path, {"api_foreign_floor": 0.5}) as slow:
        caller = Hand(slow)
        other = Hand(slow)
        other.client = caller.client
        for client in (caller.client, "nobody-at-all"):
            other.client = client
            began = time.monotonic()
            assert other.ask().status_code == 401
            assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.", "....", "eyJhbGciOiJub25lIn0.e30."])
def test_no_library_speaks_in_a_refusal(hand: Hand, token: str) -> None:
    for answer in (hand.get(token), hand.get(hand.token(), token), hand.ask(proof=token), hand.ask(token)):
        assert answer.status_code in (400, 401)
        shown = answer.text + answer.headers.get("www-authenticate", "")
        assert not any(
            word in shown for word in ("Error", "error:", "Traceback", "JSON", "_signature", "decode")
        ), shown
