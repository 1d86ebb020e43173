"""The trades behind the consignments of the person's party, and one trade: its versions, both declarations side by side, and what is to do.

What is shown comes from ``services.api.access.trades``, as over the API: a declared value to who lodged it alone, prices of
versions to whom they belong. Nothing is decided or sent here: the page writes out the commands that draft the amendments.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from shlex import quote as quoted
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from schemas.rfc3339 import parse_micros
from services.api.access.trades import WholeTrade, visible_trades_over, whole_trade, whole_trades
from services.pages.consignments import find, party_names
from services.pages.console import ENGAGED, N_, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Document, Page, PageRequest, Redirect
from services.pages.routes.console_consignments import place_of, written
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission
from services.query.listing.store import Wanted
from services.trade.domain import in_step_words
from services.trade.domain.finding import check_words
from services.trade.domain.in_step_pair import Status
from services.trade.domain.in_step_words import FINE, Form, step_words

pages = PageRoutes()
ON_A_PAGE = 10
"""Consignments whose trades one page of the list holds: whether each is in step is found out anew."""
DRAWN = 200
"""Statuses of two sides, and of what is to do, that the page draws; its table has all."""
MOST_VALUES = 6
"""Values of one finding that the page draws."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
TONES = {
    "SAME": "good",
    "ALLOWED": "done",
    "STALE": "warn",
    "FROZEN": "bad",
    "REFUSED": "bad",
    "QUESTION": "warn",
}
VERDICT_TONES = {"CONTRADICTION": "bad", "REVIEW": "warn"}
"""Verdicts of checks that somebody has to look at."""
VERDICTS = {
    "IN_STEP": N_("in step"),
    "NOT_IN_STEP": N_("not in step"),
    "NOT_SHOWN": N_("not shown to you"),
}
SIDES = {
    "CN": N_("Chinese export declaration"),
    "DT": N_("EAEU goods declaration"),
    "TD": N_("EAEU transit declaration"),
    "OTHER": N_("Another declaration"),
}
OUT_OF_LINE = {
    "forked": N_("another version follows the same one"),
    "gap": N_("the version before is not here"),
    "misnumbered": N_("its number does not follow the one before"),
}
IGNORED = {
    "UNENGAGED": N_("its publisher is not named with the owner"),
    "WITHDRAWN": N_("withdrawn"),
    "EQUIVOCATES": N_("two contents under one id"),
    "IN_CYCLE": N_("corrections that name one another"),
}
LISTED = (
    Column("trade", N_("Trade"), Kind.CODE, href="page"),
    Column("owner", N_("Owner of the trade")),
    Column("version", N_("Version"), Kind.NUMBER),
    Column("verdict", N_("Declarations"), Kind.CODE, words=VERDICTS),
    Column("open", N_("To be settled"), Kind.NUMBER),
    Column("contradictions", N_("Contradictions"), Kind.NUMBER),
    Column("consignments", N_("Consignments"), Kind.CODE),
    Column("stated_by", N_("Last version by")),
    Column("stated", N_("Stated"), Kind.MOMENT),
)
STATUSES = (
    Column("element", N_("Element"), Kind.CODE),
    Column("lines", N_("Lines")),
    Column("status", N_("Status"), Kind.CODE),
    Column("reason", N_("Why"), Kind.CODE),
    Column("left", N_("One side"), Kind.CODE),
    Column("left_values", N_("It states")),
    Column("right", N_("Other side"), Kind.CODE),
    Column("right_values", N_("It states")),
    Column("behind", N_("Who has not followed"), Kind.CODE),
    Column("since_version", N_("Since version"), Kind.NUMBER),
    Column("due", N_("By when")),
    Column("term", N_("Source of the term")),
    Column("rule", N_("Rule"), Kind.CODE),
    Column("source", N_("Source of the rule")),
)
"""Not drawn as such: the page shows the declarations of each two sides beside one another."""
VERSIONS = (
    Column("version", N_("Version"), Kind.NUMBER),
    Column("current", N_("Current"), Kind.BOOLEAN),
    Column("out_of_line", N_("Out of line"), Kind.CODE, words=OUT_OF_LINE),
    Column("stated_by", N_("Stated by")),
    Column("stated", N_("Stated"), Kind.MOMENT),
    Column("digest", N_("Digest"), Kind.CODE, href="file"),
)
GOODS = (
    Column("line", N_("Line"), Kind.CODE),
    Column("description", N_("Description")),
    Column("code", N_("Commodity code"), Kind.CODE),
    Column("origin", N_("Origin"), Kind.CODE),
    Column("quantity", N_("Quantity")),
    Column("unit", N_("Unit"), Kind.CODE),
    Column("gross", N_("Gross mass, kg")),
    Column("net", N_("Net mass, kg")),
    Column("packages", N_("Packages"), Kind.NUMBER),
    Column("price", N_("Price")),
    Column("amount", N_("Amount")),
    Column("currency", N_("Currency"), Kind.CODE),
)
"""Masses, quantities and prices are exact decimals as stated, so they are text."""
FINDINGS = (
    Column("check", N_("Check"), Kind.CODE),
    Column("verdict", N_("Verdict"), Kind.CODE),
    Column("lines", N_("Lines")),
    Column("explained", N_("Explained"), Kind.BOOLEAN),
    Column("reason", N_("Why"), Kind.CODE),
    Column("values", N_("Values")),
    Column("arithmetic", N_("Arithmetic")),
    Column("digest", N_("Digest"), Kind.CODE),
)
"""Not drawn as such: the page shows what somebody has to look at."""
CHANGES = (
    Column("version", N_("In version"), Kind.NUMBER),
    Column("path", N_("Value"), Kind.CODE),
    Column("before", N_("Before")),
    Column("after", N_("After")),
)
NOT_COUNTED = (
    Column("event", N_("Event"), Kind.CODE),
    Column("stated_by", N_("Stated by")),
    Column("stated", N_("Stated"), Kind.MOMENT),
    Column("because", N_("Why it does not count"), Kind.CODE, words=IGNORED),
)


