"""The dashboards as files: made from code, readable by Grafana as far as a text shows, and asking for what exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import promql_parser
import pytest

from services.ledger.dead_letters.letter import LetterState
from services.monitoring.alerting.objectives import recording_rules
from services.monitoring.alerting.rules import all_alerts, dashboard_of
from services.monitoring.artefacts import families
from services.monitoring.dashboards import files
from services.monitoring.dashboards.definitions import Dashboard, Kind, Link, Metric, Panel, Row
from services.monitoring.dashboards.grafana import draw
from services.monitoring.dashboards.query_check import PanelQuery, load_queries, promql, sql
from tests.unit.infra.test_compose import INFRA

FOLDER = files.ROOT / files.FOLDER
DRAWN: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
OTHERS = {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity", "slo", "dashboard_uid"},
}
"""Series that Prometheus makes itself."""
each = pytest.mark.parametrize("name", DRAWN)


def panels(name: str) -> Iterator[dict[str, Any]]:
    return (panel for panel in DRAWN[name]["panels"] if panel["type"] != "row")


def asked(source: str) -> list[PanelQuery]:
    return [one for one in load_queries(FOLDER) if one.source == source]


def test_the_files_are_those_that_the_code_makes() -> None:
    assert files.stale() == [], "run `make schemas`"


def test_a_file_that_nothing_makes_or_that_differs_is_stale(tmp_path: Path) -> None:
    assert len(files.write(tmp_path)) == len(files.DASHBOARDS)
    folder = tmp_path / files.FOLDER
    (folder / "left-over.json").write_text("{}")
    (folder / "promises.json").write_text("{}")
    assert [path.name for path in files.stale(tmp_path)] == ["left-over.json", "promises.json"]
    files.write(tmp_path)
    assert files.stale(tmp_path) == []


def test_uids_are_unique_and_what_alerts_name() -> None:
    uids = [drawn["uid"] for drawn in DRAWN.values()]
    assert len({*uids}) == len(uids) >= 6
    assert {dashboard_of(alert) for alert in all_alerts()} <= {*uids}
    rules = (files.ROOT / "ops" / "alerts" / "alerts.yml").read_text(encoding="utf-8")
    assert rules.count("dashboard_uid: ") == len(all_alerts())


@each
def test_a_panel_says_what_it_is_in_what_and_where_to_go_on(name: str) -> None:
    uids = {drawn["uid"] for drawn in DRAWN.values()}
    for panel in panels(name):
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["links"], f"{panel['title']} leads nowhere"
        for link in links(panel):
            to = urlsplit(link["url"]).path.removeprefix("/d/")
            assert to in uids, link["url"]
            known = {v["name"] for d in DRAWN.values() if d["uid"] == to for v in d["templating"]["list"]}
            assert {*re.findall(r"[?&]var-([a-z]+)=", link["url"])} <= known, link["url"]
            assert {*re.findall(r"\$\{([a-z]+)(?::[a-z]+)?\}", link["url"])} <= known, link["url"]


def links(panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from panel["links"]
    yield from panel["fieldConfig"]["defaults"].get("links", ())
    for override in panel["fieldConfig"]["overrides"]:
        for each_property in override["properties"]:
            if each_property["id"] == "links":
                yield from each_property["value"]


def colour(panel: dict[str, Any], value: float) -> str:
    """The colour in which Grafana shows ``value``."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])
    assert steps[0]["value"] is None
    return str([step["color"] for step in steps if step["value"] is None or step["value"] <= value][-1])


def test_a_budget_that_is_spent_is_red_and_no_budget_is_ever_negative() -> None:
    budgets = [
        panel
        for name in DRAWN
        for panel in panels(name)
        if "budget" in panel["title"] and panel["type"] == "stat"
    ]
    assert len(budgets) == 4
    for panel in budgets:
        (target,) = panel["targets"]
        assert target["expr"].startswith("1 - "), (
            "what is spent, from 0 on; what would be left can be less than nothing"
        )
        assert "spent" in panel["title"]
        shown = [colour(panel, value) for value in (0, 0.4, 0.6, 0.99, 1, 8.72)]
        assert shown == ["green", "green", "orange", "orange", "red", "red"], panel["title"]


