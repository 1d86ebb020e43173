"""What a call may do, and what comes of it: the same on a thread and on the event loop."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response

from services.api.banking import deciding
from services.api.calls import Answer, Call, Undecided
from services.api.needs import Needs
from services.api.problems import Problem
from services.api.sandbox.forcing import forced

if TYPE_CHECKING:
    from services.api.routing import Declared

log = logging.getLogger(__name__)
UNAVAILABLE = (PoolTimeout, psycopg.errors.LockNotAvailable, psycopg.OperationalError)
"""What the database cannot be asked for now, and perhaps in a second."""


def effect(declared: Declared, call: Call, parameters: Mapping[str, Any]) -> Answer:
    """The route's answer, or the one that the sandbox tenant forces."""
    found = _found(declared, call, parameters)
    answer = deciding.decided(call, found) if isinstance(found, Undecided) else found
    call.request.state.nothing = answer.nothing
    return answer


async def effect_on_loop(declared: Declared, call: Call, parameters: Mapping[str, Any]) -> Answer:
    """The same without blocking, of a route that asks nothing but what was asked ahead, or the desk."""
    found = _found(declared, call, parameters)
    answer = await deciding.decided_on_loop(call, found) if isinstance(found, Undecided) else found
    call.request.state.nothing = answer.nothing
    return answer


def _found(declared: Declared, call: Call, parameters: Mapping[str, Any]) -> Answer | Undecided:
    answer = forced(call, declared.method, declared.path, parameters)
    return declared.function(call, **parameters) if answer is None else answer


def permit(needs: Needs, call: Call) -> None:
    """Raises Problem forbidden where the caller has not what the route needs."""
    if not call.party.roles & needs.roles:
        raise Problem("forbidden", "This route is not open to your role.")
    if needs.scope not in call.caller.scopes:
        raise Problem("forbidden", f"The token needs the scope {needs.scope}.", scope=str(needs.scope))


def unavailable(request: Request, problem: Exception) -> Response:
    """The answer where one of UNAVAILABLE was raised."""
    log.warning(
        "the database did not answer: %s",
        type(problem).__name__,
        extra={
            "action": "api_unavailable",
            "request": request.state.id,
            "trace_id": request.state.tracing.trace_id,
        },
    )
    return Problem("unavailable", headers={"retry-after": "1"}).response()
