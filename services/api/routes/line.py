"""The line: where trains are and were, what waits at borders, what is closed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from schemas.rfc3339 import format_micros
from services.api.access.line import visible_film
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call, moment
from services.api.problems import Problem
from services.api.responses.line import LineFilm
from services.api.router import Routes
from services.query.line.reading import TooWide

routes = Routes("line")


@routes.get("/v1/line", Needs(Scope.EVENTS_READ, foreign="public"), answers=LineFilm)
def line(
    call: Call,
    since: Annotated[
        str | None, Query(alias="from", max_length=40, description="RFC 3339: the beginning of a period.")
    ] = None,
    to: Annotated[
        str | None,
        Query(max_length=40, description="Its end, at most 62 days later; now where it is left out."),
    ] = None,
    at: Annotated[
        str | None,
        Query(max_length=40, description="One moment instead of a period; now where nothing is given."),
    ] = None,
) -> Answer:
    """The trains of the corridor over a period, or at a moment.

    Railways, terminals and customs see every train. Others see those that carry their cargo, and of the rest how many are on each
    leg and before each crossing.
    """
    if at is not None and (since is not None or to is not None):
        raise _invalid("at", "give a moment, or a period from and to")
    if since is None and to is not None:
        raise _invalid("from", "give the beginning of the period too")
    if since is None:
        first = last = min(moment(at, "at", call.now), call.now)
    else:
        first, last = moment(since, "from", call.now), min(moment(to, "to", call.now), call.now)
    try:
        visible = visible_film(call.session, call.party, first, last, call.now)
    except TooWide as problem:
        raise _invalid("from", str(problem)) from None
    call.reads("line", f"{format_micros(first)}/{format_micros(last)}")
    return Answer(visible.body)


def _invalid(parameter: str, detail: str) -> Problem:
    return Problem("invalid", errors=[{"parameter": parameter, "detail": detail}])
