"""Who read data of the person's party: by reader and one by one, by consignment, period and purpose, through share links too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.api import access_log
from services.api.access import share_links
from services.api.access_log import LoggedRead, Readings, WantedReads
from services.pages.consignments import party_names
from services.pages.console import ENGAGED, N_, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import MOST_ROWS, Column, Kind, Table
from services.people.domain.person import Permission

pages = PageRoutes()
ON_A_PAGE = 50
READERS = 50
DAYS = 30
"""The period where none is chosen."""
LONGEST = 200
WAYS = {
    "": N_("All"),
    "link": N_("Through a share link"),
    "own": N_("Not through a share link"),
    "legal": N_("Under a purpose of law"),
}
LINK, ITSELF = "share_link", "itself"
HOW = {LINK: N_("through a share link"), ITSELF: N_("itself")}
KINDS = {"consignment": N_("consignment"), "credit": N_("credit signals"), "document": N_("document")}
READER_COLUMNS = (
    Column("reader", N_("Reader")),
    Column("code", N_("Code"), Kind.CODE),
    Column("how", N_("How"), Kind.CODE, words=HOW),
    Column("count", N_("Times read"), Kind.NUMBER),
    Column("resources", N_("Different things"), Kind.NUMBER),
    Column("last", N_("Read last"), Kind.MOMENT),
)
READ_COLUMNS = (
    Column("at", N_("When"), Kind.MOMENT),
    Column("reader", N_("Reader")),
    Column("how", N_("How"), Kind.CODE, words=HOW),
    Column("label", N_("Name of the link")),
    Column("kind", N_("What"), Kind.CODE, words=KINDS),
    Column("name", N_("Which"), Kind.CODE, href="page"),
    Column("purpose", N_("Purpose"), Kind.CODE),
)


@pages.get("/console/reads", signed_in=True)
def reads(request: PageRequest) -> Page:
    """Reads of the party's data by others and through its links; what the law hides from it is not here, nor whether there is any."""
    viewer = signed_in(request, Permission.CONSIGNMENTS, ENGAGED)
    chosen = {
        name: request.query.get(name, "") for name in ("consignment", "reader", "way", "since", "until")
    }
    links = {each.id: each for each in share_links.links_of(request.session, request.party.code)}
    wanted = _wanted(request, chosen, links)
    most = MOST_ROWS if request.table else ON_A_PAGE
    found = access_log.reads(request.session, wanted, _place(request.query.get("after", "")), most + 1)
    shown, name = found[:most], party_names(request)
    labels = {id_: link.label or link.reference for id_, link in links.items()}
    readers = access_log.readers(request.session, wanted, READERS)
    tables = (
        Table("readers", READER_COLUMNS, [_reader(each, name) for each in readers], N_("By reader")),
        Table(
            "reads",
            READ_COLUMNS,
            [_read(each, name, labels) for each in shown],
            N_("One by one"),
            more=bool(request.table) and len(found) > most,
        ),
    )
    following = {key: value for key, value in chosen.items() if value}
    last = f"{shown[-1].at}_{shown[-1].id}" if len(found) > most else None
    values = {
        "readers": tables[0],
        "reads": tables[1],
        "chosen": {**chosen, "since": _day(wanted.since), "until": _day(wanted.until - 1)},
        "ways": WAYS,
        "first": not request.query.get("after"),
        "next": None if last is None else f"?{urlencode({**following, 'after': last})}",
    }
    return console_page(request, viewer, "console_reads.html", values, tables=tables)


def _wanted(request: PageRequest, chosen: Mapping[str, str], links: Mapping[str, Any]) -> WantedReads:
    if chosen["way"] not in WAYS or max(map(len, chosen.values())) > LONGEST:
        raise PageError(400)
    today = datetime.fromtimestamp(request.now // 1_000_000, UTC).date()
    last = _date(chosen["until"]) or today
    first = _date(chosen["since"]) or last - timedelta(days=DAYS - 1)
    consignment = chosen["consignment"].strip()
    return WantedReads(
        subject=request.party.code,
        since=_micros(first),
        until=_micros(last + timedelta(days=1)),
        links=list(links),
        reader=chosen["reader"].strip() or None,
        resource=f"consignment:{canonical_key(ObjectKind.CONSIGNMENT, consignment)}" if consignment else None,
        by_link={"link": True, "own": False}.get(chosen["way"]),
        legal=chosen["way"] == "legal",
    )


def _reader(each: Readings, name: Callable[[str], str]) -> dict[str, Any]:
    return {
        "reader": name(each.party),
        "code": each.party,
        "how": LINK if each.by_link else ITSELF,
        "count": each.times,
        "resources": each.resources,
        "last": each.last,
    }


def _read(each: LoggedRead, name: Callable[[str], str], labels: Mapping[str, str]) -> dict[str, Any]:
    kind, _, rest = each.resource.partition(":")
    return {
        "at": each.at,
        "reader": name(each.party),
        "how": ITSELF if each.link is None else LINK,
        "label": labels.get(each.link or ""),
        "kind": kind or None,
        "name": rest or None,
        "page": f"/track/{quote(rest)}" if kind == "consignment" else None,
        "purpose": each.purpose or None,
    }


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise PageError(400) from None
    if day is not None and not 2000 <= day.year < 2200:
        raise PageError(400)
    return day


def _micros(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400_000_000


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).date().isoformat()


def _place(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    at, _, id_ = text.partition("_")
    if not at.isascii() or not at.isdecimal() or len(at) > 18 or not _is_uuid(id_):
        raise PageError(400)
    return int(at), id_


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and set(text) <= set("0123456789abcdef-") and text.count("-") == 4
