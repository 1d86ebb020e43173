"""The consignments in which the person's party is engaged: where each is, when it arrives, what is wrong and who must act."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from services.domain.rules import DELIVERED_PHASE
from services.pages.auth.sign_in import SignedIn
from services.pages.consignments import (
    CONCERNS,
    ListedConsignment,
    find,
    party_names,
    with_forecasts,
)
from services.pages.console import ENGAGED, N_, Notice, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking import words
from services.people.domain.person import Permission
from services.query.listing.rows import corridors
from services.query.listing.store import Part, Place, Wanted

pages = PageRoutes()
ON_A_PAGE = 20
ON_A_TABLE = 200
ON_THE_FIRST_PAGE = 8
STATES: Mapping[str, tuple[str, Part, tuple[int, ...]]] = {
    "": (N_("All"), Part.ALL, ()),
    "attention": (N_("Needs attention"), Part.ATTENTION, ()),
    "under_way": (N_("Not delivered yet"), Part.UNDER_WAY, ()),
    "before": (N_("Before departure"), Part.UNDER_WAY, (0, 1, 2)),
    "moving": (N_("On the way"), Part.UNDER_WAY, (3,)),
    "arrived": (N_("Arrived, not delivered"), Part.UNDER_WAY, (4, 5)),
    "delivered": (N_("Delivered"), Part.ALL, tuple(range(DELIVERED_PHASE, 10))),
}
"""What may be chosen: its words, the part of the list, and the phases."""
COLUMNS = (
    Column("consignment", N_("Consignment"), Kind.CODE, href="page"),
    Column("part", N_("You are"), Kind.CODE, words=words.OWNERS),
    Column("state", N_("State"), Kind.CODE, words=words.PHASES),
    Column("place", N_("Where"), Kind.PLACE),
    Column("at", N_("Since"), Kind.MOMENT, place="place"),
    Column("earliest", N_("Arrives after"), Kind.MOMENT, place="destination"),
    Column("latest", N_("Arrives before"), Kind.MOMENT, place="destination"),
    Column("wrong", N_("What is wrong"), Kind.CODE, words=CONCERNS),
    Column("acting", N_("Who must act"), Kind.CODE, words=words.OWNERS),
    Column("news_by", N_("Last news from")),
    Column("news_at", N_("Last news"), Kind.MOMENT),
    Column("quiet_until", N_("No news is normal until"), Kind.MOMENT),
)


@pages.get("/console/consignments", signed_in=True)
def consignments(request: PageRequest) -> Page:
    """The consignments of the person's party, the newest first, in pages."""
    viewer = signed_in(request, Permission.CONSIGNMENTS, ENGAGED)
    chosen = {name: request.query.get(name, "") for name in ("state", "corridor", "late", "disputed")}
    if chosen["state"] not in STATES or (chosen["corridor"] and chosen["corridor"] not in corridors()):
        raise PageError(400)
    limit = ON_A_TABLE if request.table else ON_A_PAGE
    found, place = find(request, _wanted(chosen), place_of(request.query.get("after", "")), limit)
    rows = [row_of(request, each) for each in with_forecasts(request, found)]
    table = Table(
        "consignments", COLUMNS, rows, N_("My consignments"), more=bool(request.table) and place is not None
    )
    following = {name: value for name, value in chosen.items() if value}
    values = {
        "table": table,
        "states": STATES,
        "corridors": sorted(corridors()),
        "chosen": chosen,
        "first": not request.query.get("after"),
        "next": None if place is None else f"?{urlencode({**following, 'after': written(place)})}",
    }
    return console_page(request, viewer, "console_consignments.html", values, tables=(table,))


def notices(request: PageRequest, viewer: SignedIn) -> Iterator[Notice]:
    """The newest consignments that need attention."""
    if not (viewer.may(Permission.CONSIGNMENTS) and request.party.roles & ENGAGED):
        return
    found, place = find(request, Wanted(Part.ATTENTION), None, ON_THE_FIRST_PAGE)
    say = request.l10n.gettext
    for each in with_forecasts(request, found):
        position = each.summary.position
        parts = [say(words.PHASES[each.summary.phase])]
        if position is not None and position.place:
            parts.append(request.l10n.place(position.place))
        parts += [say(CONCERNS.get(code, code)) for code in each.wrong]
        acting = ", ".join(say(words.OWNERS.get(role, role)) for role in each.acting)
        if acting:
            parts.append(say(N_("To act: %(who)s")) % {"who": acting})
        tone = "bad" if each.summary.tone == "bad" else "warn"
        yield Notice(tone, each.reference, " · ".join(parts), f"/track/{quote(each.reference)}")
    if place is not None:
        yield Notice(
            "warn",
            request.l10n.gettext(N_("More consignments need attention")),
            "",
            "/console/consignments?state=attention",
        )


def row_of(request: PageRequest, each: ListedConsignment) -> dict[str, Any]:
    """The row of a consignment."""
    found, ahead = each.summary, each.forecast
    position, news = found.position, found.sources[0] if found.sources else None
    return {
        "consignment": each.reference,
        "page": f"/track/{quote(each.reference)}",
        "part": sorted(str(role) for role in each.shown.relationship.roles),
        "state": found.phase,
        "place": None if position is None else position.place or None,
        "at": None if position is None else position.happened,
        "destination": None if ahead is None else ahead.place,
        "earliest": None if ahead is None else ahead.arrival.p10,
        "latest": None if ahead is None else ahead.arrival.p90,
        "wrong": each.wrong,
        "acting": each.acting,
        "news_by": None if news is None else party_names(request)(news.by),
        "news_at": None if news is None else news.recorded,
        "quiet_until": _quiet_until(each),
    }


def _quiet_until(each: ListedConsignment) -> int | None:
    if each.forecast is not None and each.forecast.normal_until is not None:
        return each.forecast.normal_until
    return each.summary.quiet_until


def _wanted(chosen: Mapping[str, str]) -> Wanted:
    _, part, phases = STATES[chosen["state"]]
    late, disputed = chosen["late"] == "on", chosen["disputed"] == "on"
    if (late or disputed) and part is Part.ALL:
        part = Part.ATTENTION
    return Wanted(part, phases, chosen["corridor"], late, disputed)


def place_of(text: str) -> Place | None:
    """The place after which to go on; PageError 400 for what is none."""
    if not text:
        return None
    opened, _, cons = text.partition("-")
    try:
        place = Place(int(opened), bytes.fromhex(cons))
    except ValueError:
        raise PageError(400) from None
    if len(place.cons) != 16 or not 0 <= place.opened < 2**62:
        raise PageError(400)
    return place


def written(place: Place) -> str:
    """A place as an address holds it."""
    return f"{place.opened}-{place.cons.hex()}"
