"""The authorization server (RFC 6749 client credentials): metadata (RFC 8414), keys, and the token endpoint."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from services.api import statement
from services.api.auth.clients import ID
from services.api.auth.gate import PURPOSE
from services.api.auth.permissions import Scope
from services.api.auth.tokens.jose import ALGORITHMS, BadToken, number, opened, public_key, text
from services.api.context import Context
from services.api.limits import Budget, address_of, limit_headers
from services.api.problems import MEDIA_TYPE, Problem
from services.api.responses.platform import AccessToken, AuthorizationServer, JwkSet
from services.api.router import public

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST = 300  # seconds that an assertion may last
_LEEWAY = 5
_UNPROVEN = "the client cannot be proven"
_KINDS = {"ES256": "EC", "PS256": "RSA", "Ed25519": "OKP", "EdDSA": "OKP"}
_STAND_INS: tuple[dict[str, str], ...] = (
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    },
    {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty": "RSA", "n": base64.urlsafe_b64encode(b"\xff" * 256).rstrip(b"=").decode(), "e": "AQAB"},
)
"""Public keys that nobody is known by, of each kind (RFC 7515, A.3; RFC 8037, A.2); what they prove counts for nothing."""


class TokenError(Exception):
    """An error of the token endpoint (RFC 6749, 5.2)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, str]:
        """The answer's members; the description is ASCII without quotes, as the RFC wants it."""
        said = "".join(each for each in self.description if " " <= each <= "~" and each not in '"\\')
        return {"error": self.error, "error_description": said}


class Grants:
    """Grants tokens by what is registered in the database of one API."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def grant(self, request: Request, form: Mapping[str, str]) -> tuple[dict[str, Any], Budget]:
        """The token response to ``form``, and what is left to its client; assertion and proof are used up in one transaction.

        Raises TokenError, and Problem rate-limited for a client that had too many. Only what is proven counts for a client:
        nobody uses up the budget of another one.
        """
        if form.get("grant_type") != "client_credentials":
            raise TokenError("unsupported_grant_type", "only client_credentials")
        context, gate = self._context, self._context.gate
        try:
            certificate = gate.certificate(request)
            proof = gate.proof(request, None) if "dpop" in request.headers else None
        except BadToken as problem:
            raise TokenError("invalid_dpop_proof", str(problem)) from None
        if proof is None and certificate is None:
            raise TokenError("invalid_dpop_proof", "send a DPoP proof, or connect with your certificate")
        assertion = form.get("client_assertion", "")
        client = _claimed(assertion) if assertion else form.get("client_id", "")
        if not ID.fullmatch(client):
            raise TokenError("invalid_client", _UNPROVEN, 401)
        with context.pool.connection() as session:
            rows = session.execute(statement("client_keys"), {"client": client}).fetchall()
            once: list[tuple[bytes, int]] = []
            if assertion:
                once.append(self._asserted(request, form, client, {row[3]: row[4] for row in rows if row[3]}))
            elif not rows or rows[0][2] is None or rows[0][2] != certificate:
                raise TokenError("invalid_client", _UNPROVEN, 401)
            context.metrics.met(client)
            budget = context.tokens_of_client.take(client, time.monotonic())
            if not budget.allowed:
                raise Problem("rate-limited", headers=budget.headers)
            if proof is not None:
                once.append((proof.digest, proof.expires))
            for digest, expires in once:
                used = {"digest": digest, "expires": expires}
                if session.execute(statement("use_once"), used).fetchone() is None:
                    raise TokenError("invalid_client", "the assertion or proof was used before", 401)
        bound = {"jkt": proof.thumbprint} if proof is not None else {"x5t#S256": str(certificate)}
        scope = _scope(form.get("scope"), rows[0][0], rows[0][1])
        seconds = context.settings.api_token_seconds
        issued = context.keys.own().access_token(
            issuer=gate.issuer, audience=gate.audience, client=client, scope=scope,
            seconds=seconds, bound=bound,
        )  # fmt: skip
        kind = "DPoP" if proof is not None else "Bearer"
        body = {"access_token": issued, "token_type": kind, "expires_in": seconds, "scope": scope}
        return body, budget

    def _asserted(
        self, request: Request, form: Mapping[str, str], client: str, keys: Mapping[str, Any]
    ) -> tuple[bytes, int]:
        """Prove a client assertion; returns the digest under which it counts as used, and until when."""
        if form.get("client_assertion_type") != _ASSERTION:
            raise TokenError("invalid_client", f"client_assertion_type is {_ASSERTION}", 401)
        if form.get("client_id", client) != client:
            raise TokenError("invalid_client", "client_id is not the subject of the assertion", 401)
        try:
            claims = _proven(form["client_assertion"], keys)
            now = time.time()
            expires = number(claims, "exp")
            if claims.get("iss") != client or claims.get("sub") != client:
                raise BadToken("iss and sub are both the client's id")
            if not now - _LEEWAY < expires <= now + _LONGEST + _LEEWAY:
                raise BadToken(f"exp lies within the next {_LONGEST} seconds")
            audience = claims.get("aud")
            if not isinstance(audience, str) or audience not in self._audiences(request.scope["path"]):
                raise BadToken(f"aud is {self._context.gate.issuer}, alone")
            jti = text(claims, "jti")
        except BadToken as problem:
            raise TokenError("invalid_client", str(problem), 401) from None
        digest = hashlib.sha256(f"assertion\0{client}\0{jti}".encode()).digest()
        return digest, int(expires) + _LEEWAY + 1

    def _audiences(self, path: str) -> set[str]:
        """What an assertion may name: the issuer, also by another of its own URLs where it has no name apart from them."""
        own = self._context.settings.api_issuer
        names = (own,) if own else self._context.names.urls
        return {*names, *(name + path for name in names)}


def _claimed(assertion: str) -> str:
    """Who an assertion says that it is of; nothing is proven by it."""
    try:
        body = assertion.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return text(claims, "sub")
    except (IndexError, ValueError, AttributeError, BadToken):
        raise TokenError("invalid_client", "the assertion is no JWT with a sub", 401) from None


def _proven(assertion: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of an assertion that one of the client's keys signed; BadToken with one text whatever is wrong.

    Where the client has no key of the kind, or is none, a stand-in is tried: as much work is done, to the same end.
    """
    kind = _KINDS.get(_algorithm(assertion))
    fitting = [jwk for jwk in keys.values() if jwk.get("kty") == kind]
    found = None
    for jwk in fitting or [each for each in _STAND_INS if each["kty"] == kind]:
        try:
            found = opened(assertion, public_key(jwk)).claims
            break
        except BadToken:
            continue
    if found is None or not fitting:
        raise BadToken(_UNPROVEN)
    return found


