"""A bank's financings for its people: the portfolio with the goods and alerts, and totals."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from services.api.auth.permissions import BANKS
from services.pages.console import N_, console_of, console_page, signed_in
from services.pages.errors import PageError
from services.pages.financings import words
from services.pages.financings.portfolio import (
    LOOKED_AT,
    PortfolioRow,
    Wanted,
    crossing_ids,
    read_page,
)
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking import words as tracking_words
from services.people.domain.person import Permission

pages = PageRoutes()
MATURITIES = (7, 30, 90)


@pages.get("/console/financings", signed_in=True)
def financings(request: PageRequest) -> Page:
    """The portfolio of the person's bank: each financing with what is owed, its goods and its alerts."""
    viewer = signed_in(request, Permission.FINANCING, BANKS)
    wanted = _wanted(request)
    after = request.query.get("after", "")
    found = read_page(request, wanted, f"{wanted.bank}/{after}" if after else "")
    kept = {
        name: value
        for name, value in request.query.items()
        if name not in ("after", "lang", "table", "format")
    }
    following = None
    if found.after is not None:
        following = "?" + urlencode({**kept, "after": found.after.partition("/")[2]})
    table = Table(
        "financings",
        (
            Column("reference", N_("Reference"), Kind.CODE, href="href"),
            Column("stage", N_("State"), Kind.CODE, words=words.STAGES),
            Column("product", N_("Product"), Kind.CODE, words=words.PRODUCTS),
            Column("owed", N_("Owed"), Kind.AMOUNT),
            Column("approved", N_("Approved"), Kind.AMOUNT),
            Column("value", N_("Verified value"), Kind.AMOUNT),
            Column("coverage", N_("Value by what is owed"), Kind.SHARE),
            Column("matures", N_("Matures on"), Kind.TEXT),
            Column("alerts", N_("Open alerts"), Kind.CODE, words=words.ALERTS),
            Column("consignments", N_("Consignments"), Kind.CODE),
            Column("milestone", N_("Last known"), Kind.CODE, words=tracking_words.MILESTONES),
            Column("place", N_("Where"), Kind.PLACE),
            Column("seen", N_("When"), Kind.MOMENT, place="place"),
            Column("earliest", N_("Arrival from"), Kind.MOMENT),
            Column("latest", N_("Arrival to"), Kind.MOMENT),
            Column("silent", N_("Silent for"), Kind.DURATION),
        ),
        [_row(each, request.now) for each in found.rows],
        N_("Financings"),
        more=found.after is not None,
    )
    values = {
        "table_": table,
        "wanted": wanted,
        "rows": found.rows,
        "following": following,
        "looked_at": found.looked_at if found.looked_at >= LOOKED_AT else 0,
        "maturities": MATURITIES,
        "words": words,
        "twords": tracking_words,
        "now": request.now,
        "crossings": _crossings(),
    }
    return console_page(request, viewer, "financings.html", values, tables=(table,))


