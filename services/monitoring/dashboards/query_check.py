"""Runs the queries of generated dashboards against a Prometheus and a Postgres, and reports those that fail or return nothing."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg

from services.monitoring.dashboards import substitution
from services.monitoring.dashboards.sessions import begin_read_only
from services.monitoring.dashboards.substitution import (
    SCRAPE,
    Context,
    TimeRange,
    VariableValue,
    parse_duration,
)

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_ALL = ".*"


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query: its dashboard and panel, the kind of its data source, and its text.

    ``span`` is the time range of the dashboard in seconds, ``empty`` the reason why it may return nothing. ``ranged`` asks for a range
    query. ``variables`` are the dashboard's, with all values selected.
    """

    dashboard: str
    panel: str
    source: str
    text: str
    span: int
    empty: str = ""
    ranged: bool = False
    variables: Mapping[str, VariableValue] = field(default_factory=dict)


def load_queries(folder: Path) -> list[PanelQuery]:
    """The queries of panels, annotations and variables in every file of ``folder``. ValueError for a file that is no dashboard."""
    found = [query for path in sorted(folder.glob("*.json")) for query in _of(path)]
    if not found:
        raise ValueError(f"{folder}: no dashboard is there")
    return found


def _of(path: Path) -> Iterator[PanelQuery]:
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
            yield PanelQuery(name, f"variable {variable['name']}", "variable", variable["query"], span)


def _asked(
    name: str,
    panel: str,
    target: Mapping[str, Any],
    span: int,
    empty: str,
    chosen: Mapping[str, VariableValue],
) -> PanelQuery:
    if "rawSql" in target:
        return PanelQuery(name, panel, "postgres", target["rawSql"], span, empty, variables=chosen)
    return PanelQuery(
        name, panel, "prometheus", target["expr"], span, empty, bool(target.get("range")), chosen
    )


def _seconds(start: str) -> int:
    match = re.fullmatch(r"now-(\d+)([mhd])", start)
    if match is None:
        raise ValueError(f"{start} is no time that a dashboard begins at")
    return int(match[1]) * _UNITS[match[2]]


def _chosen(variable: Mapping[str, Any]) -> VariableValue:
    """All values; a text box is empty."""
    if variable["type"] == "query":
        return VariableValue((_ALL,), ("All",), several=True, raw=_ALL)
    return VariableValue((str(variable.get("query", "")),))


def promql(query: PanelQuery, interval: str) -> str:
    """The interpolated expression, with ``interval`` (``5m``) for the rates that leave it to Grafana."""
    return substitution.promql(
        query.text, _context(query, datetime.now(UTC), parse_duration(interval) - SCRAPE)
    )


def sql(query: PanelQuery, until: datetime) -> str:
    """The interpolated statement, over the dashboard's time range up to ``until``."""
    return substitution.sql(query.text, _context(query, until, SCRAPE))


def _context(query: PanelQuery, until: datetime, interval: int) -> Context:
    span = TimeRange.of(f"now-{query.span}s", "now", until)
    return Context(span, interval, SCRAPE, query.variables)


def label_values(query: PanelQuery) -> tuple[str, str]:
    """The series and the label of a variable's query."""
    match = re.fullmatch(r"label_values\(([a-z_]+), ([a-z_]+)\)", query.text)
    if match is None:
        raise ValueError(f"{query.dashboard}, {query.panel}: {query.text} asks for no label's values")
    return match[1], match[2]


_POINTS = 100
_ROWS = 1_000


class Unreachable(Exception):
    """Prometheus does not respond."""


class QueryOutcome(StrEnum):
    """The outcome of a query."""

    ANSWERED = "answered"
    EMPTY = "empty, as explained"
    NOTHING = "NOTHING"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A query and its outcome; ``detail`` is the error, or why it may be empty."""

    query: PanelQuery
    outcome: QueryOutcome
    detail: str = ""

    @property
    def wrong(self) -> bool:
        """Whether it needs attention."""
        return self.outcome in (QueryOutcome.NOTHING, QueryOutcome.FAILED)


@dataclass(frozen=True, slots=True)
class Checker:
    """Runs queries against ``prometheus`` and ``session``. ``at`` is the moment that SQL shows, for a simulated world.

    ``interval`` (``5m``) stands for the one that Grafana would choose for rates. The session is used in read-only transactions of its
    own, under the dashboards' role where the caller may take it.
    """

    prometheus: str
    session: psycopg.Connection[Any]
    interval: str = "5m"
    at: datetime | None = None

    def check(self, queries: Iterable[PanelQuery]) -> list[QueryResult]:
        """Run all; blocks. Raises Unreachable, and psycopg.OperationalError where the database is gone."""
        return [self._answer(each) for each in queries]

    def _answer(self, query: PanelQuery) -> QueryResult:
        try:
            found = {"postgres": self._rows, "prometheus": self._series, "variable": self._values}[
                query.source
            ](query)
        except (psycopg.errors.Error, _QueryRejected) as problem:
            if isinstance(problem, psycopg.OperationalError) and self.session.closed:
                raise
            return QueryResult(query, QueryOutcome.FAILED, str(problem).splitlines()[0])
        if found:
            return QueryResult(query, QueryOutcome.ANSWERED)
        return (
            QueryResult(query, QueryOutcome.EMPTY, query.empty)
            if query.empty
            else QueryResult(query, QueryOutcome.NOTHING)
        )

    def _rows(self, query: PanelQuery) -> bool:
        """Whether a row has a value."""
        until = self.at or datetime.now(UTC)
        with self.session.transaction(force_rollback=True):
            begin_read_only(self.session, self.at)
            found = self.session.execute(sql(query, until).encode()).fetchmany(_ROWS)
        return any(value is not None for row in found for value in row)

    def _series(self, query: PanelQuery) -> bool:
        """Whether a series has a number."""
        now = time.time()
        parameters: dict[str, str] = {"query": promql(query, self.interval)}
        if query.ranged:
            step = query.span / _POINTS
            parameters |= {"start": str(now - query.span), "end": str(now), "step": f"{step:g}"}
        found = self._ask("query_range" if query.ranged else "query", parameters)["result"]
        if isinstance(found, list) and found and not isinstance(found[0], dict):
            return True  # a scalar
        values = [pair[1] for each in found for pair in (each.get("values") or [each["value"]])]
        return any(value != "NaN" for value in values)

    def _values(self, query: PanelQuery) -> bool:
        series, label = label_values(query)
        return bool(self._ask(f"label/{label}/values", {"match[]": series}))

    def _ask(self, what: str, parameters: dict[str, str]) -> Any:
        url = f"{self.prometheus.rstrip('/')}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            raise _QueryRejected(_error_text(problem)) from None
        except (OSError, ValueError, KeyError) as problem:
            raise Unreachable(f"{self.prometheus}: {problem}") from None


class _QueryRejected(Exception):
    """Prometheus rejects the query."""


def _error_text(problem: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(problem)["error"])
    except (ValueError, KeyError):
        return f"HTTP {problem.code}"
