"""The tracking page of one consignment: where it is, what is wrong and who must act, what comes next, and who said so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.api.access.consignment import VisibleConsignment, visible
from services.domain.objects import Thing
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.tracking import words
from services.pages.tracking.disputes import disputes
from services.pages.tracking.summary import summary
from services.query.views import consignments_of

pages = PageRoutes()
_MINUTE = 60_000_000


@pages.get("/track/{reference:path}", signed_in=True)
def tracking(request: PageRequest) -> Page:
    """A consignment as the viewer may see it, by the reference under which it was founded."""
    reference = canonical_key(ObjectKind.CONSIGNMENT, request.path["reference"])
    groups = consignments_of(request.session, [Thing(ObjectKind.CONSIGNMENT, reference)])
    shown = visible(request, groups[0]) if groups else None
    if shown is None:
        raise PageError(404)
    return tracking_page(request, shown, {"x-robots-tag": "noindex"})


def tracking_page(
    request: PageRequest, shown: VisibleConsignment, headers: Mapping[str, str], **more: Any
) -> Page:
    """The page of what ``shown`` holds; a line of the access log says that it was read. ``more`` are further values."""
    request.reads("consignment", shown.body["consignment"], shown.shippers)
    route = shown.known.view.route
    places = route.places if route is not None and shown.body["route"] is not None else ()
    values = {
        "words": words,
        "summary": summary(shown.body, places, request.now),
        "disputes": disputes(shown.body),
        "body": shown.body,
        "now": request.now,
        "party_name": lambda code: _party_name(request, code),
        **more,
    }
    content = {**shown.body, "as_of": None, "hour": request.now // (60 * _MINUTE), **more}
    return Page("tracking.html", values, headers=headers, etag=content)


def _party_name(request: PageRequest, code: str) -> str:
    party = request.registry.party(code)
    return code if party is None else party.name