class Group(NamedTuple):
    """The statuses of the declarations of two sides, or the questions about one."""

    left: Sequence[Form]
    right: Sequence[Form]
    statuses: Sequence[Form]


class Drafting(NamedTuple):
    """The amendments that follow from one version: its number, that of the version before, where their files are, and the command that drafts them."""

    version: int
    before: int
    files: tuple[str, str]
    command: str


@pages.get("/console/trades", signed_in=True)
def trades(request: PageRequest) -> Page | Redirect:
    """The trades whose goods travel in the consignments of the person's party, the newest consignments first, in pages."""
    viewer = signed_in(request, Permission.TRADES)
    wanted = request.query.get("trade", "").strip()
    if wanted:
        return Redirect(_page_of(wanted))
    after = place_of(request.query.get("after", ""))
    engaged = bool(request.party.roles & ENGAGED)
    found, place = find(request, Wanted(), after, ON_A_PAGE) if engaged else ([], None)
    names = dict.fromkeys(name for each in found for name in visible_trades_over(request, each.known))
    rows = [_listed(request, each) for each in whole_trades(request, list(names))]
    table = Table("trades", LISTED, rows, N_("Trades"), more=bool(request.table) and place is not None)
    values = {
        "table": table,
        "first": after is None,
        "next": None if place is None else f"?{urlencode({'after': written(place)})}",
    }
    return console_page(request, viewer, "trades.html", values, tables=(table,))