def _algorithm(assertion: str) -> str:
    head = assertion.partition(".")[0]
    try:
        return str(orjson.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["alg"])
    except (ValueError, TypeError, KeyError):
        return ""


def _scope(asked: str | None, scopes: list[str], purposes: list[str]) -> str:
    may = {*scopes, *(PURPOSE + purpose for purpose in purposes)}
    wanted = sorted(scopes) if asked is None else asked.split()
    if not set(wanted) <= may:
        raise TokenError("invalid_scope", "the client is not registered for that scope")
    return " ".join(wanted)


router = APIRouter(tags=["authorization"])
TOKEN = "/oauth2/token"
KEYS = "/oauth2/jwks"
METADATA = "/.well-known/oauth-authorization-server"


@router.get(
    METADATA,
    response_class=Response,
    responses={200: {"description": "RFC 8414.", "model": AuthorizationServer}},
)
@public
async def metadata(request: Request) -> Response:
    """Where tokens are had, and how a client proves itself."""
    context: Context = request.app.state.context
    issuer = context.gate.issuer
    return _json(
        {
            "issuer": issuer,
            "token_endpoint": issuer + TOKEN,
            "jwks_uri": issuer + KEYS,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "self_signed_tls_client_auth"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "dpop_signing_alg_values_supported": list(ALGORITHMS),
            "tls_client_certificate_bound_access_tokens": True,
            "scopes_supported": [str(scope) for scope in Scope],
        }
    )


@router.get(KEYS, response_class=Response, responses={200: {"description": "RFC 7517.", "model": JwkSet}})
@public
async def keys(request: Request) -> Response:
    """The public keys by which access tokens are proven."""
    context: Context = request.app.state.context
    own = await anyio.to_thread.run_sync(context.keys.own)
    return _json(own.jwks())


@router.post(
    TOKEN,
    response_class=Response,
    responses={
        200: {
            "description": "An access token that is bound to the proof's key or the certificate.",
            "model": AccessToken,
        },
        400: {"description": "An error of RFC 6749, 5.2."},
        401: {"description": "invalid_client"},
        429: {
            "description": "`rate-limited`: Too many requests",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "required": ["grant_type"],
                        "properties": {
                            "grant_type": {"const": "client_credentials"},
                            "client_id": {"type": "string"},
                            "client_assertion_type": {"type": "string"},
                            "client_assertion": {"type": "string"},
                            "scope": {"type": "string"},
                        },
                    }
                }
            },
        }
    },
)
@public
async def token(request: Request) -> Response:
    """Client credentials with a signed assertion (RFC 7523), and a DPoP proof or a certificate to bind the token to."""
    context: Context = request.app.state.context
    started = time.monotonic()
    address = address_of(request, context.settings.api_proxies)
    budget = context.tokens_of_address.take(address, time.monotonic())
    if not budget.allowed:
        return Problem("rate-limited", headers=budget.headers).response()
    answer = await _granted(request, context, budget)
    if answer.status_code == 401:  # how long it took says nothing of who is registered
        await asyncio.sleep(max(0.0, started + context.settings.api_foreign_floor - time.monotonic()))
    answer.headers.update(
        {name: value for name, value in limit_headers(budget).items() if name not in answer.headers}
    )
    return answer


async def _granted(request: Request, context: Context, of_address: Budget) -> Response:
    """The answer to a request that is within the budget of its address."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        return _json({"error": "invalid_request", "error_description": "send a form"}, 400)
    try:
        pairs = parse_qsl((await request.body()).decode(), strict_parsing=True, max_num_fields=20)
    except ValueError:
        pairs = []
    form = dict(pairs)
    if len(form) != len(pairs) or not form:
        return _json({"error": "invalid_request", "error_description": "send each parameter once"}, 400)
    try:
        given, of_client = await context.in_worker(Grants(context).grant, request, form)
    except TokenError as refused:
        context.metrics.not_let_in(refused.error)
        return _json(refused.body(), refused.status, refused.headers)
    except Problem as problem:
        nonce = problem.headers.get("dpop-nonce")
        if nonce is None:
            raise
        return _json(
            {"error": "use_dpop_nonce", "error_description": problem.detail}, 400, {"dpop-nonce": nonce}
        )
    return _json(given, headers=limit_headers(of_client, of_address))


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    caching = {"cache-control": "no-store"}
    return Response(orjson.dumps(body), status, {**caching, **(headers or {})}, "application/json")
