"""The tracking page of one consignment: where it is, what is wrong and who must act, what comes next, and who said so."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import orjson
import segno
from markupsafe import Markup

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.api.access.consignment import VisibleConsignment, visible
from services.api.access.documents import originals_over
from services.api.access.trades import visible_trades_over
from services.domain.objects import Thing
from services.ledger.registry.party import Party
from services.pages.auth.sign_in import SignedIn
from services.pages.consignments import cached_forecast, party_names
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.rendering import Part
from services.pages.routing import PageRoutes
from services.pages.tracking import words
from services.pages.tracking.disputes import disputes
from services.pages.tracking.forecast import (
    ShownForecast,
    is_ahead,
    places_of,
)
from services.pages.tracking.summary import summary
from services.pages.tracking.tables import tracking_tables
from services.people.domain.person import Permission
from services.query.view_cache import BYTES
from services.query.views import consignments_of

pages = PageRoutes()
_HOUR = 3_600_000_000
_QUIET, _DARK = 4, re.compile(b"\x01+")
"""Of a QR code how many modules stay empty around it, and the dark ones of a row."""
_CONTENTS = 8
"""The content of one view is kept for at most so many languages and disclosures."""


class Parties(Protocol):
    """Knows the registered parties by their codes."""

    def party(self, code: str, /) -> Party | None:
        """The party of that code; None where there is none."""


@pages.get("/track/{reference:path}", signed_in=True)
def tracking(request: PageRequest) -> Page:
    """A consignment as the viewer may see it, by the reference under which it was founded."""
    shown = by_reference(request, request.path["reference"])
    return tracking_page(
        request,
        shown,
        {"x-robots-tag": "noindex"},
        shared=None,
        originals=_originals(request, shown),
        trades=_trades(request, shown),
    )


def _trades(request: PageRequest, shown: VisibleConsignment) -> list[str]:
    """The trades whose goods travel in the consignment, as far as the viewer may see them."""
    viewer = request.viewer
    if not (isinstance(viewer, SignedIn) and viewer.may(Permission.TRADES)):
        return []
    return visible_trades_over(request, shown.known)


def _originals(request: PageRequest, shown: VisibleConsignment) -> list[dict[str, Any]]:
    """The originals over the consignment that the viewer may read; nobody else learns that there is one."""
    viewer = request.viewer
    if not (isinstance(viewer, SignedIn) and viewer.may(Permission.DOCUMENTS)):
        return []
    return originals_over(request, shown.known.view.consignment.id)


def by_reference(request: PageRequest, reference: str) -> VisibleConsignment:
    """The consignment that was founded under that reference, in whatever spelling; PageError 404 where the viewer sees none."""
    key = canonical_key(ObjectKind.CONSIGNMENT, reference)
    groups = request.context.groups.of(
        key,
        request.begun.state,
        lambda: consignments_of(request.session, [Thing(ObjectKind.CONSIGNMENT, key)]),
    )
    shown = visible(request, groups[0]) if groups else None
    if shown is None:
        raise PageError(404)
    return shown


def tracking_page(
    request: PageRequest, shown: VisibleConsignment, headers: Mapping[str, str], **more: Any
) -> Page:
    """The page of what ``shown`` holds; a line of the access log says that it was read. ``more`` are further values."""
    request.reads("consignment", shown.known.view.consignment.key, shown.shippers)
    kept = shown.known.made
    of_body = _of_body(shown, kept)
    forecast = cached_forecast(request, shown) if of_body.ahead else None

    def fresh() -> dict[str, Any]:
        made = page_values(shown.body, places_of(shown), request.now, request.registry, forecast)
        for table in made["tables"].values():
            table.query = request.request.query_params.multi_items()
        return made

    def values() -> dict[str, Any]:
        content = None
        key = "content", shown.disclosure, request.l10n.code
        if not request.query:  # tables lead to their forms by the whole query
            of, content = kept.get(key, (None, None))
            content = content if of == forecast else None
        if content is None:
            content = request.context.part(request.l10n, "tracking_content.html", found or fresh())
            if not request.query:
                _keep(kept, key, (forecast, content))
        return {
            "words": words,
            "reference": of_body.reference,
            "phase": of_body.phase,
            "content": content.at(request.now, request.l10n),
            "now": request.now,
            "party_name": party_names(request),
            "address": address,
            "code": printed_code(address),
            **more,
        }

    address = f"{request.context.names.issuer}{request.request.url.path}"
    found = fresh() if request.query else None
    etag = [of_body.digest, request.now // _HOUR, repr(forecast), more.get("originals"), more.get("trades")]
    tables = () if found is None else tuple(found["tables"].values())
    return Page("tracking.html", values, headers=headers, etag=etag, tables=tables)


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


@lru_cache(maxsize=1024)
def printed_code(address: str) -> Markup:
    """The QR code that holds ``address``, as SVG of one path with its quiet zone. Pure.

    Its mask is given: to choose the best of eight takes four times as long, of every first view of a page for a rare print. As
    long again takes what segno itself draws, the same to the byte.
    """
    rows = segno.make_qr(address, error="m", mask=2).matrix
    side, lines, at = len(rows) + 2 * _QUIET, [], (0, 0)
    for y, row in enumerate(rows):
        for run in _DARK.finditer(row):
            lines.append(f"m{run.start() - at[0]} {y - at[1]}h{run.end() - run.start()}")
            at = run.end(), y
    first = f"M{_QUIET} {_QUIET}.5{lines[0].removeprefix('m0 0')}"
    path = f'<path stroke="#000" d="{first}{"".join(lines[1:])}"/>'
    return Markup(f'<svg viewBox="0 0 {side} {side}" class="code">{path}</svg>')


class _OfBody(NamedTuple):
    """Of a filtered view: what the frame of its page names, whether a forecast is made, and the digest of all."""

    reference: str
    phase: int
    ahead: bool
    digest: str


def _of_body(shown: VisibleConsignment, kept: dict[Hashable, Any]) -> _OfBody:
    key = "body", shown.disclosure
    found: _OfBody | None = kept.get(key)
    if found is None:
        body = shown.body
        phase = 0 if body["movement"] is None else int(body["movement"]["phase"])
        digest = hashlib.sha256(orjson.dumps({**body, "as_of": None})).hexdigest()
        found = kept[key] = _OfBody(body["consignment"], phase, is_ahead(body), digest)
    return found


def _keep(
    kept: dict[Hashable, Any], key: tuple[Hashable, ...], made: tuple[ShownForecast | None, Part]
) -> None:
    others = [each for each in list(kept) if isinstance(each, tuple) and each[0] == key[0] and each != key]
    for oldest in others[: max(0, len(others) - _CONTENTS + 1)]:
        kept.pop(oldest, None)
    kept[key] = made
    kept[BYTES] = (len(others) + 1) * 2 * sum(map(len, made[1].texts))
