"""What a token of the issuer has to prove, each claim by itself; and keys that change."""

from __future__ import annotations

import hmac
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import SecretStr, ValidationError

from services.pages.auth.provider import Provider, SignInError
from services.pages.auth.settings import SignInSettings
from tests.support.invariants import holds_for

ISSUER = "https://id.example"
KEY = ECKey.generate_key("P-256")
RSA = RSAKey.generate_key(2_048)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    WEAK = RSAKey.generate_key(1_024)
NOW = 1_700_000_000
LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}
DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
    "code_challenge_methods_supported": ["S256"],
}


class Known(Provider):
    """An issuer whose documents are given; ``read`` counts how often its keys were."""

    def __init__(self, *keys: Any, discovery: dict[str, Any] = DISCOVERY) -> None:
        settings = SignInSettings(
            dsn=SecretStr("x"),
            signin_issuer=ISSUER,
            signin_client="console",
            signin_client_secret=SecretStr("s"),
        )
        self.now = float(NOW)
        super().__init__(settings, clock=lambda: self.now)
        self.published, self.discovery, self.read = list(keys), discovery, 0

    def _json(self, _method: str, url: str, **_more: Any) -> dict[str, Any]:
        if url.endswith("/jwks"):
            self.read += 1
            return {"keys": [_public(key) for key in self.published]}
        return self.discovery


def _public(key: Any) -> dict[str, Any]:
    return {**key.as_dict(private=isinstance(key, OctKey)), "kid": key.thumbprint()}


def token(claims: dict[str, Any], key: Any = KEY, alg: str = "ES256", **header: Any) -> str:
    return jwt.encode({"alg": alg, "kid": key.thumbprint(), **header}, claims, key, algorithms=[alg])


RIGHT = {
    "iss": ISSUER,
    "sub": "s-1",
    "aud": "console",
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": "n",
    "sid": "at",
}
WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://other.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "other"},
    "audiences without this": {"aud": ["other", "more"]},
    "several audiences and no party": {"aud": ["console", "other"]},
    "another party": {"azp": "other"},
    "over": {"exp": NOW - 61},
    "no end": {"exp": None},
    "end as text": {"exp": str(NOW + 300)},
    "end as truth": {"exp": True},
    "of later": {"iat": NOW + 61},
    "no time": {"iat": None},
    "another nonce": {"nonce": "m"},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a long subject": {"sub": "s" * 256},
    "a number as subject": {"sub": 7},
}


def test_a_right_token_names_a_subject() -> None:
    found = Known(KEY).identity(token(RIGHT), "n")
    assert (found.subject, found.session) == ("s-1", "at")
    several = {**RIGHT, "aud": ["other", "console"], "azp": "console"}
    assert Known(KEY).identity(token(several), "n").subject == "s-1"


@holds_for(WRONG)
def test_a_wrong_claim_proves_nothing(case: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**RIGHT, **case}.items() if value is not None}
    with pytest.raises(SignInError):
        Known(KEY).identity(token(claims), "n")


def unsigned() -> str:
    _head, body, _ = token(RIGHT).split(".")
    none = "eyJhbGciOiJub25lIn0"
    return f"{none}.{body}."


def confused() -> str:
    """Signed with HS256 by the bytes of the issuer's public key."""
    body = token(RIGHT).split(".")[1]
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"%s"}' % KEY.thumbprint().encode()).decode().rstrip("=")
    mac = hmac.new(KEY.as_pem(private=False), f"{head}.{body}".encode(), "sha256").digest()
    return f"{head}.{body}.{urlsafe_b64encode(mac).decode().rstrip('=')}"


FORGED: dict[str, Callable[[], str]] = {
    "no algorithm": unsigned,
    "another key": lambda: token(RIGHT, ECKey.generate_key("P-256")),
    "a key of its own in the header": lambda: token(
        RIGHT, (own := ECKey.generate_key("P-256")), jwk=_public(own)
    ),
    "the public key as a secret": confused,
    "a changed payload": lambda: token(RIGHT).replace(".", ".e", 1),
    "a changed signature": lambda: token(RIGHT)[:-4] + "AAAA",
    "nothing": lambda: "",
    "no token": lambda: "a.b.c",
}


@holds_for(FORGED)
def test_a_forged_token_proves_nothing(case: Callable[[], str]) -> None:
    with pytest.raises(SignInError):
        Known(KEY).identity(case(), "n")


def test_rsa_keys_are_long_and_symmetric_ones_count_never() -> None:
    for alg in ("RS256", "PS256"):
        assert Known(RSA).identity(token(RIGHT, RSA, alg), "n").subject == "s-1"
    with pytest.raises(SignInError, match="no key"):
        Known(WEAK).identity(token(RIGHT, WEAK, "RS256"), "n")
    secret = OctKey.generate_key(256)
    with pytest.raises(SignInError, match="no key"):
        Known(secret).identity(token(RIGHT, secret, "HS256"), "n")


def test_a_new_key_is_read_once_and_a_stranger_makes_the_issuer_no_busier() -> None:
    provider, new = Known(KEY), ECKey.generate_key("P-256")
    provider.identity(token(RIGHT), "n")
    provider.published = [new, KEY]
    provider.now += 31
    assert provider.identity(token(RIGHT, new), "n").subject == "s-1"
    assert provider.read == 2
    for _ in range(5):
        with pytest.raises(SignInError):
            provider.identity(token(RIGHT, ECKey.generate_key("P-256")), "n")
    assert provider.read == 2, "an unknown key is looked for every 30 s at most"
    provider.published = [new]
    provider.now += 3_601
    with pytest.raises(SignInError):
        provider.identity(token({**RIGHT, "exp": NOW + 10_000}), "n")


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://other.example"},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": None},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_a_discovery_document_that_cannot_be_trusted(wrong: dict[str, Any]) -> None:
    with pytest.raises(SignInError):
        Known(KEY, discovery={**DISCOVERY, **wrong}).metadata()


def test_a_code_of_another_issuer_is_never_sent() -> None:
    provider = Known(KEY, discovery={**DISCOVERY, "authorization_response_iss_parameter_supported": True})
    for issuer in ("https://other.example", None):
        with pytest.raises(SignInError, match="another issuer"):
            provider.exchange("c", verifier="v", redirect_uri="r", nonce="n", issuer=issuer)


def test_a_logout_token_is_one_and_an_id_token_is_none() -> None:
    claims = {
        "iss": ISSUER,
        "aud": "console",
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "1",
        "sub": "s-1",
        "events": LOGOUT,
    }
    provider = Known(KEY)
    assert provider.ended(token(claims)) == ("s-1", "")
    assert provider.ended(token({**claims, "sid": "at"})) == ("s-1", "at")
    without = {name: value for name, value in claims.items() if name != "sub"}
    for wrong in (
        RIGHT,
        {**claims, "nonce": "n"},
        without,
        {**claims, "events": {}},
        {**claims, "aud": "other"},
    ):
        with pytest.raises(SignInError):
            provider.ended(token(wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"signin_issuer": "http://id.example"},
        {"signin_client": ""},
        {"signin_client_secret": None},
        {"signin_client_key": "key.jwk"},
    ],
)
def test_settings_that_are_not_whole(wrong: dict[str, Any]) -> None:
    right = {"dsn": "x", "signin_issuer": ISSUER, "signin_client": "c", "signin_client_secret": "s"}
    assert SignInSettings(**right).signin_issuer == ISSUER  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        SignInSettings(**{**right, **wrong})  # type: ignore[arg-type]
