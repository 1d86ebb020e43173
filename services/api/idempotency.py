"""Repeated requests (IETF draft idempotency-key-header): the same key and request gives the stored answer, in one transaction."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.api import statement
from services.api.calls import Call
from services.api.financing.decisions import keys_of
from services.api.problems import Problem
from services.ledger.audit_trail.digests import ANSWER, seal
from services.ledger.storage.session import BoundStatement, Row

_KEY = re.compile(r"[!-~]{1,255}")


def earlier(request: Request, party: str) -> BoundStatement | None:
    """What asks for the answer that was given to ``party`` under the key of ``request``; None where that has none."""
    key = _key(request)
    if not _KEY.fullmatch(key):
        return None
    # Whichever of its clients asks: the intention is the party's.
    lock = int.from_bytes(hashlib.sha256(f"{party}\0{key}".encode()).digest()[:8], "big", signed=True)
    return BoundStatement(statement("answer_under"), {"lock": lock, "party": party, "key": key})


def repeated(call: Call, rows: Sequence[Row] | None) -> Response | None:
    """The answer in the ``rows`` of ``earlier``, None where none was given; what was a Problem is not stored and tried again.

    Problem where the key is missing (``rows`` is None), was used for another request, or is at work.
    """
    if rows is None:
        raise Problem("idempotency-key-missing")
    ((free, request, status, headers, body),) = rows
    if not free:
        raise Problem("idempotency-in-flight", headers={"retry-after": "1"})
    if request is None:
        return None
    # Releases before this one stored a plain digest.
    if bytes(request) not in (_digest(call), hashlib.sha256(_sent(call)).digest()):
        raise Problem("idempotency-key-reused")
    return Response(bytes(body), status, {**headers, "idempotent-replayed": "true"})


def store(call: Call, response: Response) -> None:
    """Let ``response`` be stored under the key of the request when the transaction commits."""
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


def _key(request: Request) -> str:
    return request.headers.get("idempotency-key", "")


def _digest(call: Call) -> bytes:
    """Of the request; keyed, so that nobody who reads what is stored can try out the documents in its body."""
    try:
        signer = keys_of(call).signer(call.context.settings.network)
    except Problem:  # without keys of financing no documents are taken
        return hashlib.sha256(_sent(call)).digest()
    return hmac.digest(signer.secret("idempotency"), _sent(call), "sha256")


def _sent(call: Call) -> bytes:
    scope = call.request.scope
    target = f"{call.request.method} {scope['path']}?{scope['query_string'].decode('latin-1')}\0"
    return target.encode() + call.body
