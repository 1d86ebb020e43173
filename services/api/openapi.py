"""The published description (OpenAPI 3.1): what FastAPI knows, with problems, proofs and headers that it does not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from services.api.problems import BASE, KINDS, MEDIA_TYPE

_ALWAYS = (
    "unauthorized",
    "proof-replayed",
    "forbidden",
    "rate-limited",
    "internal",
    "unavailable",
    "invalid",
    "bad-request",
    "misdirected",
    "request-timeout",
    "uri-too-long",
    "headers-too-large",
    "too-many-connections",
)
_UNSAFE = (
    "idempotency-key-missing",
    "idempotency-in-flight",
    "idempotency-key-reused",
    "content-too-large",
    "unsupported-media-type",
)
_PROBLEM = {
    "type": "object",
    "description": "A problem (RFC 9457). `type` is the member that programs compare.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "enum": [BASE + name for name in KINDS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) in the body"},
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "traceId": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "the trace of this request (W3C Trace Context): the caller's, where it sent a traceparent",
        },
        "trace": {"type": "string", "description": "the id under which the fault was recorded"},
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "New for each intention, the same for each repetition.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Entity tags that the caller has; 304 where the present one is among them.",
    "schema": {"type": "string"},
}


def describe(app: FastAPI, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The whole description of ``routes``, as JSON-ready data in their order; made once per app."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(app, routes)
    return app.openapi_schema


def _described(app: FastAPI, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=version("lianyun"),  # of the release; what callers rely on is the /v1 of the paths
        openapi_version="3.1.0",
        summary=app.summary,
        description=app.description,
        routes=routes,
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = {
        "dpop": {
            "type": "http",
            "scheme": "DPoP",
            "description": "An access token bound to a key (RFC 9449): Authorization: DPoP, and a proof in the header DPoP.",
        },
        "certificate": {
            "type": "mutualTLS",
            "description": "An access token bound to the client's certificate (RFC 8705): Authorization: Bearer.",
        },
    }
    for path in found["paths"].values():
        for operation in path.values():
            _complete(operation)
    return found


def _complete(operation: dict[str, Any]) -> None:
    own = operation.pop("x-problems", None)
    idempotent = operation.pop("x-idempotent", False)
    responses = operation["responses"]
    responses.pop("422", None)
    if own is None:  # a public route: its refusals are those of the framework
        return
    needs = operation["x-needs"]
    operation["security"] = [{"dpop": [needs["scope"]]}, {"certificate": [needs["scope"]]}]
    names = [*_ALWAYS, *(_UNSAFE if idempotent else ()), *own]
    parameters = operation.setdefault("parameters", [])
    if idempotent:
        parameters.append(_IDEMPOTENCY_KEY)
    if "200" in responses and "requestBody" not in operation and not idempotent:
        parameters.append(_IF_NONE_MATCH)
        responses["304"] = {"description": "As the caller has it."}
    if not parameters:
        del operation["parameters"]
    by_status: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        by_status.setdefault(KINDS[name].status, []).append(name)
    for status, kinds in sorted(by_status.items()):
        titles = "; ".join(f"`{name}`: {KINDS[name].title}" for name in kinds)
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses[str(status)] = {"description": titles, "content": content}
    operation["responses"] = dict(sorted(responses.items()))
