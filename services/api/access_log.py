"""The access log: one line per object read, in the transaction of the answer; sealed under purposes that the law hides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from psycopg import Connection

from services.api import statement
from services.api.auth.gate import Caller
from services.api.calls import Call, Read
from services.ledger.audit_trail.digests import COLUMNS, seal
from services.ledger.storage.session import BoundStatement

SEALED = frozenset({"AML", "SANCTIONS", "COURT", "SUPERVISOR"})
"""Legal purposes whose reads are fully logged and hidden from the subject."""


def lines(call: Call, status: int) -> list[BoundStatement]:
    """The lines of ``call`` for the open log, or for the sealed one where it was made under a legal purpose."""
    return read_lines(
        call.lines or [Read("", ())],
        at=call.now,
        caller=call.caller,
        party=call.party.code,
        method=call.request.method,
        route=call.route,
        request=call.id,
        status=status,
        answer=call.answer,
    )


def read_lines(
    reads: Iterable[Read],
    *,
    at: int,
    caller: Caller,
    party: str,
    method: str,
    route: str,
    request: str,
    status: int,
    answer: bytes | None = None,
) -> list[BoundStatement]:
    """The lines that say that ``caller`` of ``party`` read this, for the open log or the sealed one."""
    query = statement("log_sealed" if caller.purpose in SEALED else "log")
    common = {
        "at": at,
        "client": caller.client,
        "party": party,
        "bound": caller.bound,
        "purpose": caller.purpose,
        "method": method,
        "route": route,
        "status": status,
        "request": request,
        "answer": answer,
    }
    return [
        BoundStatement(query, _sealed({**common, "resource": line.resource, "subjects": list(line.subjects)}))
        for line in reads
    ]


def _sealed(line: dict[str, Any]) -> dict[str, Any]:
    named = {**line, "id": str(uuid4())}
    return {**named, "digest": seal(*(named[name] for name in COLUMNS))}


def write(session: Connection[Any], call: Call, status: int) -> None:
    """Write the lines of ``call``."""
    for query, parameters in lines(call, status):
        session.execute(query, parameters)
