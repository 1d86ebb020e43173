"""Refusals of the framework as problems (RFC 9457)."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from services.api.edge import TooLarge
from services.api.problems import Problem

_BY_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    412: "precondition-failed",
    413: "content-too-large",
    415: "unsupported-media-type",
    422: "invalid",
    429: "rate-limited",
    503: "unavailable",
}
_MOST_ERRORS = 50
_JSON = re.compile(r"application/([\w.+-]+\+)?json(\s*;.*)?", re.IGNORECASE)


def install(app: FastAPI) -> None:
    """Make every refusal of ``app`` a problem."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Problem, _problem)


async def _problem(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem.response()


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, HTTPException)
    name = _BY_STATUS.get(refused.status_code, "bad-request" if refused.status_code < 500 else "internal")
    more: dict[str, Any] = {"limit": refused.limit} if isinstance(refused, TooLarge) else {}
    headers = {"allow": _methods(request)} if refused.status_code == 405 else refused.headers
    return Problem(name, headers=headers, **more).response()


def _methods(request: Request) -> str:
    """The methods of all routes of the path; the framework names those of the first."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    found = (route.methods or () for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for methods in found for method in methods}))


async def _invalid(request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)
    given = request.headers.get("content-type")
    in_body = any(fault["loc"][:1] == ("body",) for fault in invalid.errors())
    if in_body and given is not None and not _JSON.fullmatch(given.strip()):
        return Problem("unsupported-media-type").response()
    return Problem("invalid", errors=[_fault(fault) for fault in invalid.errors()[:_MOST_ERRORS]]).response()


def _fault(fault: dict[str, Any]) -> dict[str, str]:
    """One fault: where (a JSON pointer in the body, or a parameter) and what; never the value that was sent."""
    where, *path = fault["loc"]
    if fault["type"] == "json_invalid":
        return {"pointer": "", "detail": "not JSON"}
    if where == "body":
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
        return {"pointer": "".join(f"/{step}" for step in steps), "detail": fault["msg"]}
    return {"parameter": ".".join(map(str, path)), "detail": fault["msg"]}
