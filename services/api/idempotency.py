"""Repeated requests (IETF draft idempotency-key-header): the same key and request gives the stored answer, in one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.api import statement
from services.api.calls import Answer, Call
from services.api.problems import Problem
from services.ledger.audit_trail.digests import ANSWER, seal
from services.ledger.storage.session import BoundStatement, Row

_KEY = re.compile(r"[!-~]{1,255}")


def repeatable(call: Call, effect: Callable[[], Answer]) -> Response:
    """The answer to an unsafe request: stored if it was given before, else that of ``effect``, stored with it.

    What is raised is not stored: nothing happened, and a repetition tries again. Problem where the key is missing, was used
    for another request, or is at work.
    """
    question = earlier(call.request, call.party.code)
    if question is None:
        raise Problem("idempotency-key-missing")
    before = repeated(call, call.session.execute(*question).fetchall())
    return kept(call, effect().response(call.request)) if before is None else before


def earlier(request: Request, party: str) -> BoundStatement | None:
    """What asks for the answer that was given to ``party`` under the key of ``request``; None where that has none."""
    key = _key(request)
    if not _KEY.fullmatch(key):
        return None
    # Whichever of its clients asks: the intention is the party's.
    lock = int.from_bytes(hashlib.sha256(f"{party}\0{key}".encode()).digest()[:8], "big", signed=True)
    return BoundStatement(statement("answer_under"), {"lock": lock, "party": party, "key": key})


def repeated(call: Call, rows: Sequence[Row]) -> Response | None:
    """The answer in the ``rows`` that answer ``earlier``, None where there was none. Problem as ``repeatable``."""
    ((free, request, status, headers, body),) = rows
    if not free:
        raise Problem("idempotency-in-flight", headers={"retry-after": "1"})
    if request is None:
        return None
    if bytes(request) != _digest(call):
        raise Problem("idempotency-key-reused")
    return Response(bytes(body), status, {**headers, "idempotent-replayed": "true"})


def kept(call: Call, response: Response) -> Response:
    """``response``, which is stored when the transaction is closed."""
    headers = {
        name: value for name, value in response.headers.items() if name not in ("content-length", "date")
    }
    answer = {
        "party": call.party.code,
        "key": _key(call.request),
        "request": _digest(call),
        "status": response.status_code,
        "headers": headers,
        "body": bytes(response.body),
        "given": call.now,
    }
    call.answer = seal(*(answer[name] for name in ANSWER))
    stored = {**answer, "headers": orjson.dumps(headers).decode(), "seal": call.answer}
    call.closing.append(BoundStatement(statement("put_answer"), stored))
    return response


def _key(request: Request) -> str:
    return request.headers.get("idempotency-key", "")


def _digest(call: Call) -> bytes:
    scope = call.request.scope
    target = f"{call.request.method} {scope['path']}?{scope['query_string'].decode('latin-1')}\0"
    return hashlib.sha256(target.encode() + call.body).digest()
