"""The first page: what this is, and the way to a consignment."""

from __future__ import annotations

from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes

pages = PageRoutes()


@pages.get("/")
def home(_request: PageRequest) -> Page:
    """What this is, for everybody."""
    return Page("home.html")
