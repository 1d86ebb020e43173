"""The tracking page of one consignment: where it is, what is wrong and who must act, what comes next, and who said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.api.access.consignment import VisibleConsignment, visible
from services.domain.objects import Thing
from services.ledger.registry.party import Party
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.tracking import words
from services.pages.tracking.disputes import disputes
from services.pages.tracking.forecast import ShownForecast, places_of, visible_forecast
from services.pages.tracking.summary import summary
from services.pages.tracking.tables import tracking_tables
from services.query.views import consignments_of

pages = PageRoutes()
_HOUR = 3_600_000_000


class Parties(Protocol):
    """Knows the registered parties by their codes."""

    def party(self, code: str, /) -> Party | None:
        """The party of that code; None where there is none."""


@pages.get("/track/{reference:path}", signed_in=True)
def tracking(request: PageRequest) -> Page:
    """A consignment as the viewer may see it, by the reference under which it was founded."""
    shown = by_reference(request, request.path["reference"])
    return tracking_page(request, shown, {"x-robots-tag": "noindex"}, shared=None)


def by_reference(request: PageRequest, reference: str) -> VisibleConsignment:
    """The consignment that was founded under that reference, in whatever spelling; PageError 404 where the viewer sees none."""
    key = canonical_key(ObjectKind.CONSIGNMENT, reference)
    groups = consignments_of(request.session, [Thing(ObjectKind.CONSIGNMENT, key)])
    shown = visible(request, groups[0]) if groups else None
    if shown is None:
        raise PageError(404)
    return shown


def tracking_page(
    request: PageRequest, shown: VisibleConsignment, headers: Mapping[str, str], **more: Any
) -> Page:
    """The page of what ``shown`` holds; a line of the access log says that it was read. ``more`` are further values."""
    request.reads("consignment", shown.body["consignment"], shown.shippers)
    forecast = visible_forecast(request.session, shown, request.now)
    values = page_values(shown.body, places_of(shown), request.now, request.registry, forecast)
    content = {**shown.body, "as_of": None, "hour": request.now // _HOUR, "forecast": repr(forecast)}
    tables = tuple(values["tables"].values())
    return Page("tracking.html", {**values, **more}, headers=headers, etag=content, tables=tables)


def page_values(
    body: Mapping[str, Any],
    places: Sequence[str],
    now: int,
    parties: Parties,
    forecast: ShownForecast | None = None,
) -> dict[str, Any]:
    """What the template names: of the filtered view ``body``, with the planned ``places`` and the ``forecast``. Pure."""

    def party_name(code: str) -> str:
        party = parties.party(code)
        return code if party is None else party.name

    found = summary(body, places, now)
    return {
        "words": words,
        "summary": found,
        "tables": tracking_tables(found, body, forecast),
        "disputes": disputes(body),
        "forecast": forecast,
        "body": body,
        "now": now,
        "party_name": party_name,
    }
