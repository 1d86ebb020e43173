"""Runs every query of the dashboards against a real Prometheus and Postgres, and tells which fail or say nothing."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import psycopg

from services.monitoring.dashboards.panel_queries import Asked, label_values, promql, sql
from services.monitoring.dashboards.sessions import only_read

_POINTS = 100
_ROWS = 1_000


class Unreachable(Exception):
    """Prometheus does not answer."""


class Outcome(StrEnum):
    """What came of a query."""

    ANSWERED = "answered"
    EMPTY = "empty, as explained"
    NOTHING = "NOTHING"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Answer:
    """A query with what came of it; ``detail`` is the error, or why it may be empty."""

    asked: Asked
    outcome: Outcome
    detail: str = ""

    @property
    def wrong(self) -> bool:
        """Whether somebody has to look at it."""
        return self.outcome in (Outcome.NOTHING, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Checker:
    """Where to ask. ``at`` is the moment that SQL shows, for a simulated world; Prometheus is asked about now.

    ``interval`` (``5m``) is what Grafana would choose for rates. The session is used in transactions of its own that read only,
    as the dashboards' role where the caller may take it.
    """

    prometheus: str
    session: psycopg.Connection[Any]
    interval: str = "5m"
    at: datetime | None = None

    def check(self, asked: Iterable[Asked]) -> list[Answer]:
        """Ask everything; blocks. Raises Unreachable, and psycopg.OperationalError where the database is gone."""
        return [self._answer(each) for each in asked]

    def _answer(self, asked: Asked) -> Answer:
        try:
            something = {"postgres": self._rows, "prometheus": self._series, "variable": self._values}[
                asked.source
            ](asked)
        except (psycopg.errors.Error, _Refused) as problem:
            if isinstance(problem, psycopg.OperationalError) and self.session.closed:
                raise
            return Answer(asked, Outcome.FAILED, str(problem).splitlines()[0])
        if something:
            return Answer(asked, Outcome.ANSWERED)
        return Answer(asked, Outcome.EMPTY, asked.empty) if asked.empty else Answer(asked, Outcome.NOTHING)

    def _rows(self, asked: Asked) -> bool:
        """Whether there is a row with any value."""
        until = self.at or datetime.now(UTC)
        with self.session.transaction(force_rollback=True):
            only_read(self.session, self.at)
            found = self.session.execute(sql(asked, until).encode()).fetchmany(_ROWS)
        return any(value is not None for row in found for value in row)

    def _series(self, asked: Asked) -> bool:
        """Whether a series has a value that is a number."""
        now = time.time()
        asking: dict[str, str] = {"query": promql(asked, self.interval)}
        if asked.ranged:
            step = asked.span / _POINTS
            asking |= {"start": str(now - asked.span), "end": str(now), "step": f"{step:g}"}
        found = self._ask("query_range" if asked.ranged else "query", asking)["result"]
        if isinstance(found, list) and found and not isinstance(found[0], dict):
            return True  # a scalar
        values = [pair[1] for each in found for pair in (each.get("values") or [each["value"]])]
        return any(value != "NaN" for value in values)

    def _values(self, asked: Asked) -> bool:
        series, label = label_values(asked)
        return bool(self._ask(f"label/{label}/values", {"match[]": series}))

    def _ask(self, what: str, asking: dict[str, str]) -> Any:
        url = f"{self.prometheus.rstrip('/')}/api/v1/{what}?{urllib.parse.urlencode(asking)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            raise _Refused(_said(problem)) from None
        except (OSError, ValueError, KeyError) as problem:
            raise Unreachable(f"{self.prometheus}: {problem}") from None


class _Refused(Exception):
    """Prometheus answers that the query is wrong."""


def _said(problem: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(problem)["error"])
    except (ValueError, KeyError):
        return f"HTTP {problem.code}"
