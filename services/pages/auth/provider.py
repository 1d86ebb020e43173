"""The issuer as its client sees it: discovery, keys, the exchange of a code, and proof of its tokens."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OKPKey, RSAKey

from services.pages.auth.settings import SignInSettings

log = logging.getLogger(__name__)
ALGORITHMS = ("ES256", "PS256", "RS256", "Ed25519", "EdDSA")
"""Under which an issuer may sign; RS256 because every issuer must know it (OpenID Connect Core 1.0, 15.1)."""
SKEW = 60
"""Seconds by which the clocks of issuer and console may differ."""
_TIMEOUT = 5.0
_LARGEST = 1 << 18
_AGAIN_AFTER = 30.0  # seconds: an unknown key id never makes the issuer's pages busy
_OLD_AFTER = 3_600.0
_RSA_BITS = 2_048
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


class SignInError(Exception):
    """Why a sign-in or a token proves nothing, for the log; a person is only told that it failed."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the discovery document says."""

    authorization: str
    token: str
    jwks: str
    end_session: str
    basic: bool
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the issuer signed in: its subject, its session there ("" unnamed), and the ID token, the hint at sign-out."""

    subject: str
    session: str
    token: str


class Provider:
    """One issuer. What it publishes is read when it is first needed and again when it is an hour old or a key is unknown.

    For several threads. Blocks for the issuer, some seconds at most; raises SignInError for whatever it says amiss.
    """

    def __init__(self, settings: SignInSettings, clock: Callable[[], float] = time.time) -> None:
        self.issuer, self.client = settings.signin_issuer, settings.signin_client
        self._secret = settings.signin_client_secret
        self._key = (
            None
            if settings.signin_client_key is None
            else JWKRegistry.import_key(json.loads(settings.signin_client_key.read_text(encoding="utf-8")))
        )
        trust: ssl.SSLContext | bool = (
            True if settings.signin_ca is None else ssl.create_default_context(cafile=str(settings.signin_ca))
        )
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, verify=trust, trust_env=False)
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def close(self) -> None:
        """Close the connections to the issuer."""
        self._http.close()

    def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where a browser goes to sign in. Only the subject is requested: name, mail and the rest stay with the issuer."""
        query = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(self.metadata().authorization, query)

    def end_session_url(self, token: str, redirect_uri: str) -> str:
        """Where a browser goes to end the session at the issuer too (RP-Initiated Logout 1.0); "" where it has no such page."""
        try:
            where = self.metadata().end_session
        except SignInError:
            return ""
        query = {"client_id": self.client, "post_logout_redirect_uri": redirect_uri, "id_token_hint": token}
        return _with_query(where, query) if where else ""

    def exchange(
        self, code: str, *, verifier: str, redirect_uri: str, nonce: str, issuer: str | None
    ) -> Identity:
        """Who signed in, for a code; ``issuer`` is what the browser came back with as `iss` (RFC 9207)."""
        known = self.metadata()
        if (issuer is None and known.names_itself) or issuer not in (None, self.issuer):
            raise SignInError(f"the code is of another issuer: {issuer!r}")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"accept": "application/json", **self._authenticate(known, form)}
        answer = self._json("POST", known.token, data=form, headers=headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInError("the answer of the token endpoint holds no ID token")
        return self.identity(token, nonce)

    def identity(self, token: str, nonce: str) -> Identity:
        """Whom an ID token names, proven (OpenID Connect Core 1.0, 3.1.3.7)."""
        claims = self._proven(token)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInError("the nonce is of another sign-in")
        subject, session = claims.get("sub"), claims.get("sid", "")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not isinstance(session, str):
            raise SignInError("sub or sid is no text")
        return Identity(subject, session, token)

    def ended(self, token: str) -> tuple[str, str]:
        """(subject, session), "" for what is not named, of a logout token, proven (Back-Channel Logout 1.0, 2.6)."""
        claims = self._proven(token)
        events = claims.get("events")
        if not isinstance(events, dict) or _LOGOUT not in events or "nonce" in claims:
            raise SignInError("it is no logout token")
        subject, session = claims.get("sub", ""), claims.get("sid", "")
        if not isinstance(subject, str) or not isinstance(session, str) or not (subject or session):
            raise SignInError("a logout token names a subject or a session")
        return subject, session

    def metadata(self) -> Metadata:
        """The discovery document."""
        with self._lock:
            if self._metadata is None or self._clock() - self._metadata[0] > _OLD_AFTER:
                self._metadata = self._clock(), self._discovered()
            return self._metadata[1]

    def _discovered(self) -> Metadata:
        found = self._json("GET", f"{self.issuer}/.well-known/openid-configuration")
        if str(found.get("issuer", "")).rstrip("/") != self.issuer:
            raise SignInError(f"the discovery document is of another issuer: {found.get('issuer')!r}")
        methods = found.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise SignInError("the issuer knows no code challenge of S256")
        ways = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            self._endpoint(found, "authorization_endpoint"),
            self._endpoint(found, "token_endpoint"),
            self._endpoint(found, "jwks_uri"),
            self._endpoint(found, "end_session_endpoint") if "end_session_endpoint" in found else "",
            "client_secret_basic" in ways,
            found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, found: Mapping[str, Any], name: str) -> str:
        where = found.get(name)
        if not isinstance(where, str) or urlsplit(where).scheme not in (
            "https",
            urlsplit(self.issuer).scheme,
        ):
            raise SignInError(f"the discovery document has no {name} that may be used")
        return where

    def _authenticate(self, known: Metadata, form: dict[str, str]) -> dict[str, str]:
        """The headers that prove the client to the token endpoint; what goes into the form is added to it."""
        if self._key is not None:
            now = int(self._clock())
            claims = {
                "iss": self.client, "sub": self.client, "aud": self.issuer, "jti": secrets.token_urlsafe(16), "iat": now,
                "exp": now + 60,
            }  # fmt: skip
            header = {"alg": _algorithm(self._key), "kid": self._key.kid or self._key.thumbprint()}
            form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            form["client_assertion"] = jwt.encode(header, claims, self._key, algorithms=[header["alg"]])
            return {}
        secret = "" if self._secret is None else self._secret.get_secret_value()
        if not known.basic:
            form |= {"client_id": self.client, "client_secret": secret}
            return {}
        # Both are form-encoded first (RFC 6749, 2.3.1).
        basic = httpx.BasicAuth(quote(self.client, safe=""), quote(secret, safe=""))
        request = next(basic.sync_auth_flow(httpx.Request("POST", known.token)))
        return {"authorization": request.headers["authorization"]}

    def _proven(self, token: str) -> Mapping[str, Any]:
        """The claims of a token of the issuer for this client, its signature, audience and time proven."""
        claims = self._opened(token)
        now = self._clock()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if str(claims.get("iss", "")).rstrip("/") != self.issuer:
            raise SignInError(f"the token is of another issuer: {claims.get('iss')!r}")
        if self.client not in audiences or claims.get("azp", self.client) != self.client:
            raise SignInError("the token is for another client")
        if len(audiences) > 1 and "azp" not in claims:
            raise SignInError("the token is for several clients and names none as its own")
        expires, issued = _number(claims, "exp"), _number(claims, "iat")
        if expires + SKEW <= now or issued - SKEW > now:
            raise SignInError("the token is not of now")
        return claims

    def _opened(self, token: str) -> Mapping[str, Any]:
        for again in (False, True):
            keys = self._key_set(again)
            try:
                found = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError, TypeError, KeyError) as problem:
                if again:
                    raise SignInError(
                        f"the token is not signed by the issuer: {type(problem).__name__}"
                    ) from None
                continue
            if isinstance(found.claims, dict):
                return found.claims
            break
        raise SignInError("the claims are no object")

    def _key_set(self, again: bool) -> KeySet:
        """The issuer's keys; with ``again`` read once more, at most every 30 s."""
        with self._lock:
            known = self._keys
            age = None if known is None else self._clock() - known[0]
            if known is not None and age is not None and age <= (_AGAIN_AFTER if again else _OLD_AFTER):
                return known[1]
        where = self.metadata().jwks
        found = self._json("GET", where).get("keys")
        usable: list[Key] = (
            [key for each in found if (key := _usable(each)) is not None] if isinstance(found, list) else []
        )
        if not usable:
            raise SignInError("the issuer publishes no key that may be used")
        with self._lock:
            self._keys = self._clock(), KeySet(usable)
            return self._keys[1]

    def _json(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(method, url, **more)
        except httpx.HTTPError as problem:
            raise SignInError(f"{url} does not answer: {type(problem).__name__}") from None
        if answer.status_code != httpx.codes.OK or len(answer.content) > _LARGEST:
            error = answer.text[:200] if answer.status_code < 500 else ""
            raise SignInError(f"{url} answers {answer.status_code} {error}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SignInError(f"{url} answers no JSON object")
        return found


def _usable(jwk: Any) -> RSAKey | ECKey | OKPKey | None:
    """A public key that an accepted algorithm can use; no symmetric one, whatever its header says."""
    if (
        not isinstance(jwk, dict)
        or jwk.get("use", "sig") != "sig"
        or jwk.get("kty") not in ("RSA", "EC", "OKP")
    ):
        return None
    try:
        key = JWKRegistry.import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= _RSA_BITS else None
    return key if isinstance(key, ECKey | OKPKey) else None


def _algorithm(key: Any) -> str:
    if isinstance(key, ECKey):
        return "ES256"
    return "EdDSA" if isinstance(key, OKPKey) else "PS256"


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignInError(f"{name} is missing or no number")
    return float(value)


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"
