"""Grafana's dashboard JSON (classic schema) from a declaration; the only module that uses the SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model

from services.monitoring.dashboards import statement
from services.monitoring.dashboards.definitions import (
    Annotation,
    Dashboard,
    Kind,
    Link,
    Metric,
    Panel,
    Query,
    Rows,
)

ANNOTATIONS = (
    Annotation("Closures and embargoes", "red", Rows(statement("closures"))),
    Annotation(
        "Releases",
        "blue",
        Metric(
            "count by (version) (lianyun_build_info) unless count by (version) (lianyun_build_info offset 5m)"
        ),
        "Release {{version}} works",
    ),
    Annotation("Migrations and rebuilt states", "purple", Rows(statement("deployments"))),
)


PROMETHEUS = "${datasource}"
POSTGRES = "${database}"
_TYPES = {PROMETHEUS: "prometheus", POSTGRES: "grafana-postgresql-datasource"}
_WIDE = 24
_SHOWN_SERIES = 12
_BAR = 32
_IN_MENU = "inControlsMenu"
_BUILDERS: Mapping[Kind, Callable[[], Any]] = {
    Kind.NUMBER: stat.Panel,
    Kind.LINES: timeseries.Panel,
    Kind.BARS: bargauge.Panel,
    Kind.TABLE: table.Panel,
}


class _SqlQuery(variants.Dataquery):
    """A query of the Postgres data source; the SDK has no builder of its own for it."""

    def __init__(self, statement: str, ref: str) -> None:
        self.statement, self.ref = statement, ref

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self.ref,
            "datasource": _source(POSTGRES),
            "format": "table",
            "rawQuery": True,
            "editorMode": "code",
            "rawSql": self.statement,
        }


class _Sql:
    def __init__(self, statement: str, ref: str) -> None:
        self._built = _SqlQuery(statement, ref)

    def build(self) -> variants.Dataquery:
        return self._built


def draw(declared: Dashboard) -> str:
    """The dashboard as JSON; deterministic."""
    drawn = (
        dashboard.Dashboard(declared.title)
        .uid(declared.uid)
        .description(declared.description)
        .tags(["lianyun"])
        .timezone("browser")
        .editable()
        .readonly()
        .refresh("1m")
        .time(declared.since, "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
    )
    for name, title, kind, uid in (
        ("datasource", "Metrics", _TYPES[PROMETHEUS], "prometheus"),
        ("database", "Database", _TYPES[POSTGRES], "postgres"),
    ):
        chosen = model.VariableOption(selected=True, text=uid, value=uid)
        drawn.with_variable(
            dashboard.DatasourceVariable(name).label(title).type(kind).current(chosen)
            .hide(model.VariableHide.HIDE_VARIABLE)
        )  # fmt: skip
    for variable in declared.variables:
        if not variable.of:
            drawn.with_variable(
                dashboard.TextBoxVariable(variable.name).label(variable.title).default_value("")
            )
            continue
        everything = model.VariableOption(selected=True, text="All", value="$__all")
        drawn.with_variable(
            dashboard.QueryVariable(variable.name).label(variable.title)
            .query(f"label_values({variable.of}, {variable.label})").datasource(_reference(PROMETHEUS))
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
            .multi(True).include_all(True).all_value(".*").current(everything)
        )  # fmt: skip
    for link in declared.links:
        drawn.link(_link(link).keep_time(True).icon("dashboard"))
    for mark in ANNOTATIONS:
        drawn.annotation(_annotation(mark))
    number, y = 0, 0
    for row in declared.rows:
        number += 1
        drawn.with_row(dashboard.Row(row.title).id(number).grid_pos(model.GridPos(h=1, w=_WIDE, x=0, y=y)))
        y += 1
        for panel, place in _placed(row.panels, y):
            number += 1
            drawn.with_panel(_panel(panel, number, place))
            y = max(y, place.y + place.h)
    built = json.loads(json.dumps(drawn.build(), cls=JSONEncoder))
    return json.dumps(_without_placement(built), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _without_placement(drawn: Any) -> Any:
    """The SDK places links and annotations in a hidden menu; without a placement they are shown at the top."""
    if isinstance(drawn, dict):
        return {
            key: _without_placement(each)
            for key, each in drawn.items()
            if key != "placement" or each != _IN_MENU
        }
    return [_without_placement(each) for each in drawn] if isinstance(drawn, list) else drawn


def _placed(panels: Iterable[Panel], y: int) -> Iterator[tuple[Panel, model.GridPos]]:
    x, tallest = 0, 0
    for panel in panels:
        if x + panel.width > _WIDE:
            x, y, tallest = 0, y + tallest, 0
        yield panel, model.GridPos(h=panel.height, w=panel.width, x=x, y=y)
        x, tallest = x + panel.width, max(tallest, panel.height)


def _panel(declared: Panel, number: int, place: model.GridPos) -> Any:
    drawn = _BUILDERS[declared.kind]()
    drawn.id(number).grid_pos(place).title(declared.title).description(declared.description).unit(
        declared.unit
    )
    drawn.datasource(_reference(_source_of(declared.queries[0])))
    drawn.links([_link(link, of_panel=True) for link in declared.down])
    if declared.kind is not Kind.TABLE:
        drawn.data_links([_link(link) for link in declared.down])
    if declared.empty:
        drawn.no_value(declared.empty)
    drawn.color_scheme(_colours(declared))
    drawn.thresholds(_thresholds(declared))
    if declared.kind is Kind.LINES:
        drawn.line_width(1).fill_opacity(5).show_points(common_model.VisibilityMode.NEVER)
        drawn.legend(
            common.VizLegendOptions().show_legend(True).display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
        )  # fmt: skip
        if (declared.alarming, declared.alarming_below) != (None, None):
            drawn.thresholds_style(
                common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.LINE)
            )
    if declared.kind in (Kind.NUMBER, Kind.BARS):
        drawn.reduce_options(
            common.ReduceDataOptions()
            .calcs(["lastNotNull"])
            .limit(_SHOWN_SERIES if declared.kind is Kind.BARS else 1)
        )
    if declared.kind is Kind.NUMBER:
        drawn.graph_mode(common_model.BigValueGraphMode.NONE)
    if declared.kind is Kind.BARS:
        drawn.orientation(common_model.VizOrientation.HORIZONTAL)
        drawn.display_mode(common_model.BarGaugeDisplayMode.BASIC)
        drawn.name_placement(common_model.BarGaugeNamePlacement.LEFT).max_viz_height(_BAR)
    if declared.kind is Kind.TABLE and declared.empty:
        # Shown for a table without rows, not in each empty cell.
        drawn.override_by_regexp(".*", [model.DynamicConfigValue(id_val="noValue", value="")])
    for column in sorted({*declared.units, *declared.cells, *declared.widths}):
        properties = []
        if column in declared.widths:
            properties.append(model.DynamicConfigValue(id_val="custom.width", value=declared.widths[column]))
        if column in declared.units:
            properties.append(model.DynamicConfigValue(id_val="unit", value=declared.units[column]))
        if column in declared.cells:
            properties.append(
                model.DynamicConfigValue(
                    id_val="links", value=[_link(declared.cells[column]).build().to_json()]
                )
            )
        drawn.override_by_name(column, properties)
    for reference, query in zip("ABCDEFGH", declared.queries, strict=False):
        drawn.with_target(
            _target(query, reference, instant=declared.kind is not Kind.LINES, name=declared.title)
        )
    return drawn


def _target(query: Query, reference: str, *, instant: bool, name: str = "") -> Any:
    if isinstance(query, Rows):
        return _Sql(query.statement, reference)
    target = (
        prometheus.Dataquery().ref_id(reference).expr(query.expression).datasource(_reference(PROMETHEUS))
    )
    target.editor_mode(prometheus_model.QueryEditorMode.CODE)
    target = target.instant() if instant else target.range()
    legend = query.legend or name  # Grafana calls a series without a name "Value"
    return target.legend_format(legend) if legend else target


def _annotation(mark: Annotation) -> Any:
    drawn = dashboard.AnnotationQuery().name(mark.name).icon_color(mark.colour).enable(True)
    drawn.datasource(_reference(_source_of(mark.query)))
    if isinstance(mark.query, Metric):
        # Prometheus's data source reads the expression beside the target, Grafana's own editor in it.
        drawn.expr(mark.query.expression).step("60s").title_format(mark.title)
    return drawn.target(_target(mark.query, "Anno", instant=False))


def _link(link: Link, *, of_panel: bool = False) -> dashboard.DashboardLink:
    """A link; a panel's own link cannot use the series or cell that was clicked."""
    having = "".join(
        f"&{value}" if value.endswith(":queryparam}") else f"&var-{name}={_variable(value)}"
        for name, value in link.having.items()
        if not (of_panel and value.startswith("${__"))
    )
    return (
        dashboard.DashboardLink(link.title).type(model.DashboardLinkType.LINK)
        .url(f"/d/{link.to}?${{__url_time_range}}{having}")
    )  # fmt: skip


def _variable(value: str) -> str:
    return value if value.startswith("${") else quote(value)


def _source_of(query: Query) -> str:
    return POSTGRES if isinstance(query, Rows) else PROMETHEUS


def _source(name: str) -> dict[str, str]:
    return {"type": _TYPES[name], "uid": name}


def _reference(name: str) -> common_model.DataSourceRef:
    return common_model.DataSourceRef(type_val=_TYPES[name], uid=name)


def _colours(panel: Panel) -> Any:
    by_value = panel.kind in (Kind.NUMBER, Kind.BARS)
    mode = model.FieldColorModeId.THRESHOLDS if by_value else model.FieldColorModeId.PALETTE_CLASSIC
    return dashboard.FieldColor().mode(mode)


def _thresholds(panel: Panel) -> Any:
    lowest = "text" if not panel.judges else "green" if panel.alarming_below is None else "red"
    steps = [model.Threshold(value=None, color=lowest)]
    for value, colour in (
        (panel.alarming_below, "green"),
        (panel.worrying, "orange"),
        (panel.alarming, "red"),
    ):
        if value is not None:
            steps.append(model.Threshold(value=value, color=colour))
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
