"""The console's first page, and the person's own: party, teams, permissions, sessions."""

from __future__ import annotations

from services.pages.auth import sessions
from services.pages.console import N_, console_page, signed_in
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table

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
    columns = (
        Column("begun", N_("Since"), Kind.MOMENT),
        Column("seen", N_("Last seen"), Kind.MOMENT),
        Column("here", N_("This one"), Kind.BOOLEAN),
    )
    table = Table("sessions", columns, found, N_("Where you are signed in"))
    values = {"sessions": found, "table": table}
    return console_page(request, viewer, "console_account.html", values, tables=(table,))


@pages.post("/console/account/sessions", signed_in=True)
def end_other_sessions(request: PageRequest) -> Redirect:
    """End every session of the person but this one."""
    viewer = signed_in(request)
    sessions.end_others(request.session, viewer.who.id, viewer.session_id)
    return Redirect("/console/account")
