"""The access log: one line per object read, in the transaction of the answer; sealed under purposes that the law hides."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from psycopg import Connection

from services.api import statement
from services.api.calls import Call, Read
from services.ledger.audit_trail.digests import COLUMNS, seal
from services.ledger.storage.session import BoundStatement

SEALED = frozenset({"AML", "SANCTIONS", "COURT", "SUPERVISOR"})
"""Legal purposes whose reads are fully logged and hidden from the subject."""


def lines(call: Call, status: int) -> list[BoundStatement]:
    """The lines of ``call`` for the open log, or for the sealed one where it was made under a legal purpose."""
    query = statement("log_sealed" if call.caller.purpose in SEALED else "log")
    common = {
        "at": call.now,
        "client": call.caller.client,
        "party": call.party.code,
        "bound": call.caller.bound,
        "purpose": call.caller.purpose,
        "method": call.request.method,
        "route": call.route,
        "status": status,
        "request": call.id,
        "answer": call.answer,
    }
    return [
        BoundStatement(query, _sealed({**common, "resource": line.resource, "subjects": list(line.subjects)}))
        for line in call.lines or [Read("", ())]
    ]


def _sealed(line: dict[str, Any]) -> dict[str, Any]:
    named = {**line, "id": str(uuid4())}
    return {**named, "digest": seal(*(named[name] for name in COLUMNS))}


def write(session: Connection[Any], call: Call, status: int) -> None:
    """Write the lines of ``call``."""
    for query, parameters in lines(call, status):
        session.execute(query, parameters)