NO_LIMIT = {"Arrivals with an estimate", "Parts of the transaction"}
"""Shares of which none is good or bad by itself."""


@each
def test_a_share_is_red_where_it_is_bad(name: str) -> None:
    for panel in panels(name):
        title = panel["title"]
        if panel["fieldConfig"]["defaults"]["unit"] != "percentunit" or title in NO_LIMIT:
            continue
        good_is_high = "share that is good" in title
        best, worst = (1.0, 0.5) if good_is_high else (0.0, 1.0)
        assert (colour(panel, best), colour(panel, worst)) == ("green", "red"), title


@pytest.mark.parametrize(
    ("title", "bad", "good"),
    [
        ("Workers ready", 0, 1),
        ("Until the last key runs out", 13 * 86_400, 15 * 86_400),
        ("Until the certificate runs out", -1, 15 * 86_400),
        ("visible: share that is good", 0.98, 0.995),
    ],
)
def test_what_is_bad_when_it_is_low_is_red_there(title: str, bad: float, good: float) -> None:
    (panel,) = (panel for name in DRAWN for panel in panels(name) if panel["title"] == title)
    assert (colour(panel, bad), colour(panel, good)) == ("red", "green")


WITHOUT_LIMIT = {
    "Consignments under way", "Trains waiting at borders", "Due in 12 h", "Queued", "Handed over", "Since the last commit",
    "Version of the registry",
}  # fmt: skip
"""Numbers of which none is good or bad by itself."""


def test_a_number_is_green_only_where_another_would_not_be() -> None:
    stats = [panel for name in DRAWN for panel in panels(name) if panel["type"] == "stat"]
    assert {panel["title"] for panel in stats if colour(panel, 1e9) == "text"} == WITHOUT_LIMIT
    for panel in stats:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert len(steps) > 1 or steps[0]["color"] == "text", panel["title"]


def test_many_open_cases_and_a_budget_far_overspent_are_not_green() -> None:
    found = {panel["title"]: panel for name in DRAWN for panel in panels(name) if panel["type"] == "stat"}
    assert colour(found["Open cases"], 143) == "orange"
    assert colour(found["Error budget spent, the most"], 8.72) == "red"


@each
def test_a_series_of_a_metric_has_a_name(name: str) -> None:
    """Grafana calls the others "Value"."""
    for panel in panels(name):
        for target in panel["targets"]:
            assert "expr" not in target or target["legendFormat"], panel["title"]


@each
def test_a_link_of_a_whole_panel_needs_no_value_of_a_series(name: str) -> None:
    assert not [
        link["url"] for panel in panels(name) for link in panel["links"] if "${__field" in link["url"]
    ]


