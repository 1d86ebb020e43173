"""Repeated requests (IETF draft idempotency-key-header): the same key and request gives the stored answer, in one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import orjson
from starlette.responses import Response

from services.api.calls import Answer, Call
from services.api.problems import Problem
from services.api.statements import statement

_KEY = re.compile(r"[!-~]{1,255}")


def repeatable(call: Call, effect: Callable[[], Answer]) -> Response:
    """The answer to an unsafe request: stored if it was given before, else that of ``effect``, stored with it.

    What is raised is not stored: nothing happened, and a repetition tries again. Problem where the key is missing, was used
    for another request, or is at work.
    """
    key = call.request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise Problem("idempotency-key-missing")
    party = call.party.code  # whichever of its clients asks: the intention is the party's
    request = _digest(call)
    lock = int.from_bytes(hashlib.sha256(f"{party}\0{key}".encode()).digest()[:8], "big", signed=True)
    row = call.session.execute(
        statement("answer_under"), {"lock": lock, "party": party, "key": key}
    ).fetchone()
    assert row is not None
    free, before, status, headers, body = row
    if not free:
        raise Problem("idempotency-in-flight", headers={"retry-after": "1"})
    if before is not None:
        if bytes(before) != request:
            raise Problem("idempotency-key-reused")
        return Response(bytes(body), status, {**headers, "idempotent-replayed": "true"})
    response = effect().response(call.request)
    kept = {name: value for name, value in response.headers.items() if name not in ("content-length", "date")}
    answer = {
        "party": party,
        "key": key,
        "request": request,
        "status": response.status_code,
        "headers": orjson.dumps(kept).decode(),
        "body": bytes(response.body),
        "given": call.now,
    }
    call.closing.append((statement("put_answer"), answer))
    return response


def _digest(call: Call) -> bytes:
    target = f"{call.request.method} {call.request.url.path}?{call.request.url.query}\0"
    return hashlib.sha256(target.encode() + call.body).digest()
