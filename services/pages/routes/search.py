"""Search: the consignments that a typed or pasted text names and the viewer may see, and why each was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from services.api.access.consignment import References
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking.words import N_
from services.query.search.finder import MOST_NAMES, Hit, best, find
from services.query.search.parser import LEAST_BEGINNING, MOST_CHARACTERS, Match, parse

pages = PageRoutes()
WHY: Final[Mapping[Match, str]] = {
    Match.EXACT: N_("as written"),
    Match.LOOK_ALIKE: N_("looks the same"),
    Match.CHECK_DIGIT_MISSING: N_("without its check digit"),
    Match.BEGINS: N_("begins like this"),
    Match.ONE_CHARACTER: N_("differs by one character"),
}


@pages.get("/search", signed_in=True)
def search(request: PageRequest) -> Page | Redirect:
    """The consignment itself where the text names one for certain and nothing else, otherwise what may be meant."""
    wanted = request.query.get("q", "")[:MOST_CHARACTERS].strip()
    found = find(request.session, parse(wanted), request.party.code)
    hits = best(found, References(request, (each for meant in found for each in meant.consignments)))
    named = {reference for hit in hits for reference in hit.consignments}
    if not request.table and len(named) == 1 and all(hit.candidate.match is Match.EXACT for hit in hits):
        return Redirect(f"/track/{quote(*named)}")
    table = _table(hits)
    values = {
        "table": table,
        "wanted": wanted,
        "hits": hits,
        "why": WHY,
        "characters": MOST_CHARACTERS,
        "least": LEAST_BEGINNING,
        "names": MOST_NAMES,
    }
    return Page("search.html", values, headers={"x-robots-tag": "noindex"}, nothing=not hits, tables=(table,))


def _table(hits: Sequence[Hit]) -> Table:
    columns = (
        Column("number", N_("Number"), Kind.CODE),
        Column("kind", N_("Kind"), Kind.CODE),
        Column("typed", N_("As typed")),
        Column("match", N_("Found because"), Kind.CODE, words=WHY),
        Column("certainty", N_("Certainty"), Kind.CODE),
        Column("consignments", N_("Consignment"), Kind.CODE),
    )
    rows = [{**(plain := hit.plain()), "number": plain["id"]} for hit in hits]
    return Table("results", columns, rows, N_("What was found"))