@pages.get("/console/trades/{trade:path}", signed_in=True)
def trade(request: PageRequest) -> Page | Document:
    """One trade by ``owner/reference``, for whoever may see its goods or its declarations; ``?version=`` a version's file, for whom its prices are."""
    viewer = signed_in(request, Permission.TRADES)
    found = whole_trade(request, request.path["trade"])
    if found is None:
        raise PageError(404)
    wanted = request.query.get("version", "")
    if wanted:
        return _file(found, wanted)
    versions, statuses = found.versions, found.statuses
    forms = [] if statuses is None else statuses["statuses"]
    day = None if statuses is None else date.fromisoformat(statuses["as_of"])
    words = {} if day is None else step_words(request.l10n.code, day)
    name = party_names(request)
    tables = (
        Table("declarations", STATUSES, [_exported(each) for each in forms], N_("Declarations")),
        Table(
            "findings",
            FINDINGS,
            list(_findings(found.findings)),
            N_("Findings of the checks"),
        ),
        Table("versions", VERSIONS, list(_versions(found, name)), N_("Versions")),
        Table("goods", GOODS, list(_goods(versions)), N_("Goods")),
        Table("changes", CHANGES, list(_changes(versions)), N_("What changed between versions")),
        Table("not-counted", NOT_COUNTED, list(_ignored(versions, name)), N_("Versions that do not count")),
    )
    graver = sorted(
        (each for each in forms if each["status"] not in FINE),
        key=lambda each: tuple(Status).index(Status(each["status"])),
        reverse=True,
    )
    values = {
        "found": found,
        "owner": name(found.owner),
        "current": _current(versions),
        "verdict": _verdict(found),
        "verdicts": VERDICTS,
        "tones": TONES,
        "sides": SIDES,
        "counts": Counter(each["status"] for each in forms),
        "statuses": tuple(Status),
        "to_do": graver,
        "groups": _groups(forms),
        "say": in_step_words,
        "drawn": DRAWN,
        "most": MOST_VALUES,
        "words": words,
        "findings": _to_look_at(found.findings),
        "verdict_tones": VERDICT_TONES,
        "checked": check_words(request.l10n.code),
        "party_name": name,
        "explain": f"lianyun declare explain {quoted(found.name)} DIGEST --text WHY --as {request.party.code}"
        " --made TIME --client CLIENT --key KEY",
        "draftings": list(_draftings(found)),
        "tables": {each.name: each for each in tables},
        "day": statuses and statuses["as_of"],
    }
    return console_page(request, viewer, "trades_one.html", values, tables=tables)


def _page_of(trade: str) -> str:
    return f"/console/trades/{quote(trade)}"


def _file(found: WholeTrade, digest: str) -> Document:
    """A version whole, as the file that ``lianyun declare`` reads; PageError 404 for whom its prices are not."""
    if not _DIGEST.fullmatch(digest):
        raise PageError(404)
    for each in found.versions["versions"] if found.versions else ():
        if each["digest"] == digest:
            headers = {
                "cache-control": "no-store",
                "content-disposition": f'attachment; filename="v{each["version"]}.json"',
            }
            content = orjson.dumps(each["data"], option=orjson.OPT_SORT_KEYS)
            return Document(content, "application/json", headers)
    raise PageError(404)


def _listed(request: PageRequest, found: WholeTrade) -> dict[str, Any]:
    name = party_names(request)
    versions = found.versions["versions"] if found.versions else []
    last = versions[-1] if versions else None
    return {
        "trade": found.name,
        "page": _page_of(found.name),
        "owner": name(found.owner),
        "version": None if last is None else last["version"],
        "verdict": _verdict(found),
        "open": None
        if found.statuses is None
        else sum(each["status"] not in FINE for each in found.statuses["statuses"]),
        "contradictions": None
        if found.findings is None
        else sum(
            each["verdict"] == "CONTRADICTION" and not each["explained"]
            for each in found.findings["findings"]
        ),
        "consignments": list(found.consignments),
        "stated_by": None if last is None else name(last["stated"][-1]["by"]),
        "stated": None if last is None else parse_micros(last["stated"][-1]["published"], ""),
    }


def _verdict(found: WholeTrade) -> str:
    if found.statuses is None:
        return "NOT_SHOWN"
    return "IN_STEP" if found.statuses["in_step"] else "NOT_IN_STEP"


def _current(versions: Form | None) -> int | None:
    """The number of the last version of an unbroken line; None where people have to say which counts, or it is not shown."""
    if versions is None or versions["current"] is None:
        return None
    return next(
        int(each["version"])
        for each in versions["versions"]
        if any(stated["event"] == versions["current"] for stated in each["stated"])
    )


