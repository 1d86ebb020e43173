"""The first page: what this is, and the way to a consignment."""

from __future__ import annotations

from urllib.parse import quote

from services.api.access.consignment import visible
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.query.identifiers import candidates
from services.query.views import consignments_of

pages = PageRoutes()
_LONGEST = 128


@pages.get("/")
def home(_request: PageRequest) -> Page:
    """What this is, for everybody."""
    return Page("home.html")


@pages.get("/search", signed_in=True)
def search(request: PageRequest) -> Page | Redirect:
    """The consignments that an identifier names and the viewer may see: the one of them, or a list."""
    wanted = request.query.get("q", "").strip()[:_LONGEST]
    found = []
    for id_ in consignments_of(request.session, candidates(wanted)):
        shown = visible(request, id_)
        if shown is not None:
            request.reads("consignment", shown.body["consignment"], shown.shippers)
            found.append(shown.body["consignment"])
    if len(found) == 1:
        return Redirect(f"/track/{quote(found[0])}")
    return Page("search.html", {"wanted": wanted, "found": found}, headers={"x-robots-tag": "noindex"})
