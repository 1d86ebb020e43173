"""Search by any identifier, as it is typed or pasted."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from services.api.access.consignment import References
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.responses.search import SearchPage
from services.api.router import Routes
from services.query.search.finder import SCOPE, best, find
from services.query.search.parser import MOST_CHARACTERS, parse

routes = Routes("consignments")


@routes.get("/v1/search", Needs(Scope.EVENTS_READ), answers=SearchPage)
def search(call: Call, q: Annotated[str, Query(min_length=1, max_length=MOST_CHARACTERS)]) -> Answer:
    """Find consignments by whatever identifies them, also half-typed, misspelt by one character or pasted from a mail.

    Read are container and wagon numbers, trains (company, number, date), notes, declarations, bookings and references, several in one text.
    What the caller may not see is as if it were not there.
    """
    found = find(call.session, parse(q), call.party.code)
    hits = best(found, References(call, (each for meant in found for each in meant.consignments)))
    items = [hit.plain() for hit in hits]
    return Answer({"items": items, "next": None, "scope": SCOPE}, nothing=not items)
