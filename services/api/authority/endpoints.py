"""The authorization server's endpoints: its metadata (RFC 8414), its keys, and the token endpoint."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from services.api.addresses import address_of
from services.api.authority.granting import Granting, TokenError
from services.api.context import Context
from services.api.limits import Budget, told
from services.api.needs import Scope
from services.api.problems import MEDIA_TYPE, Problem
from services.api.responses.platform import AccessToken, AuthorizationServer, JwkSet
from services.api.router import public
from services.api.tokens.jose import ALGORITHMS

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
    answer.headers.update({name: value for name, value in told(budget).items() if name not in answer.headers})
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
        given, of_client = await context.in_worker(Granting(context).grant, request, form)
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
    return _json(given, headers=told(of_client, of_address))


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    caching = {"cache-control": "no-store"}
    return Response(orjson.dumps(body), status, {**caching, **(headers or {})}, "application/json")