@each
def test_panels_have_numbers_and_places_of_their_own(name: str) -> None:
    found = DRAWN[name]["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@each
def test_sources_are_chosen_by_variables_with_the_provisioned_names(name: str) -> None:
    drawn = DRAWN[name]
    fixed = {
        v["name"]: v["current"]["value"] for v in drawn["templating"]["list"] if v["type"] == "datasource"
    }
    assert fixed == {"datasource": "prometheus", "database": "postgres"}
    targets = [target for panel in panels(name) for target in panel["targets"]]
    marks = [mark["target"] for mark in drawn["annotations"]["list"]]
    for target in (*targets, *marks):
        assert target["datasource"]["uid"] in ("${datasource}", "${database}")
    assert drawn["editable"] is False
    assert drawn["timezone"] == "browser"


@each
def test_closures_and_deployments_are_marked(name: str) -> None:
    marks = {mark["name"]: mark for mark in DRAWN[name]["annotations"]["list"]}
    assert {*marks} == {"Closures and embargoes", "Releases", "Migrations and rebuilt states"}
    assert all(mark["enable"] and not mark["hide"] for mark in marks.values())


@pytest.mark.parametrize("one", asked("prometheus"), ids=lambda one: f"{one.dashboard}-{one.panel}")
def test_promql_is_well_formed_and_asks_for_what_is_declared(one: PanelQuery) -> None:
    text = promql(one, "5m")
    promql_parser.parse(text)
    known = {name: {*found.labels, "le"} for name, found in families().items()} | OTHERS
    known |= {name: {"slo"} for name, _, _ in recording_rules()}
    names = re.findall(r"\b(lianyun_[a-z0-9_]+|slo:[a-zA-Z0-9_:]+|up|ALERTS)\b(\{[^}]*\})?", text)
    assert names
    for metric, matchers in names:
        assert metric in known, f"{metric} is declared nowhere"
        assert {*re.findall(r"([a-z_]+)(?:=~|!~|!=|=)", matchers)} <= known[metric], metric
        for outcome in re.findall(r'outcome="([^"]*)"', matchers if metric == "lianyun_dead_letters" else ""):
            assert outcome in {*LetterState}, f"no letter is ever {outcome}"
    grouped = {
        label.strip() for found in re.findall(r"(?:by|on) \(([^)]*)\)", text) for label in found.split(",")
    }
    assert grouped <= set[str]().union(*(known[metric] for metric, _ in names))
    legends = {*re.findall(r"\{\{([a-z_]+)\}\}", legend_of(one))}
    assert legends <= set[str]().union(*(known[metric] for metric, _ in names)) | {"version"}


def legend_of(one: PanelQuery) -> str:
    return " ".join(
        target.get("legendFormat", "")
        for drawn in DRAWN.values()
        for panel in drawn["panels"]
        for target in panel.get("targets", ())
        if target.get("expr") == one.text
    )


def test_a_wrong_expression_would_be_noticed() -> None:
    with pytest.raises(ValueError, match=r"unclosed|parenthes|unexpected|invalid"):
        promql_parser.parse("sum(rate(lianyun_events_received_total[5m])")


@pytest.mark.parametrize("one", asked("variable"), ids=lambda one: f"{one.dashboard}-{one.panel}")
def test_variables_offer_labels_that_exist(one: PanelQuery) -> None:
    match = re.fullmatch(r"label_values\(([a-z_]+), ([a-z]+)\)", one.text)
    assert match is not None
    assert match[2] in families()[match[1]].labels


@pytest.mark.parametrize("one", asked("postgres"), ids=lambda one: f"{one.dashboard}-{one.panel}")
def test_sql_reads_views_of_dashboards_only_and_every_value_is_chosen(one: PanelQuery) -> None:
    text = sql(one, datetime(2026, 3, 5, tzinfo=UTC))
    assert {*re.findall(r"(?:FROM|JOIN) ([a-z_.]+)", text)} <= {
        f"dashboard.{view}"
        for view in (
            "border_train",
            "border_box",
            "restriction",
            "open_case",
            "partner",
            "dead_letter",
            "deployment",
        )
    }
    assert "${" not in text
    assert "$__" not in text


def test_a_value_that_a_reader_writes_is_quoted_by_grafana() -> None:
    for one in asked("postgres"):
        for variable in re.findall(r"\$\{[^}]*\}", one.text):
            assert variable in ("${crossing:regex}", "${partner:regex}", "${train:sqlstring}"), variable


def test_the_role_of_the_source_is_the_one_that_the_views_are_for() -> None:
    for form in ("plain", "secured"):
        text = (INFRA / f"grafana/provisioning/datasources/postgres.{form}.yaml").read_text(encoding="utf-8")
        assert "user: lianyun_dashboards" in text


LINK = Link("Down", "lianyun-promises")


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"unit": ""},
        {"description": ""},
        {"description": "no sentence"},
        {"down": ()},
        {"queries": ()},
    ],
)
def test_a_panel_that_a_reader_could_not_understand_is_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "title": "T", "unit": "s", "description": "D.", "kind": Kind.LINES, "queries": (Metric("up"),), "down": (LINK,),
    }  # fmt: skip
    shown = json.loads(draw(Dashboard("a-b", "T", "D.", (Row("R", (Panel(**right),)),))))
    assert [panel["type"] for panel in shown["panels"]] == ["row", "timeseries"]
    with pytest.raises(ValueError, match=r"has no|sentence"):
        Panel(**{**right, **wrong})
