"""The console's first page, and the person's own: party, teams, permissions, sessions."""

from __future__ import annotations

from services.pages.auth import sessions
from services.pages.console import console_page, signed_in
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes

pages = PageRoutes()


@pages.get("/console", signed_in=True)
def home(request: PageRequest) -> Page:
    """What the person may open."""
    return console_page(request, signed_in(request), "console.html", {})


@pages.get("/console/account", signed_in=True)
def account(request: PageRequest) -> Page:
    """The person as registered, and every session that it has."""
    viewer = signed_in(request)
    own = sessions.digest(viewer.session_id)
    found = [
        {"here": digest == own, "begun": begun, "seen": seen}
        for digest, begun, seen in sessions.of_person(request.session, viewer.who.id)
    ]
    return console_page(request, viewer, "console_account.html", {"sessions": found})


@pages.post("/console/account/sessions", signed_in=True)
def end_other_sessions(request: PageRequest) -> Redirect:
    """End every session of the person but this one."""
    viewer = signed_in(request)
    sessions.end_others(request.session, viewer.who.id, viewer.session_id)
    return Redirect("/console/account")
