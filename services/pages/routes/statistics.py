"""Statistics of trade and finance by corridor and month, for everybody: charts, a film, and what each number is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from babel.numbers import get_currency_precision

from services.domain.facts import Micros
from services.domain.rules import HOUR
from services.pages.errors import PageError
from services.pages.line.diagram import CITIES, Drawing, drawings
from services.pages.localization import Localization
from services.pages.page import Data, Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.statistics.charts import HEIGHT, WIDTH, Chart, Point, chart
from services.pages.statistics.flows import bound_of, flows, greatest_flow, stroke
from services.pages.statistics.published import Published
from services.pages.table import Column, Table
from services.pages.table import Kind as Cell
from services.pages.tracking.words import N_
from services.query.disclosure import BASE, DOMINANCE_PERCENT, LEAST
from services.query.line.film import Film
from services.statistics.domain import months
from services.statistics.domain.corridors import Corridor
from services.statistics.domain.definitions import Definition, Kind, definitions, table
from services.statistics.domain.publication import ALL, TAILS, Figure
from services.statistics.store.reader import query_of

pages = PageRoutes()

COLOURED = 8
"""Corridors that have a colour of their own: those with most consignments."""
REGIONS = {
    "CN": N_("China"),
    "EU": N_("Europe"),
    "CA": N_("Central Asia"),
    "RB": N_("Russia and Belarus"),
    "MN": N_("Mongolia"),
    "CC": N_("Caucasus and Türkiye"),
}


@pages.get("/statistics")
def statistics(request: PageRequest) -> Page:
    """Everybody sees the same: what was published of one measure, and the consignments of each month on the drawn line."""
    published = _published(request)
    measure = request.query.get("measure") or "transit_time"
    definition = definitions().get(measure)
    corridor, month = _corridor(request), _month(request)
    if definition is None:
        raise PageError(404)
    names = corridor_names(published.corridors, request.l10n)
    shown = _tables(published, definition, names, corridor, month)
    at = month if month in published.drawn else (published.drawn[-1] if published.drawn else None)
    values = {
        "measure": definition,
        "measures": definitions(),
        "corridor": corridor,
        "month": month,
        "names": names,
        "published": published,
        "written": months.written,
        "begins": months.begins,
        "charts": _charts(published, definition, corridor),
        "size": (WIDTH, HEIGHT),
        "film": None if at is None else _still(published, at),
        "at": at,
        "rules": rules(),
        "query": query_of(definition),
        "tables": shown,
        "cities": CITIES,
        "coloured": COLOURED,
        "unit": _unit(definition),
        "last": published.months[-1].publication if published.months else None,
    }
    return Page("statistics.html", values, tables=shown)


@pages.get("/statistics/film")
def film(request: PageRequest) -> Data:
    """The months as data for the page that plays them: consignments and transit times by corridor."""
    published = _published(request)
    drawn = published.drawn
    return Data(
        {
            "months": [months.written(month) for month in drawn],
            "first": drawn[0] if drawn else None,
            "names": [request.l10n.month(months.begins(month)) for month in drawn],
            "counts": [published.counts(month) for month in drawn],
            "transit": [
                [
                    None
                    if (found := published.of("transit_time", str(each), month)) is None
                    else [_hours(found.low), _hours(found.middle), _hours(found.high)]
                    for each in published.corridors
                ]
                for month in drawn
            ],
        }
    )


@pages.get("/statistics/definitions/{id}")
def definition_page(request: PageRequest) -> Page:
    """What a number is of, for everybody; with ``month``, ``corridor`` and ``part`` also that number and what it rests on."""
    definition = definitions().get(request.path["id"])
    if definition is None:
        raise PageError(404)
    month, corridor, part = _month(request), _corridor(request), request.query.get("part", "")
    published = _published(request)
    figure = None if month is None else published.of(definition.id, corridor, month, part)
    publication = next((m.publication for m in published.months if m.publication.month == month), None)
    if month is not None and figure is None:
        raise PageError(404)
    values = {
        "definition": definition,
        "figure": figure,
        "publication": publication,
        "month": None if month is None else months.written(month),
        "begins": None if month is None else months.begins(month),
        "corridor": corridor,
        "names": corridor_names(published.corridors, request.l10n),
        "part": part,
        "unit": _unit(definition),
        "rules": rules(),
        "query": query_of(definition),
        "version": table().version,
        "kind": definition.kind,
        "in_unit": lambda value: in_unit(definition, value),
    }
    return Page("statistics_definition.html", values)


def rules() -> dict[str, int]:
    """The numbers of the rules of disclosure, for templates."""
    return {
        "least": LEAST, "dominance": DOMINANCE_PERCENT, "base": BASE, "tails": TAILS,
        "first": months.FIRST_AFTER, "final": months.FINAL_AFTER,
    }  # fmt: skip


def corridor_names(corridors: Sequence[Corridor], l10n: Localization) -> dict[str, str]:
    """The names of corridors in the language of the page, and of all together."""
    named = {
        str(each): f"{l10n.gettext(REGIONS[each.origin])} → {l10n.gettext(REGIONS[each.destination])}, "
        f"{l10n.place(f'crossing:{each.crossing}')}"
        for each in corridors
    }
    return {**named, ALL: l10n.gettext(N_("All corridors"))}


def in_unit(definition: Definition, value: int | None) -> float | None:
    """A figure's value in its unit: days or hours, a share of 1, minor units."""
    if value is None:
        return None
    if definition.kind is Kind.DURATION:
        return value / (definition.unit_hours * HOUR)
    return value / 100 if definition.kind is Kind.SHARE else value


