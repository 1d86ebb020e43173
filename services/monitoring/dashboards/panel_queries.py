"""The queries that stand in dashboards' files, as Grafana would ask them with everything chosen. Pure but for the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.monitoring.dashboards import substitution
from services.monitoring.dashboards.ranges import SCRAPE, Range, milliseconds
from services.monitoring.dashboards.substitution import Chosen, Context

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_ALL = ".*"


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: of which dashboard and panel, to which kind of source, its text as it stands there.

    ``span`` is how many seconds the dashboard looks back, ``empty`` why there may be no answer. ``ranged`` asks for a course.
    ``variables`` are the dashboard's, with everything chosen of each.
    """

    dashboard: str
    panel: str
    source: str
    text: str
    span: int
    empty: str = ""
    ranged: bool = False
    variables: Mapping[str, Chosen] = field(default_factory=dict)


def queries(folder: Path) -> list[Asked]:
    """Every query of every file: panels, annotations and variables. ValueError for a file that is no dashboard."""
    found = [asked for path in sorted(folder.glob("*.json")) for asked in _of(path)]
    if not found:
        raise ValueError(f"{folder}: no dashboard is there")
    return found


def _of(path: Path) -> Iterator[Asked]:
    try:
        drawn = json.loads(path.read_text(encoding="utf-8"))
        panels, name, span = drawn["panels"], drawn["uid"], _seconds(drawn["time"]["from"])
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{path}: this is no dashboard ({problem})") from None
    variables = drawn["templating"]["list"]
    chosen = {each["name"]: _chosen(each) for each in variables}
    for panel in panels:
        empty = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "")
        for target in panel.get("targets", ()):
            yield _asked(name, panel["title"], target, span, empty, chosen)
    for mark in drawn["annotations"]["list"]:
        yield _asked(name, f"annotation {mark['name']}", mark["target"], span, "there is none", chosen)
    for variable in variables:
        if variable["type"] == "query":
            yield Asked(name, f"variable {variable['name']}", "variable", variable["query"], span)


def _asked(
    name: str, panel: str, target: Mapping[str, Any], span: int, empty: str, chosen: Mapping[str, Chosen]
) -> Asked:
    if "rawSql" in target:
        return Asked(name, panel, "postgres", target["rawSql"], span, empty, variables=chosen)
    return Asked(name, panel, "prometheus", target["expr"], span, empty, bool(target.get("range")), chosen)


def _seconds(start: str) -> int:
    match = re.fullmatch(r"now-(\d+)([mhd])", start)
    if match is None:
        raise ValueError(f"{start} is no time that a dashboard begins at")
    return int(match[1]) * _UNITS[match[2]]


def _chosen(variable: Mapping[str, Any]) -> Chosen:
    """Everything: what a reader writes is empty, and of what is offered all is taken."""
    if variable["type"] == "query":
        return Chosen((_ALL,), ("All",), several=True, raw=_ALL)
    return Chosen((str(variable.get("query", "")),))


def promql(asked: Asked, interval: str) -> str:
    """The expression with every value chosen, over the ``interval`` (``5m``) where it leaves that to Grafana."""
    return substitution.promql(
        asked.text, _context(asked, datetime.now(UTC), milliseconds(interval) - SCRAPE)
    )


def sql(asked: Asked, until: datetime) -> str:
    """The statement with every value chosen, of the dashboard's own time up to ``until``."""
    return substitution.sql(asked.text, _context(asked, until, SCRAPE))


def _context(asked: Asked, until: datetime, interval: int) -> Context:
    span = Range.of(f"now-{asked.span}s", "now", until)
    return Context(span, interval, SCRAPE, asked.variables)


def label_values(asked: Asked) -> tuple[str, str]:
    """The series and the label of a variable's query."""
    match = re.fullmatch(r"label_values\(([a-z_]+), ([a-z_]+)\)", asked.text)
    if match is None:
        raise ValueError(f"{asked.dashboard}, {asked.panel}: {asked.text} asks for no label's values")
    return match[1], match[2]
