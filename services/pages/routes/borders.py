"""How good past forecasts of borders were, for everybody."""

from __future__ import annotations

from services.arrival.domain.history import monday
from services.arrival.domain.tables import tables
from services.pages.border_records import WEEKS
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes

pages = PageRoutes()


@pages.get("/borders")
def borders(request: PageRequest) -> Page:
    """The record of each border and direction of which there are enough crossings, with that of its weeks."""
    found = request.context.border_records.read(request.session, request.now)
    values = {"records": found, "weeks": WEEKS, "least": tables().least_shown, "monday": monday}
    return Page("borders.html", values)
