"""Statistics of trade and finance by corridor and month: what is published, with the definition behind each number."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from schemas.rfc3339 import format_micros
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.problems import Problem
from services.api.responses.statistics import Statistics
from services.api.router import Routes
from services.domain.rules import HOUR
from services.query.disclosure import BASE, DOMINANCE_PERCENT, LEAST
from services.statistics.domain import months
from services.statistics.domain.corridors import Corridor
from services.statistics.domain.definitions import Definition, Kind, definitions, table
from services.statistics.domain.publication import ALL, Figure
from services.statistics.store.reader import PublishedMonth, query_of, read_published

routes = Routes("statistics")
MONTHS = 24
"""Months of an answer, the last ones, where no ``from`` is given."""
_UNITS = {Kind.DURATION: "HOURS", Kind.SHARE: "PERCENT", Kind.AMOUNT: "MINOR_UNITS"}
_Month = Annotated[str | None, Query(max_length=7, description="Like 2025-09.")]


@routes.get("/v1/statistics", Needs(Scope.EVENTS_READ, foreign="public"), answers=Statistics)
def statistics(
    call: Call,
    definition: Annotated[
        str | None, Query(max_length=40, description="Of one definition; of all where it is left out.")
    ] = None,
    corridor: Annotated[
        str | None,
        Query(
            max_length=80,
            description="Of one corridor, as `CN-EU/alashankou-dostyk`; of all and their total.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        Query(
            alias="from",
            max_length=7,
            description="The first month, like 2025-09; the last 24 where it is left out.",
        ),
    ] = None,
    to: _Month = None,
) -> Answer:
    """Trade and finance by corridor and month: what is published, for everybody alike.

    The numbers, definitions and rule of disclosure of the page `/statistics`: a number that fewer parties than the rule asks for are behind is
    absent. `lianyun statistics recompute` derives each again from the signed events. A publication never changes, so an answer changes
    only when a month is published: ask with `If-None-Match`.
    """
    if definition is not None and definition not in definitions():
        raise _invalid("definition", f"one of: {', '.join(definitions())}")
    wanted = None if corridor is None else _corridor(corridor)
    first, last = _month(since, "from"), _month(to, "to")
    found = read_published(call.session)
    if first is None:
        found = found[-MONTHS:]
    shown = [
        _plain(each, definition, wanted)
        for each in reversed(found)
        if (first is None or first <= each.publication.month)
        and (last is None or each.publication.month <= last)
    ]
    return Answer(
        {
            "version": table().version,
            "rules": {
                "least_contributors": LEAST,
                "dominance_percent": DOMINANCE_PERCENT,
                "counts_rounded_to": BASE,
            },
            "definitions": [
                _defined(each) for each in definitions().values() if definition in (None, each.id)
            ],
            "months": shown,
        }
    )


def _plain(month: PublishedMonth, definition: str | None, corridor: str | None) -> dict[str, Any]:
    publication = month.publication
    return {
        "month": months.written(publication.month),
        "as_of": format_micros(publication.position.as_of),
        "revision": publication.revision,
        "final": publication.final,
        "definitions": publication.definitions,
        "figures": [
            _number(each)
            for each in month.figures
            if definition in (None, each.definition) and corridor in (None, each.corridor)
        ],
    }


def _number(figure: Figure) -> dict[str, Any]:
    whole = HOUR if definitions()[figure.definition].kind is Kind.DURATION else 1
    low, middle, high = (
        None if value is None else value // whole for value in (figure.low, figure.middle, figure.high)
    )
    return {
        "definition": figure.definition,
        "corridor": None if figure.corridor == ALL else figure.corridor,
        "part": figure.part,
        "counted": figure.counted,
        "p10": low,
        "value": middle,
        "p90": high,
        "events": figure.events,
        "inputs": figure.inputs.hex(),
    }


def _defined(definition: Definition) -> dict[str, Any]:
    return {
        "id": definition.id,
        "title": definition.title,
        "kind": str(definition.kind),
        "unit": _UNITS[definition.kind],
        "by": definition.by,
        "parties": list(definition.parties),
        "population": definition.population,
        "counts": definition.counts,
        "leaves_out": definition.leaves_out,
        "since": definition.since,
        "query": query_of(definition),
    }


def _month(text: str | None, parameter: str) -> int | None:
    try:
        return None if text is None else months.parse(text)
    except ValueError as problem:
        raise _invalid(parameter, str(problem)) from None


def _corridor(text: str) -> str:
    try:
        return str(Corridor.parse(text))
    except ValueError as problem:
        raise _invalid("corridor", str(problem)) from None


def _invalid(parameter: str, detail: str) -> Problem:
    return Problem("invalid", errors=[{"parameter": parameter, "detail": detail}])
