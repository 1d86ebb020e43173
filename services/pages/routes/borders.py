"""How good past forecasts of borders were, for everybody."""

from __future__ import annotations

from typing import Any

from services.arrival.domain.history import monday
from services.arrival.domain.record import BorderRecord
from services.arrival.domain.tables import tables
from services.pages.border_records import WEEKS, Records
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking.words import N_

pages = PageRoutes()


@pages.get("/borders")
def borders(request: PageRequest) -> Page:
    """The record of each border and direction of which there are enough crossings, with that of its weeks."""
    found = request.context.border_records.read(request.session, request.now)
    given = _record(found), _weeks(found)
    values = {
        "records": found,
        "weeks": WEEKS,
        "least": tables().least_shown,
        "monday": monday,
        "tables": given,
    }
    return Page("borders.html", values, tables=given)


_BORDER = (
    Column("crossing", N_("Border"), Kind.PLACE),
    Column("from", N_("From"), Kind.PLACE),
    Column("to", N_("To"), Kind.PLACE),
)
_COUNTS = (
    Column("crossings", N_("Crossings"), Kind.NUMBER),
    Column("within", N_("Within the interval"), Kind.SHARE),
    Column("mean_deviation", N_("Mean deviation"), Kind.DURATION),
    Column("width", N_("Width of the interval"), Kind.DURATION),
)


def _record(found: Records) -> Table:
    columns = (*_BORDER, *_COUNTS, Column("weeks", N_("Weeks"), Kind.NUMBER))
    rows = [{**_counts(each), "weeks": each.weeks} for each, _ in found]
    return Table("borders", columns, rows, N_("How good past forecasts of borders were"))


def _weeks(found: Records) -> Table:
    """A week with too few crossings has no numbers."""
    columns = (*_BORDER, Column("week", N_("Week from"), Kind.MOMENT), *_COUNTS)
    rows = [
        {**(_border(each) if record is None else _counts(record)), "week": monday(week)}
        for each, by_week in found
        for week, record in by_week.items()
    ]
    return Table("weeks", columns, rows, N_("Week by week"))


def _border(each: BorderRecord) -> dict[str, Any]:
    return {"crossing": f"crossing:{each.crossing}", "from": each.first, "to": each.last}


def _counts(each: BorderRecord) -> dict[str, Any]:
    return {
        **_border(each),
        "crossings": each.crossings,
        "within": each.coverage / 1_000_000,
        "mean_deviation": each.bias,
        "width": each.width,
    }
