"""The issuer as an ASGI application over a list of people."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl, unquote, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CODE_SECONDS = 60
TOKEN_SECONDS = 300
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person to choose: subject, name, party and what is written beside it."""

    subject: str
    name: str
    party: str
    about: str


@dataclass(frozen=True, slots=True)
class Client:
    """The one client: its id, its secret, and where it may be led back to, exactly."""

    id: str
    secret: str
    redirect_uris: frozenset[str]
    logout_uris: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Code:
    subject: str
    session: str
    redirect_uri: str
    nonce: str
    challenge: str
    expires: float


People = Callable[[], Sequence[ListedPerson]]


@dataclass
class Issuer:
    """Signs in whoever is chosen from ``people``; keys and codes live in this process. ``rotate`` makes a new key."""

    url: str
    client: Client
    people: People
    clock: Callable[[], float] = time.time
    _codes: dict[str, _Code] = field(default_factory=dict)
    _keys: list[ECKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        """Sign with a new key from now on; the one before stays published."""
        self._keys = [ECKey.generate_key("P-256"), *self._keys[:1]]

    def application(self) -> Starlette:
        """The pages and endpoints."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._choose, methods=["GET"]),
                Route("/authorize", self._chosen, methods=["POST"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/jwks", self._jwks),
                Route("/end-session", self._end_session),
            ]
        )

    def signed(self, claims: Mapping[str, object]) -> str:
        """A token of this issuer."""
        key = self._keys[0]
        return jwt.encode({"alg": "ES256", "kid": key.thumbprint(), "typ": "JWT"}, dict(claims), key)

    async def _discovery(self, request: Request) -> Response:
        return _foreign(request) or JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "end_session_endpoint": f"{self.url}/end-session",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "scopes_supported": ["openid"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _choose(self, request: Request) -> Response:
        asked = dict(request.query_params)
        refused = _foreign(request) or self._refused(asked)
        if refused is not None:
            return refused
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in asked.items()
        )
        rows = "".join(
            f'<li><form method="post" action="/authorize">{hidden}'
            f'<button name="subject" value="{escape(each.subject)}">{escape(each.name)}</button> '
            f"<strong>{escape(each.party)}</strong> {escape(each.about)}</form></li>"
            for each in self.people()
        )
        return HTMLResponse(_PAGE.format(rows=rows or "<li>Nobody is registered.</li>"), headers=_HEADERS)

    async def _chosen(self, request: Request) -> Response:
        asked = await _form(request)
        subject = asked.pop("subject", "")
        refused = _foreign(request) or self._refused(asked)
        if refused is not None:
            return refused
        if subject not in {each.subject for each in self.people()}:
            return _error("nobody of that subject is in the list")
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(
            subject,
            secrets.token_urlsafe(16),
            asked["redirect_uri"],
            asked.get("nonce", ""),
            asked["code_challenge"],
            self.clock() + CODE_SECONDS,
        )
        back = {"code": code, "state": asked.get("state", ""), "iss": self.url}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303, headers=_HEADERS)

    def _refused(self, asked: Mapping[str, str]) -> Response | None:
        """What is wrong with an authorization request; never a redirect, to an address that may be anybody's."""
        if asked.get("client_id") != self.client.id:
            return _error("no such client")
        if asked.get("redirect_uri") not in self.client.redirect_uris:
            return _error("no such redirect address of this client")
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            return _error("only response_type=code with scope openid")
        if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
            return _error("a code challenge of S256 is needed")
        return None

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        if (refused := _foreign(request)) is not None:
            return refused
        if not self._is_client(request.headers.get("authorization", "")):
            return JSONResponse({"error": "invalid_client"}, 401, {"www-authenticate": "Basic"})
        code = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "")
        if (
            form.get("grant_type") != "authorization_code"
            or code is None
            or code.expires <= self.clock()
            or form.get("redirect_uri") != code.redirect_uri
            or not hmac.compare_digest(_challenge(verifier), code.challenge)
        ):
            return JSONResponse({"error": "invalid_grant"}, 400, _HEADERS)
        now = int(self.clock())
        claims = {
            "iss": self.url, "sub": code.subject, "aud": self.client.id, "iat": now, "exp": now + TOKEN_SECONDS,
            "auth_time": now, "sid": code.session, "nonce": code.nonce,
        }  # fmt: skip
        answer = {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": self.signed(claims),
        }
        return JSONResponse(answer, headers=_HEADERS)

    def _is_client(self, header: str) -> bool:
        scheme, _, value = header.partition(" ")
        try:
            id_, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        given = unquote(id_), unquote(secret)
        return scheme.lower() == "basic" and hmac.compare_digest(
            "\0".join(given).encode(), f"{self.client.id}\0{self.client.secret}".encode()
        )

    async def _jwks(self, request: Request) -> Response:
        keys = [
            {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
            for key in self._keys
        ]
        return _foreign(request) or JSONResponse({"keys": keys})

    async def _end_session(self, request: Request) -> Response:
        """Nothing is to be ended: it remembers nobody between two sign-ins."""
        where = request.query_params.get("post_logout_redirect_uri", "")
        if (refused := _foreign(request)) is not None:
            return refused
        return RedirectResponse(where, 303) if where in self.client.logout_uris else _error("no such address")


def _foreign(request: Request) -> Response | None:
    """Whoever reaches it by another name is turned away: a page elsewhere may have had that name resolved to this machine."""
    return None if request.url.hostname in LOOPBACK else _error("only on this machine")


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _error(text: str) -> Response:
    return HTMLResponse(f"<!doctype html><title>Refused</title><p>{escape(text)}</p>", 400, headers=_HEADERS)


_HEADERS = {"cache-control": "no-store", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Who are you?</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem }}
li {{ margin: .5rem 0 }} button {{ font: inherit; min-height: 2.5rem; min-width: 14rem; text-align: left }}
</style>
<main><h1>Who are you?</h1>
<p>This list takes the place of an identity provider on this machine, for the demo. It checks no password: never use it elsewhere.</p>
<ul>{rows}</ul></main></html>
"""