@pages.get("/console/financing-totals", signed_in=True)
def totals(request: PageRequest) -> Page:
    """What the open financings of the person's bank add up to: by state, by corridor, and by when it falls due."""
    viewer = signed_in(request, Permission.FINANCING, BANKS)
    bank = request.party.code
    counted = console_of(request.context).totals.of(request.context.pool, bank, request.now, request.registry)
    found = counted.totals
    request.reads("financing", f"{bank}/*")
    sums = (
        Column("count", N_("Financings"), Kind.NUMBER),
        Column("approved", N_("Approved"), Kind.AMOUNT),
        Column("drawn", N_("Paid out"), Kind.AMOUNT),
        Column("owed", N_("Owed"), Kind.AMOUNT),
    )

    def row(currency: str, each: Any) -> dict[str, Any]:
        amounts = {name: getattr(each, name) for name in ("approved", "drawn", "owed")}
        return {
            "count": each.financings,
            **{name: (minor, currency) if currency else None for name, minor in amounts.items()},
        }

    by_state = Table(
        "states",
        (
            Column("stage", N_("State"), Kind.CODE, words=words.STAGES),
            Column("currency", N_("Currency"), Kind.CODE),
            *sums,
        ),
        [
            {"stage": stage, "currency": currency, **row(currency, each)}
            for (stage, currency), each in found.by("stage", "currency").items()
        ],
        N_("By state"),
    )
    by_corridor = Table(
        "corridors",
        (
            Column("corridor", N_("Corridor"), Kind.PLACE),
            Column("currency", N_("Currency"), Kind.CODE),
            *sums,
        ),
        [
            {
                "corridor": [f"crossing:{name}" for name in corridor.split(" + ")] if corridor else None,
                "currency": currency,
                **row(currency, each),
            }
            for (corridor, currency), each in found.by("corridor", "currency").items()
        ],
        N_("By corridor"),
    )
    due = Table(
        "maturities",
        (
            Column("week", N_("Week from"), Kind.TEXT),
            Column("currency", N_("Currency"), Kind.CODE),
            Column("count", N_("Financings"), Kind.NUMBER),
            Column("owed", N_("Owed"), Kind.AMOUNT),
        ),
        [
            {
                "week": _week(request, when.week),
                "currency": when.currency,
                "count": count,
                "owed": (owed, when.currency),
            }
            for when, (count, owed) in sorted(
                found.due.items(), key=lambda each: (each[0].week or date.min, each[0].currency)
            )
        ],
        N_("What falls due"),
    )
    tables = (by_state, by_corridor, due)
    return console_page(
        request, viewer, "financings_totals.html", {"counted": counted, "tables_": tables}, tables=tables
    )


def _wanted(request: PageRequest) -> Wanted:
    query = request.query
    within = query.get("matures", "")
    if within and (not within.isdecimal() or int(within) not in MATURITIES):
        raise PageError(400)
    known = {"stage": words.STAGES, "product": words.PRODUCTS, "crossing": _crossings()}
    for name, values in known.items():
        if query.get(name, "") and query[name] not in values:
            raise PageError(400)
    currency = query.get("currency", "").strip().upper()
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise PageError(400)
    return Wanted(
        request.party.code,
        query.get("stage", ""),
        currency,
        query.get("product", ""),
        int(within) if within else None,
        query.get("reference", "").strip()[:80],
        query.get("crossing", ""),
        query.get("show", "") == "ended",
        query.get("show", "") == "alerts",
    )


def _row(row: PortfolioRow, now: int) -> dict[str, Any]:
    state = row.summary.state
    goods = min(row.goods, key=lambda each: each.journey.phase, default=None)
    position = None if goods is None else goods.journey.position
    forecast = None if goods is None else goods.forecast
    silent = position is not None and goods is not None and goods.silent
    return {
        "reference": row.reference,
        "href": f"/console/financings/{quote(row.reference, safe='')}",
        "stage": str(state.stage),
        "product": state.hold.terms.product,
        "owed": row.owed if row.owed.currency else None,
        "approved": state.approved,
        "value": row.value,
        "coverage": row.coverage,
        "matures": None if state.matures_on is None else state.matures_on.isoformat(),
        "alerts": [each.covenant for each in row.alerts] or None,
        "consignments": [each.shown.body["consignment"] for each in row.goods] or None,
        "milestone": None if position is None else position.milestone,
        "place": None if position is None else position.place or None,
        "seen": None if position is None else position.happened,
        "earliest": None if forecast is None else forecast.arrival.p10,
        "latest": None if forecast is None else forecast.arrival.p90,
        "silent": now - position.happened if silent and position is not None else None,
    }


def _crossings() -> dict[str, str]:
    return {name: f"crossing:{name}" for name in crossing_ids().values()}


def _week(request: PageRequest, week: date | None) -> str:
    if week is None:
        return request.l10n.gettext(N_("overdue"))
    return request.l10n.gettext(N_("later")) if week == date.max else week.isoformat()