def _versions(found: WholeTrade, name: Any) -> Iterator[dict[str, Any]]:
    current = _current(found.versions)
    for each in found.versions["versions"] if found.versions else ():
        for stated in each["stated"]:
            yield {
                "version": each["version"],
                "current": each["version"] == current,
                "out_of_line": [code for code in OUT_OF_LINE if each[code]],
                "stated_by": name(stated["by"]),
                "stated": parse_micros(stated["published"], ""),
                "digest": each["digest"],
                "file": each["digest"] and f"?version={each['digest']}",
            }


def _goods(versions: Form | None) -> Iterator[dict[str, Any]]:
    """The lines of the last version, as far as they are shown."""
    data = versions["versions"][-1]["data"] if versions and versions["versions"] else {}
    for line in data.get("lines", ()):
        currency = data.get("currency") if "price" in line or "amount" in line else None
        digits = (line.get("code") or {}).get("digits")
        yield {**line, "line": line["id"], "code": digits, "currency": currency}


def _to_look_at(findings: Form | None) -> list[Form]:
    """The findings that somebody has to look at, contradictions first, those that nobody explained before the others."""
    order = {verdict: n for n, verdict in enumerate(VERDICT_TONES)}
    found = [each for each in (findings["findings"] if findings else ()) if each["verdict"] in order]
    return sorted(found, key=lambda each: (each["explained"], order[each["verdict"]], each["check"]))


def _findings(findings: Form | None) -> Iterator[dict[str, Any]]:
    for each in findings["findings"] if findings else ():
        written = [value["written"] for value in each["values"] or ()]
        yield {key: each[key] for key in ("check", "verdict", "lines", "explained", "reason")} | {
            "values": written or None,
            "arithmetic": each["arithmetic"],
            "digest": each["digest"],
        }


def _changes(versions: Form | None) -> Iterator[dict[str, Any]]:
    for each in versions["versions"] if versions else ():
        for change in each["changes"]:
            yield {
                "version": each["version"],
                "path": change["path"],
                **{side: _text(change[side]) for side in ("before", "after")},
            }


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _ignored(versions: Form | None, name: Any) -> Iterator[dict[str, Any]]:
    for each in versions["not_counted"] if versions else ():
        yield {
            "event": each["event"]["id"],
            "stated_by": name(each["by"]),
            "stated": parse_micros(each["published"], ""),
            "because": each["because"],
        }


def _exported(form: Form) -> dict[str, Any]:
    rule = form["rule"]
    terms = [each["due"] for each in form["behind"]] or ([form["due"]] if form["due"] else [])
    since = [each["since"]["version"] for each in form["behind"] if each["since"]["version"] is not None]
    return {
        **{key: form[key] for key in ("element", "lines", "status", "reason")},
        "left": in_step_words.side_name(form["left"]) or None,
        "right": in_step_words.side_name(form["right"]) or None,
        "left_values": form["values"][0] or None,
        "right_values": form["values"][1] or None,
        "behind": [each["side"] for each in form["behind"]],
        "since_version": since,
        "due": [each["day"] or "" for each in terms],
        "term": [each["source"] for each in terms],
        "rule": None if rule is None else rule["rule"],
        "source": None if rule is None else rule["source"],
    }


def _groups(forms: Sequence[Form]) -> list[Group]:
    """The statuses by the declarations that they are of, in the order in which they stand."""

    def sides(form: Form) -> tuple[Any, Any]:
        return form["left"], form["right"]

    return [Group(*of, list(several)) for of, several in groupby(forms, sides) if any(of)]


def _draftings(found: WholeTrade) -> Iterator[Drafting]:
    """A command for each version that a declaration has not followed, where the reader sees that version and the one before whole."""
    if found.versions is None or found.statuses is None:
        return
    whole = {each["digest"]: each for each in found.versions["versions"] if each["digest"]}
    behind = {lag["since"]["version"] for each in found.statuses["statuses"] for lag in each["behind"]}
    for new in whole.values():
        old = whole.get(new["previous"])
        if new["version"] in behind and old is not None:
            numbers = old["version"], new["version"]
            names = " ".join(f"v{number}.json" for number in numbers)
            yield Drafting(
                new["version"],
                old["version"],
                (f"?version={old['digest']}", f"?version={new['digest']}"),
                f"lianyun declare amend {names} DECLARATIONS filings.json --to drafts",
            )