def _published(request: PageRequest) -> Published:
    return request.context.statistics.read(request.session)


def _month(request: PageRequest) -> int | None:
    text = request.query.get("month", "").strip()
    try:
        return months.parse(text) if text else None
    except ValueError:
        raise PageError(400) from None


def _corridor(request: PageRequest) -> str:
    text = request.query.get("corridor", "").strip()
    try:
        return str(Corridor.parse(text)) if text else ALL
    except ValueError:
        raise PageError(400) from None


def _unit(definition: Definition) -> str:
    if definition.kind is Kind.DURATION:
        return N_("days") if definition.unit_hours == 24 else N_("hours")
    return ""


def _parts(published: Published, definition: Definition) -> list[str]:
    return sorted(part for name, part in published.figures if name == definition.id)


def _tables(
    published: Published, definition: Definition, names: Mapping[str, str], corridor: str, month: int | None
) -> list[Table]:
    unit = definition.kind
    value = Cell.NUMBER if unit is Kind.DURATION else Cell.SHARE if unit is Kind.SHARE else Cell.AMOUNT
    of = {"days": N_("P50, days"), "hours": N_("P50, hours"), "": definition.title}[_unit(definition)]
    columns = [
        Column("month", N_("Month"), Cell.CODE, href="href"),
        Column("corridor", N_("Corridor"), Cell.CODE, words=names),
    ]
    if definition.by == "crossing":
        columns.append(Column("border", N_("Border"), Cell.PLACE))
    if unit is Kind.DURATION:
        columns.append(Column("p10", "P10", value))
    columns.append(Column("value", of, value))
    if unit is Kind.DURATION:
        columns.append(Column("p90", "P90", value))
    counted = Column("counted", N_("Pledges") if definition.financial else N_("Consignments"), Cell.NUMBER)
    columns += [
        *([] if unit is Kind.AMOUNT else [counted]),
        Column("events", N_("Signed events"), Cell.NUMBER),
        Column("as_of", N_("As of"), Cell.MOMENT),
        Column("final", N_("Final")),
    ]
    last = {each.publication.month: each.publication for each in published.months}
    rows: list[dict[str, Any]] = [
        {
            "month": months.written(at),
            "href": f"/statistics/definitions/{definition.id}?"
            + urlencode({"month": months.written(at), "corridor": name, "part": part}),
            "corridor": name,
            "border": f"crossing:{part}",
            "p10": in_unit(definition, figure.low),
            "value": (figure.middle, part) if unit is Kind.AMOUNT else in_unit(definition, figure.middle),
            "p90": in_unit(definition, figure.high),
            "counted": figure.counted,
            "events": figure.events,
            "as_of": last[at].position.as_of,
            "final": last[at].final,
        }
        for part in _parts(published, definition)
        for name, by_month in published.figures[definition.id, part].items()
        for at, figure in by_month.items()
        if month in (None, at) and corridor in (ALL, name)
    ]
    order = {name: n for n, name in enumerate((ALL, *map(str, published.corridors)))}
    rows.sort(key=lambda row: (row["border"], order[row["corridor"]]))
    rows.sort(key=lambda row: row["month"], reverse=True)
    return [Table("figures", columns, rows, N_("Numbers by month"), drawn=60)]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart of one part; ``keys`` are (index of the colour, corridor) of its lines."""

    part: str
    chart: Chart
    keys: tuple[tuple[int, str], ...]


def _charts(published: Published, definition: Definition, corridor: str) -> list[Drawn]:
    index = {str(each): n for n, each in enumerate(published.corridors[:COLOURED])} | {ALL: COLOURED}
    closed = sorted(
        {(_in_months(c.start), _in_months(c.end)) for c in published.closures if c.end is not None}
    )
    found = []
    for part in _parts(published, definition):
        whole = 10 ** get_currency_precision(part) if definition.kind is Kind.AMOUNT else 1
        series: dict[int, dict[int, Point]] = {}
        for name, by_month in published.figures[definition.id, part].items():
            if name in index and corridor in (ALL, name):
                of = {
                    month: (
                        in_unit(definition, each.low),
                        (in_unit(definition, each.middle) or 0.0) / whole,
                        in_unit(definition, each.high),
                    )
                    for month, each in by_month.items()
                    if month in published.drawn
                }
                series[index[name]] = of
        if not series:
            continue
        keys = tuple(sorted((n, name) for name, n in index.items() if n in series))
        alone = len(series) == 1 and definition.kind is Kind.DURATION
        most = 0.1 if definition.kind is Kind.SHARE else 0.0
        found.append(Drawn(part, chart(published.drawn, series, bands=alone, most=most, closed=closed), keys))
    return found


def _in_months(at: Micros) -> float:
    month = months.month_of(at)
    since = months.begins(month)
    return month + (at - since) / (months.begins(month + 1) - since)


def _hours(value: Micros | None) -> float | None:
    return None if value is None else value / HOUR


def _still(published: Published, at: int) -> dict[str, Any]:
    """The picture of one month: flows on both forms of the diagram, and the transit times of its corridors."""
    stretches = flows(published.corridors)
    every = [published.counts(month) for month in published.drawn]
    greatest = greatest_flow(stretches, every)
    counts = published.counts(at)
    times = [published.of("transit_time", str(each), at) for each in published.corridors]
    longest = max(
        (
            figure.high or figure.middle
            for name, by_month in published.figures.get(("transit_time", ""), {}).items()
            if name != ALL
            for month, figure in by_month.items()
            if month in published.drawn
        ),
        default=0,
    )
    return {
        "drawings": _drawings(),
        "closed": {
            place: sorted({month for c in published.closures if c.place == place for month in c.months})
            for place in {each.place for each in published.closures}
        },
        "flows": [(flow, stroke(counts, flow.members, greatest)) for flow in stretches],
        "greatest": greatest,
        "rows": [
            {
                "corridor": str(each),
                "bound": bound_of(each),
                "count": count,
                "bar": None if figure is None or not longest else _bar(figure, longest),
                "days": None if figure is None else figure.middle / (24 * HOUR),
            }
            for each, count, figure in zip(published.corridors, counts, times, strict=True)
        ],
        "longest": (_hours(longest) or 0.0) / 24,
    }


@cache
def _drawings() -> tuple[Drawing, Drawing]:
    """The line without trains, in both forms."""
    return drawings(Film(0, 0, (), (), {}, {}), {}, 0)


def _bar(figure: Figure, longest: Micros) -> tuple[float, float, float]:
    """(start, end, middle) of a bar as thousandths of the longest time."""
    low = figure.middle if figure.low is None else figure.low
    high = figure.middle if figure.high is None else figure.high
    start, end, middle = (round(1_000 * value / longest, 1) for value in (low, high, figure.middle))
    return start, end, middle
