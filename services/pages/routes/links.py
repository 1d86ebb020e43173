"""Share links: the page of one for whoever holds it, and making, listing and ending them for who signed in."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from services.api.access.consignment import VisibleConsignment, visible
from services.api.access.matrix import Field
from services.api.auth.gate import Caller
from services.pages import share_links
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routes.tracking import by_reference, tracking_page
from services.pages.routing import PageRoutes
from services.pages.share_links import DAY, SHAREABLE, ShareError, ShareLink
from services.pages.table import Column, Kind, Table
from services.pages.tracking import words
from services.pages.tracking.words import N_
from services.pages.viewer import Viewer

pages = PageRoutes()
_SECRET = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow, noarchive"}
"""An address that holds a token is told to nobody and kept by no search engine."""
_OWN = {"cache-control": "no-store", "x-robots-tag": "noindex"}
DAYS = (1, 7, 30, 90, 366)


@pages.get("/s/{token}")
def shared(request: PageRequest) -> Page:
    """The consignment of a link, in its fields, as the party that made it may see it now; for whoever holds the link."""
    link, found = opened(request)
    notify = f"/s/{request.path['token']}/subscribe"
    return tracking_page(request, found, _SECRET, shared=link, notify=notify)


def opened(request: PageRequest) -> tuple[ShareLink, VisibleConsignment]:
    """The link of the token in the path and what it shows; the request reads for its party. PageError 404 or 410 where it does not work."""
    context = request.context
    context.guesses.require(request.address, count=False)
    link = share_links.find(request.session, request.path["token"])
    if link is None:
        context.guesses.require(request.address)
        raise PageError(404, _SECRET)
    context.openings.require(link.id)
    request.viewer = Viewer(link.party, Caller(link.client, frozenset(), "", ""), shared=link.fields)
    found = visible(request, link.consignment, link.fields) if link.works(request.now) else None
    if found is None:
        raise PageError(410, _SECRET)
    return link, found


@pages.get("/links", signed_in=True)
def links(request: PageRequest) -> Page:
    """The links that the viewer's party made, all or of one consignment, when each was opened, and a form for a new one."""
    reference = request.query.get("consignment")
    if reference is not None:
        reference = by_reference(request, reference).body["consignment"]
    return _links(request, reference, "")


@pages.post("/links", signed_in=True)
def make(request: PageRequest) -> Page:
    """Make a link to a consignment that the viewer may see; its address is shown this once."""
    found = by_reference(request, request.form.get("consignment", ""))
    id_ = found.known.view.consignment.id
    if visible(request, id_, SHAREABLE) is None:
        raise PageError(403)  # seen by a consent or pledge, which is bound to its purpose
    days = request.form.get("days", "")
    viewer = request.viewer
    try:
        if days not in map(str, DAYS):
            raise ShareError("no such time")
        _, token = share_links.make(
            request.session,
            consignment=id_,
            reference=found.body["consignment"],
            party=request.party.code,
            made_by=""
            if viewer is None
            else viewer.caller.client,  # never a name: it stays in the audit trail
            fields=[field for field in SHAREABLE if field in request.form],
            now=request.now,
            expires=request.now + int(days) * DAY,
            label=request.form.get("label", "").strip(),
        )
    except ShareError:
        raise PageError(400) from None
    return _links(request, found.body["consignment"], f"{request.context.names.issuer}/s/{token}")


@pages.post("/links/{id}/end", signed_in=True)
def end(request: PageRequest) -> Redirect:
    """Revoke a link of the viewer's party."""
    if not share_links.end(request.session, request.path["id"], request.party.code, request.now):
        raise PageError(404)
    consignment = request.form.get("consignment", "")
    return Redirect(f"/links?consignment={quote(consignment, safe='')}" if consignment else "/links")


def _links(request: PageRequest, reference: str | None, made: str) -> Page:
    found = share_links.links_of(request.session, request.party.code, reference)
    tables = _links_table(found, request.now), _openings_table(found)
    values = {
        "reference": reference,
        "made": made,
        "tables": tables,
        "links": found,
        "days": DAYS,
        "fields": SHAREABLE,
        "always": Field.MOVEMENT,
        "names": words.FIELDS,
        "now": request.now,
    }
    return Page("links.html", values, headers={**_OWN, **(_SECRET if made else {})}, tables=tables)


def _links_table(links: Sequence[ShareLink], now: int) -> Table:
    columns = (
        Column("link", N_("Link"), Kind.CODE),
        Column("consignment", N_("Consignment"), Kind.CODE),
        Column("label", N_("Name")),
        Column("shows", N_("Shows"), Kind.CODE, words=words.FIELDS),
        Column("works", N_("Open"), Kind.BOOLEAN),
        Column("made", N_("Made"), Kind.MOMENT),
        Column("made_by", N_("Made by"), Kind.CODE),
        Column("ends", N_("Ends"), Kind.MOMENT),
        Column("ended", N_("Ended"), Kind.MOMENT),
        Column("opened", N_("Times opened"), Kind.NUMBER),
    )
    rows = [
        {
            "link": each.id,
            "consignment": each.reference,
            "label": each.label or None,
            "shows": [field for field in SHAREABLE if field in each.fields],
            "works": each.works(now),
            "made": each.made,
            "made_by": each.made_by or None,
            "ends": each.expires,
            "ended": each.ended,
            "opened": each.opened,
        }
        for each in links
    ]
    return Table("links", columns, rows, N_("Share links"), more=len(links) >= share_links.MOST)


def _openings_table(links: Sequence[ShareLink]) -> Table:
    columns = (
        Column("link", N_("Link"), Kind.CODE),
        Column("consignment", N_("Consignment"), Kind.CODE),
        Column("label", N_("Name")),
        Column("opened", N_("Opened"), Kind.MOMENT),
    )
    rows = [
        {"link": each.id, "consignment": each.reference, "label": each.label or None, "opened": at}
        for each in links
        for at in each.openings
    ]
    more = len(links) >= share_links.MOST or any(len(each.openings) < each.opened for each in links)
    return Table("openings", columns, rows, N_("Openings of the links"), more=more)
