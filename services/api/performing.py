"""One request from its token to its answer: proven, within budget, permitted, in one transaction, logged."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from psycopg import Connection
from psycopg.pq import TransactionStatus
from starlette.requests import Request
from starlette.responses import Response

from services.api import logbook
from services.api.calls import BeginAgain, Call
from services.api.context import Context
from services.api.direct import answering
from services.api.direct.answering import LongWay, Received
from services.api.effecting import UNAVAILABLE, effect, permit, unavailable
from services.api.gate import Proven
from services.api.idempotency import repeatable
from services.api.problems import Problem, ProblemResponse

if TYPE_CHECKING:
    from services.api.routing import Declared

ATTEMPTS = 8


async def perform(declared: Declared, request: Request, parameters: dict[str, Any]) -> Response:
    """Answer ``request`` by ``declared``: on the loop where it reads only what is asked ahead, or decides; else on a thread."""
    context: Context = request.app.state.context
    started = time.monotonic()
    try:
        if declared.ahead is None and not declared.decides:
            raise LongWay
        response = await answering.answer(declared, context, request, parameters)
    except LongWay as way:
        body = await request.body() if declared.method != "GET" else b""
        response = await asyncio.get_running_loop().run_in_executor(
            request.app.state.threads, _answered, declared, context, request, body, parameters, way.received
        )
    if isinstance(response, ProblemResponse):
        context.metrics.refused(response.problem)
    if response.status_code == 404 or getattr(request.state, "nothing", False):
        # What is absent takes less work than what is foreign: neither is told sooner than this.
        await asyncio.sleep(max(0.0, started + context.settings.api_foreign_floor - time.monotonic()))
    return response


def _answered(
    declared: Declared,
    context: Context,
    request: Request,
    body: bytes,
    parameters: dict[str, Any],
    received: Received | None,
) -> Response:
    told: dict[str, str] = {}
    try:
        if received is None:
            proven = context.gate.proven(request)
            received = Received(proven, context.limits.take(proven.granted.client, time.monotonic()))
        told = received.budget.headers
        if not received.budget.allowed:
            raise Problem("rate-limited")
        if declared.transaction:
            response = _until_steady(declared, context, request, body, parameters, received.proven)
        else:
            response = _in_several(declared, context, request, body, parameters, received.proven)
    except Problem as problem:
        response = problem.response()
    except UNAVAILABLE as problem:
        response = unavailable(request, problem)
    response.headers.update(told)
    return response


def _until_steady(
    declared: Declared,
    context: Context,
    request: Request,
    body: bytes,
    parameters: dict[str, Any],
    proven: Proven,
) -> Response:
    """The answer, begun again where what it rests on changed under it. Problem conflict where it changes on and on."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return _in_one(declared, context, request, body, parameters, proven)
        except BeginAgain as changed:
            if not left:
                _log_alone(context, changed.call, proven, 409)
    raise Problem("conflict", "What the request rests on changes all the time; ask again.")


def _in_one(
    declared: Declared,
    context: Context,
    request: Request,
    body: bytes,
    parameters: dict[str, Any],
    proven: Proven,
) -> Response:
    call = None
    try:
        with context.pool.connection() as session:
            session.autocommit = (
                True  # the transaction is begun and committed by statements that go with others
            )
            call = _call(declared, context, request, body, session, proven)
            call._session = session
            if declared.method == "GET":
                return _read_only(declared, call, parameters)
            permit(declared.needs, call)
            if declared.idempotent:
                response = repeatable(call, lambda: effect(declared, call, parameters))
            else:
                response = effect(declared, call, parameters).response(request)
            _logged(session, call, response.status_code)
        return response
    except Problem as problem:
        # Nothing of the route stays; that it was asked does, and the proof stays used.
        _log_alone(context, call, proven, problem.kind.status)
        raise


def _read_only(declared: Declared, call: Call, parameters: dict[str, Any]) -> Response:
    """The answer of a route that changes nothing: where it raises a Problem there is nothing to undo."""
    try:
        permit(declared.needs, call)
        response = effect(declared, call, parameters).response(call.request)
    except Problem as problem:
        if call.session.info.transaction_status is not TransactionStatus.INTRANS:
            raise
        call.lines.clear()
        response = problem.response()
    _logged(call.session, call, response.status_code)
    return response


def _logged(session: Connection[Any], call: Call, status: int) -> None:
    """Write what is still to be written and the lines of the access log, and commit: all of it in one round trip.

    They and what was read stand or fall together.
    """
    with session.pipeline():
        for query, parameters in call.closing:
            session.execute(query, parameters)
        logbook.write(session, call, status)
        session.execute(b"COMMIT")


def _in_several(
    declared: Declared,
    context: Context,
    request: Request,
    body: bytes,
    parameters: dict[str, Any],
    proven: Proven,
) -> Response:
    with context.pool.connection() as session:
        call = _call(declared, context, request, body, session, proven)
    try:
        permit(declared.needs, call)
        response = effect(declared, call, parameters).response(request)
    except Problem as problem:
        response = problem.response()
    with context.pool.connection() as session:
        logbook.write(session, call, response.status_code)
    return response


def _call(
    declared: Declared,
    context: Context,
    request: Request,
    body: bytes,
    session: Connection[Any],
    proven: Proven,
) -> Call:
    admitted = context.gate.admitted(session, proven)
    registry = context.registry(session, admitted.registry)
    party = registry.by_number(admitted.party)
    if party is None:
        raise Problem("unauthorized", "The client's party is not registered.")
    context.metrics.met(admitted.caller.client)
    context.remember(admitted.caller.client, party.code)
    return Call.of(context, request, declared.path, admitted, party, registry, body)


def _log_alone(context: Context, call: Call | None, proven: Proven, status: int) -> None:
    if call is None:
        return
    with context.pool.connection() as session:
        try:
            context.gate.admitted(session, proven)
        except Problem:
            return  # somebody used the proof meanwhile, or the client was revoked: that request has its own line
        call.lines.clear()
        call.answer = None  # it is not stored
        logbook.write(session, call, status)
