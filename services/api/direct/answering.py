"""One request on the event loop: two ways to the database, and no thread.

The first begins the transaction, uses up the proof, looks who asks, and asks what the route declared ahead, or whether what is
to be decided was answered before; the second writes the lines of the access log, and the answer where it may be asked for
again, and commits. The answer is given behind the second, so all of it stands or falls together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from services.api import idempotency, logbook
from services.api.calls import BeginAgain, Call
from services.api.context import Context
from services.api.direct.sessions import Sessions
from services.api.effecting import UNAVAILABLE, effect_on_loop, permit, unavailable
from services.api.gate import Proven
from services.api.limits import Budget
from services.api.problems import Problem
from services.ledger.storage.pipelined import PipelinedSession
from services.ledger.storage.session import BoundStatement, Row

if TYPE_CHECKING:
    from services.api.routing import Declared

_BEGIN, _COMMIT, _ROLLBACK = BoundStatement(b"BEGIN"), BoundStatement(b"COMMIT"), BoundStatement(b"ROLLBACK")


@dataclass(frozen=True, slots=True)
class Received:
    """A request whose token and binding hold, counted on its client's budget."""

    proven: Proven
    budget: Budget


class LongWay(Exception):
    """The request is to be answered on a thread; nothing of it has happened but what ``received`` tells."""

    def __init__(self, received: Received | None = None) -> None:
        super().__init__()
        self.received = received


async def answer(
    declared: Declared, context: Context, request: Request, parameters: Mapping[str, Any]
) -> Response:
    """The answer of a route that declares what it asks ahead, or decides; raises LongWay for whatever is unusual."""
    proven = context.gate.recognised(request)
    if proven is None:
        raise LongWay
    party = context.party_of(proven.granted.client)
    question = None if party is None else _question(declared, request, party, parameters)
    if party is None or question is None:
        raise LongWay
    body = b"" if declared.method == "GET" else await request.body()
    # What waits for the desk keeps its session meanwhile: never those of whoever only reads.
    sessions = context.decision_sessions if declared.decides else context.sessions
    received = Received(proven, context.limits.take(proven.granted.client, time.monotonic()))
    try:
        if not received.budget.allowed:
            raise Problem("rate-limited")
        session = await sessions.take()
        try:
            response = await _in_one(
                session, declared, context, request, body, parameters, received, party, question
            )
        except (LongWay, Problem, BeginAgain):
            await _undone(sessions, session)
            raise
        except BaseException:
            sessions.drop(session)
            raise
        sessions.give(session)
    except BeginAgain:
        raise LongWay(received) from None
    except Problem as problem:
        response = problem.response()
    except UNAVAILABLE as problem:
        response = unavailable(request, problem)
    response.headers.update(received.budget.headers)
    return response


async def _in_one(
    session: PipelinedSession,
    declared: Declared,
    context: Context,
    request: Request,
    body: bytes,
    parameters: Mapping[str, Any],
    received: Received,
    code: str,
    question: BoundStatement,
) -> Response:
    gate = context.gate
    _, admission, rows = await session.ask(_BEGIN, gate.admission(received.proven), question)
    admitted = gate.judged(admission, received.proven)
    registry = context.known_registry(admitted.registry)
    party = None if registry is None else registry.by_number(admitted.party)
    if registry is None or party is None or party.code != code:
        raise LongWay(received)  # what was asked ahead may be for somebody else
    call = Call.of(context, request, declared.path, admitted, party, registry, body, (question, rows))
    try:
        permit(declared.needs, call)
        response = await _effect(declared, call, parameters, rows)
    except Problem as problem:  # there is nothing to undo, and that it was asked is put down
        call.lines.clear()
        response = problem.response()
    await session.ask(*call.closing, *logbook.lines(call, response.status_code), _COMMIT)
    return response


def _question(
    declared: Declared, request: Request, party: str, parameters: Mapping[str, Any]
) -> BoundStatement | None:
    if declared.ahead is not None:
        return declared.ahead(party, parameters)
    return idempotency.earlier(request, party) if declared.decides else None


async def _effect(
    declared: Declared, call: Call, parameters: Mapping[str, Any], rows: Sequence[Row]
) -> Response:
    before = idempotency.repeated(call, rows) if declared.idempotent else None
    if before is not None:
        return before
    response = (await effect_on_loop(declared, call, parameters)).response(call.request)
    return idempotency.kept(call, response) if declared.idempotent else response


async def _undone(sessions: Sessions, session: PipelinedSession) -> None:
    try:
        await session.ask(_ROLLBACK)
    except BaseException:
        sessions.drop(session)
        raise
    sessions.give(session)
