"""What the tracking page shows of a consignment as tables: made of its summary, and so of nothing that the viewer may not see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.pages.table import Column, Kind, Row, Table
from services.pages.tracking import words
from services.pages.tracking.forecast import ENDS, ShownForecast
from services.pages.tracking.summary import Claim, Summary
from services.pages.tracking.words import N_

_LEG_NAMES = {ENDS[0]: "departure", ENDS[1]: "arrival", ENDS[2]: "handed_over"}
_MILESTONE = Column("milestone", N_("What"), Kind.CODE, words=words.MILESTONES)
_HAPPENED = Column("happened", N_("When"), Kind.MOMENT, place="place")
_PLACE = Column("place", N_("Where"), Kind.PLACE)
_COUNTRY = Column("jurisdiction", N_("Country"), Kind.CODE)
_OBJECT = Column("object", N_("About"), Kind.CODE)
_BY = Column("by", N_("Stated by"), Kind.CODE)
_ASSURANCE = Column("assurance", N_("Assurance"), Kind.CODE, words=words.ASSURANCES)
_STATED = (_MILESTONE, _HAPPENED, _PLACE, _COUNTRY, _OBJECT, _BY, _ASSURANCE)
_EVENT = (
    *_STATED,
    Column("classifier", N_("Classifier"), Kind.CODE, words=words.CLASSIFIERS),
    Column("status", N_("Status"), Kind.CODE, words=words.STANDINGS),
    Column("published", N_("Published"), Kind.MOMENT),
    Column("recorded", N_("Recorded"), Kind.MOMENT),
)


def tracking_tables(
    summary: Summary, body: Mapping[str, Any], forecast: ShownForecast | None
) -> dict[str, Table]:
    """By name: events, journey, containers, customs, documents, goods, invoices and the legs that are left. Pure."""
    tables = (
        Table(
            "events", _EVENT, [_claim(each) for each in summary.events], N_("Everything that was reported")
        ),
        _journey(summary),
        _containers(summary),
        Table("customs", _STATED, [_claim(each) for _, each in summary.customs], N_("Customs")),
        Table("documents", _STATED, [_claim(each) for each in summary.documents], N_("Documents")),
        Table("goods", (Column("hs", "HS", Kind.CODE), _BY), body["goods"] or (), N_("Goods")),
        _invoices(body["invoices"] or ()),
        _legs(forecast),
    )
    return {each.name: each for each in tables}


def _claim(each: Claim) -> Row:
    return {
        "milestone": each.milestone,
        "happened": each.happened,
        "place": each.place or None,
        "jurisdiction": each.jurisdiction or None,
        "object": each.object or None,
        "by": each.by or None,
        "assurance": each.assurance or None,
        "classifier": each.classifier,
        "status": each.standing,
        "published": each.published,
        "recorded": each.recorded,
    }


def _journey(summary: Summary) -> Table:
    columns = (
        Column("step", N_("What"), Kind.CODE, words=words.STEPS),
        Column("state", N_("Status"), Kind.CODE),
        Column("places", N_("Where"), Kind.PLACE),
        Column("reached", N_("When"), Kind.MOMENT, place="place"),
        _BY,
    )
    rows = [
        {
            "step": each.code,
            "state": each.state,
            "places": each.places,
            "reached": each.at,
            "place": each.place or None,
            "by": each.by or None,
        }
        for each in summary.reached
    ]
    return Table("journey", columns, rows, N_("The journey"))


def _containers(summary: Summary) -> Table:
    """A container a row; those whose numbers the viewer does not see are counted in one."""
    columns = (
        Column("container", N_("Container"), Kind.CODE),
        Column("count", N_("Containers"), Kind.NUMBER),
        Column("holds_cargo", N_("Carries this cargo"), Kind.BOOLEAN),
        _MILESTONE,
        _HAPPENED,
        _PLACE,
        _BY,
    )
    rows = []
    for group in summary.containers:
        at: Row = {} if group.position is None else _claim(group.position)
        for number in group.numbers or (None,):
            count = 1 if number is not None else group.count
            rows.append({**at, "container": number, "count": count, "holds_cargo": group.holds_cargo})
    return Table("containers", columns, rows, N_("Containers"))


def _invoices(invoices: Iterable[Mapping[str, Any]]) -> Table:
    columns = (
        Column("invoice", N_("Invoice"), Kind.CODE),
        Column("issued", N_("Date")),
        Column("total", N_("Amount"), Kind.AMOUNT),
        Column("seller", N_("Seller"), Kind.CODE),
        Column("buyer", N_("Buyer"), Kind.CODE),
        _BY,
    )
    rows = [
        {
            "invoice": each["document_id"],
            "issued": each["issue_date"],
            "total": tuple(each["grand_total_amount"][name] for name in ("minor_units", "currency_code")),
            "seller": _company(each["seller_party"]),
            "buyer": _company(each["buyer_party"]),
            "by": each["by"],
        }
        for each in invoices
    ]
    return Table("invoices", columns, rows, N_("Invoices"))


def _company(party: Mapping[str, str]) -> str:
    return ":".join(party.values())


def _legs(forecast: ShownForecast | None) -> Table:
    ends = [Column(name, name.upper(), Kind.MOMENT, place="clock") for name in ("p10", "p50", "p90")]
    columns = (
        Column("leg", N_("End of the leg"), Kind.CODE),
        _PLACE,
        *ends,
        Column("trains_of_service", N_("Trains of this service"), Kind.NUMBER),
        Column("trains", N_("Trains of all services"), Kind.NUMBER),
        Column("closed", N_("The border is closed"), Kind.BOOLEAN),
        Column("ahead", N_("Trains ahead"), Kind.NUMBER),
    )
    rows = [
        {
            "leg": _LEG_NAMES.get(each.what, ""),
            "place": each.place,
            "clock": each.clock,
            **dict(zip(("p10", "p50", "p90"), each.ends, strict=True)),
            "trains_of_service": each.own,
            "trains": each.all,
            "closed": each.closed,
            "ahead": each.ahead,
        }
        for each in (forecast.legs if forecast is not None else ())
    ]
    return Table("legs", columns, rows, N_("What the forecast rests on"))
