"""Who read the caller's data."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from schemas.reasons import Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.api import statement
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call, page
from services.api.problems import Problem
from services.api.responses.access_log import AccessLogPage
from services.api.router import Routes

routes = Routes("access log")


@routes.get(
    "/v1/access-log",
    Needs(Scope.ACCESS_LOG_READ, foreign="own"),
    answers=AccessLogPage,
    problems=("cursor-invalid",),
)
def access_log(
    call: Call,
    since: Annotated[str | None, Query(max_length=40, description="RFC 3339: only later reads.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Items a page at most.")] = 50,
    cursor: Annotated[str | None, Query(max_length=1_000, description="`next` of the page before.")] = None,
) -> Answer:
    """Who read data of which the caller is the subject, the latest first.

    Reads that the law keeps from the subject are not here, and nothing shows whether there are any.
    """
    place = call.cursor(cursor, "access-log")
    try:
        first = 0 if since is None else parse_micros(since)
    except Refusal as refusal:
        raise Problem("invalid", errors=[{"parameter": "since", "detail": refusal.detail}]) from None
    rows = call.session.execute(
        statement("log_page"),
        {
            "subject": call.party.code,
            "at": place and place[0],
            "id": place and place[1],
            "since": first,
            "limit": limit + 1,
        },
    ).fetchall()
    items = [
        {
            "at": format_micros(at),
            "by": party,
            "purpose": purpose or None,
            "route": route,
            "resource": resource,
            "status": status,
        }
        for at, _, party, purpose, route, resource, status in rows[:limit]
    ]
    return page(
        call,
        "access-log",
        items,
        [rows[limit - 1][0], str(rows[limit - 1][1])] if len(rows) > limit else None,
    )
