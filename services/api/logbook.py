"""The access log: one line per thing read, in the transaction of the answer; sealed where the subject must not know."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from services.api.calls import Call, Read
from services.api.statements import statement

SEALED = frozenset({"AML", "SANCTIONS", "COURT", "SUPERVISOR"})
"""Legal purposes whose reads are fully logged and hidden from the subject."""


def write(session: Connection[Any], call: Call, status: int) -> None:
    """Write the lines of ``call`` to the open log, or to the sealed one where it was made under a legal purpose."""
    name = "log_sealed" if call.caller.purpose in SEALED else "log"
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
    }
    for line in call.lines or [Read("", ())]:
        session.execute(
            statement(name), {**common, "resource": line.resource, "subjects": list(line.subjects)}
        )
