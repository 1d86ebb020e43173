"""The request pipeline, from the token to the answer: every request takes it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response

from services.api import access_log, idempotency
from services.api.auth.gate import Proven
from services.api.calls import Answer, BeginAgain, Call, PendingDecision
from services.api.context import Context
from services.api.financing.decisions import decide
from services.api.operations import Operation
from services.api.problems import Problem, ProblemResponse
from services.api.sandbox.forced import forced
from services.api.transactions import LoopTransaction, Transaction, WorkerTransaction
from services.ledger.storage.session import BoundStatement, Row

log = logging.getLogger(__name__)
ATTEMPTS = 8
UNAVAILABLE = (PoolTimeout, psycopg.errors.LockNotAvailable, psycopg.OperationalError)
"""Errors of a database that is not available now and may be in a second."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request whose token is proven, within its client's budget."""

    operation: Operation
    context: Context
    request: Request
    parameters: Mapping[str, Any]
    body: bytes
    proven: Proven

    def question(self, party: str) -> BoundStatement | None:
        """The statement to send together with the admission; see ``Operation.question``."""
        return self.operation.question(self.request, party, self.parameters)


async def perform(operation: Operation, request: Request, parameters: Mapping[str, Any]) -> Response:
    """The answer to ``request``: token, budget, then in one transaction admission, permission, the answer given earlier or
    the route's own, access log, commit.

    Problems are answered, not raised. What is absent is answered no sooner than what is foreign.
    """
    context: Context = request.app.state.context
    started = time.monotonic()
    limits: Mapping[str, str] = {}
    body = b"" if operation.method == "GET" else await request.body()
    try:
        proven = context.gate.recognised(request)
        if proven is None:  # the token is new, and its issuer's keys may have to be fetched
            proven = await context.in_worker(context.gate.proven, request)
        budget = context.limits.take(proven.granted.client, time.monotonic())
        limits = budget.headers
        if not budget.allowed:
            raise Problem("rate-limited")
        response = await _settled(Exchange(operation, context, request, parameters, body, proven))
    except Problem as problem:
        response = problem.response()
    except UNAVAILABLE as error:
        response = _unavailable(request, error)
    response.headers.update(limits)
    if isinstance(response, ProblemResponse):
        context.metrics.refused(response.problem)
    if response.status_code == 404 or getattr(request.state, "nothing", False):
        await asyncio.sleep(max(0.0, started + context.settings.api_foreign_floor - time.monotonic()))
    return response


async def _settled(exchange: Exchange) -> Response:
    """The answer, begun again in a new transaction where what it rests on changed under it."""
    for attempt in range(ATTEMPTS):
        transaction = _transaction(exchange, attempt)
        try:
            return await transaction.run(_respond(exchange, transaction, final=attempt == ATTEMPTS - 1))
        except BeginAgain:
            continue
    raise AssertionError("the last attempt answers")


def _transaction(exchange: Exchange, attempt: int) -> Transaction:
    """Where the route's body runs: on the event loop if it reads one declared statement or decides, else on a worker thread.

    A decision that its group could not take is taken on a worker, in the request's own transaction.
    """
    context, operation = exchange.context, exchange.operation
    if attempt == 0 and operation.decision:
        # A decision holds its session until the group has committed: never one of those that only read.
        return LoopTransaction(context, context.decision_sessions)
    if attempt == 0 and operation.prefetch is not None and exchange.question("") is not None:
        return LoopTransaction(context, context.sessions)
    return WorkerTransaction(context)


async def _respond(exchange: Exchange, transaction: Transaction, *, final: bool) -> Response:
    """The answer, committed with its lines of the access log; they and what was read stand or fall together.

    Raises Problem for who is not admitted: then nothing stays. Any later Problem is an answer: nothing of the route stays, but
    the proof is used and the request is in the access log. Raises BeginAgain unless ``final``.
    """
    operation, request = exchange.operation, exchange.request
    async with transaction:
        call, earlier = await _admitted(exchange, transaction)
        if not operation.transaction:
            await transaction.commit()
        try:
            operation.permit(call)
            before = idempotency.repeated(call, earlier) if operation.idempotent else None
            if before is None:
                response = (await answer(operation, call, exchange.parameters)).response(request)
                if operation.idempotent:
                    idempotency.store(call, response)
            else:
                response = before
        except (Problem, BeginAgain) as ended:
            if isinstance(ended, BeginAgain) and not final:
                raise
            await transaction.undo()
            call.lines.clear()
            response = _problem(ended).response()
        if not operation.transaction:
            await transaction.begin()
        await transaction.commit(*call.closing, *access_log.lines(call, response.status_code))
    return response


async def _admitted(exchange: Exchange, transaction: Transaction) -> tuple[Call, Sequence[Row] | None]:
    """The call of a client that is registered and whose proof is fresh, and the rows of its question, None where it has none.

    The question goes with the admission where the client's party is known; once the admission says another one, it is asked
    again for that.
    """
    context, proven = exchange.context, exchange.proven
    expected = context.party_of(proven.granted.client)
    question = None if expected is None else exchange.question(expected)
    admission, *found = await transaction.begin(
        context.gate.admission(proven), *([] if question is None else [question])
    )
    admitted = context.gate.judged(admission, proven)
    registry = await transaction.registry(admitted.registry)
    party = registry.by_number(admitted.party)
    if party is None:
        raise Problem("unauthorized", "The client's party is not registered.")
    context.metrics.met(admitted.caller.client)
    context.remember(admitted.caller.client, party.code)
    if party.code != expected:
        question = exchange.question(party.code)
        found = [] if question is None else await transaction.ask(question)
    rows = found[0] if found else None
    prefetched = None if question is None or rows is None else (question, rows)
    call = Call(
        context,
        exchange.request,
        exchange.operation.path,
        exchange.request.state.id,
        admitted.caller,
        party,
        registry,
        admitted.now,
        exchange.body,
        transaction.session if exchange.operation.transaction else None,
        prefetched,
    )
    return call, rows


async def answer(operation: Operation, call: Call, parameters: Mapping[str, Any]) -> Answer:
    """What the sandbox tenant forces, else what the route answers, decided where it leaves that open."""
    found: Answer | PendingDecision | None = forced(call, operation.method, operation.path, parameters)
    if found is None:
        found = operation.function(call, **parameters)
    settled = await decide(call, found) if isinstance(found, PendingDecision) else found
    call.request.state.nothing = settled.nothing
    return settled


def _problem(ended: Problem | BeginAgain) -> Problem:
    if isinstance(ended, Problem):
        return ended
    return Problem("conflict", "What the request rests on changes all the time; ask again.")


def _unavailable(request: Request, error: Exception) -> Response:
    log.warning(
        "the database did not answer: %s",
        type(error).__name__,
        extra={
            "action": "api_unavailable",
            "request": request.state.id,
            "trace_id": request.state.tracing.trace_id,
        },
    )
    return Problem("unavailable", headers={"retry-after": "1"}).response()
