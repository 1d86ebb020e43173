"""Views that a person saved: the address of any page of this site under a name of its own; opening one is a link and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from starlette.routing import BaseRoute, Match, Route

from services.pages.auth.sign_in import SignedIn, safe_path
from services.pages.console import N_, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.store import saved_views
from services.people.store.saved_views import ViewRefused

pages = PageRoutes()
HERE = "/console/views"
REFUSALS = {
    "name": N_("A name is one line of 1 to 60 characters."),
    "address": N_("This is no address of a page here that can be saved."),
    "taken": N_("Another view has that name."),
    "full": N_("You have as many views as can be saved. Remove one first."),
}
_OWN = ("lang", "table", "format")
"""What an address says of its reader and not of the page."""
_NO_VIEWS = ("/sign", "/s/")
"""Signing in and out, and share links: whose holder sees what it shows."""
_TOKEN = re.compile(r"/s/[A-Za-z0-9_-]{16,}")


@pages.get(HERE, signed_in=True)
def views(request: PageRequest) -> Page:
    """The person's views; with ``save`` the form that saves that address."""
    return _page(request, signed_in(request), request.query.get("save", ""))


@pages.post(HERE, signed_in=True)
def save(request: PageRequest) -> Page | Redirect:
    """Save an address under a name, in place of what has that name."""
    viewer, given = signed_in(request), request.form.get("address", "")
    address = savable(given, request.request.app.routes)
    try:
        saved_views.save(
            request.session, viewer.who.id, request.form.get("name", ""), address or "", request.now
        )
    except ViewRefused as refused:
        return _page(request, viewer, given, refused.reason)
    return Redirect(HERE)


@pages.post(f"{HERE}/rename", signed_in=True)
def rename(request: PageRequest) -> Page | Redirect:
    """Give a view another name."""
    viewer = signed_in(request)
    try:
        found = saved_views.rename(
            request.session, viewer.who.id, request.form.get("view", ""), request.form.get("name", "")
        )
    except ViewRefused as refused:
        return _page(request, viewer, refused=refused.reason)
    if not found:
        raise PageError(404)
    return Redirect(HERE)


@pages.post(f"{HERE}/remove", signed_in=True)
def remove(request: PageRequest) -> Redirect:
    """Remove a view."""
    if not saved_views.remove(request.session, signed_in(request).who.id, request.form.get("view", "")):
        raise PageError(404)
    return Redirect(HERE)


def savable(address: str, routes: Iterable[BaseRoute]) -> str | None:
    """The address of a page of ``routes`` as it is saved: without language and form of a table; None where it is none, or carries a token.

    Pure.
    """
    parts = urlsplit(address) if safe_path(address) == address else None
    if parts is None or parts.scheme or parts.netloc or parts.fragment:
        return None
    path, query = unquote(parts.path), parse_qsl(parts.query, keep_blank_values=True)
    scope = {"type": "http", "method": "GET", "path": path}
    route = next((each for each in routes if each.matches(scope)[0] is Match.FULL), None)
    known = isinstance(route, Route) and not any("token" in name for name in route.param_convertors)
    secret = _TOKEN.search(unquote(unquote(address))) or any("token" in name.lower() for name, _ in query)
    if not known or secret or path.startswith(_NO_VIEWS):
        return None
    kept = [(name, value) for name, value in query if name not in _OWN]
    return f"{parts.path}?{urlencode(kept, safe=':/,')}" if kept else parts.path


def _page(request: PageRequest, viewer: SignedIn, address: str = "", refused: str = "") -> Page:
    found = saved_views.of_person(request.session, viewer.who.id)
    columns = (Column("name", N_("Name")), Column("address", N_("Address"), Kind.CODE))
    table = Table("views", columns, [each._asdict() for each in found], N_("Saved views"))
    values = {
        "table": table,
        "saved": found,
        "address": savable(address, request.request.app.routes) or "",
        "refused": REFUSALS.get(refused, REFUSALS["address"] if refused else ""),
        "longest": saved_views.LONGEST_NAME,
        "most": saved_views.MOST,
    }
    return console_page(
        request, viewer, "console_views.html", values, 409 if refused else 200, tables=(table,)
    )
