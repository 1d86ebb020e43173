"""Prometheus and Postgres as data sources: query results as data frames, like those of Grafana's own data sources."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

import httpx
import psycopg

from services.monitoring.dashboards.sessions import begin_read_only
from services.monitoring.dashboards.substitution import SECOND, Context, TimeRange, promql, sql

Type = Literal["time", "number", "string", "boolean", "other"]


class QueryRejected(Exception):
    """A data source did not answer a query; the text says why, for display in the panel."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column: moments in milliseconds since 1970, None for missing values. ``shown`` is its display name, where one was given."""

    name: str
    type: Type
    values: Sequence[Any]
    labels: dict[str, str] = field(default_factory=dict)
    shown: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        config = {"displayNameFromDS": self.shown} if self.shown else {}
        body = {"name": self.name, "type": self.type, "values": list(self.values), "config": config}
        return body | ({"labels": self.labels} if self.labels else {})


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of equal length, found by the query ``query`` of a panel."""

    query: str
    fields: tuple[Field, ...]
    name: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "refId": self.query,
            "name": self.name or None,
            "fields": [each.plain() for each in self.fields],
        }


_LEGEND = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_AUTO = "__auto"
Series = Mapping[str, Any]


class Prometheus:
    """A Prometheus at ``url``; a context manager. Methods block and raise QueryRejected."""

    def __init__(self, url: str, timeout: float = 20.0) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ready(self) -> None:
        """Return when it answers queries. Raises QueryRejected where it does not."""
        self._get("query", {"query": "vector(1)"})

    def frames(self, target: Mapping[str, Any], context: Context) -> list[Frame]:
        """The result of ``target``. Raises UnknownReference too."""
        expression, name = promql(str(target.get("expr") or ""), context), str(target.get("refId") or "A")
        if not expression.strip():
            return []
        if target.get("instant"):
            answer = self._get("query", {"query": expression, "time": str(context.span.end / SECOND)})
        else:
            # Whole steps, so that a later look meets the same points.
            step = context.interval
            start, end = context.span.start // step * step, context.span.end // step * step
            limits = {"start": start / SECOND, "end": end / SECOND, "step": step / SECOND}
            answer = self._get(
                "query_range", {"query": expression, **{key: f"{each:.3f}" for key, each in limits.items()}}
            )
        series = _series(answer)
        if target.get("format") == "table":
            return _table(name, series)
        legend = str(target.get("legendFormat") or "")
        return [_curve(name, each, legend, expression) for each in series]

    def label_values(self, label: str, matching: str, span: TimeRange) -> list[str]:
        """The sorted values of ``label`` in ``span``, of the series ``matching`` or, where it is empty, of all."""
        limits = {"start": f"{span.start / SECOND:.3f}", "end": f"{span.end / SECOND:.3f}"}
        if matching:
            limits["match[]"] = matching
        return sorted(self._get(f"label/{label}/values", limits))

    def _get(self, what: str, parameters: Mapping[str, str]) -> Any:
        try:
            answer = (
                self._client.post(f"{self._url}/api/v1/{what}", data=parameters)
                if what.startswith("query")
                else self._client.get(f"{self._url}/api/v1/{what}", params=parameters)
            )
            body = answer.json()
        except httpx.HTTPError as problem:
            raise QueryRejected(f"Prometheus at {self._url} does not answer: {problem}") from None
        except ValueError:
            raise QueryRejected(
                f"{self._url} answers, but not as Prometheus does (HTTP {answer.status_code})"
            ) from None
        if not isinstance(body, dict) or body.get("status") != "success":
            reason = body.get("error") if isinstance(body, dict) else None
            raise QueryRejected(f"Prometheus: {reason or f'HTTP {answer.status_code}'}")
        return body["data"]


def _series(data: Mapping[str, Any]) -> list[Series]:
    """The result as series: labels and [moment, value] pairs."""
    kind, result = data["resultType"], data["result"]
    if kind == "matrix":
        return list(result)
    if kind == "vector":
        return [{"metric": each["metric"], "values": [each["value"]]} for each in result]
    return [{"metric": {}, "values": [result]}]


def _curve(query: str, series: Series, legend: str, expression: str) -> Frame:
    labels = {str(key): str(value) for key, value in series["metric"].items()}
    moments, values = _points(series["values"])
    of = {key: value for key, value in labels.items() if key != "__name__"}
    shown = _named(labels, legend, expression)
    return Frame(
        query,
        (Field("Time", "time", moments), Field("Value", "number", values, labels=of, shown=shown)),
        name=shown,
    )


def _named(labels: Mapping[str, str], legend: str, expression: str) -> str:
    """The name of a curve; empty: the labels that distinguish it."""
    if legend == _AUTO:
        return "" if labels else expression
    if legend:
        return _LEGEND.sub(lambda found: labels.get(found[1], ""), legend)
    inner = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    metric = labels.get("__name__", "")
    return (f"{metric}{{{inner}}}" if inner else metric) or expression


def _points(pairs: Iterable[Any]) -> tuple[list[int], list[float | None]]:
    moments, values = [], []
    for at, text in pairs:
        value = float(text)
        moments.append(round(float(at) * SECOND))
        values.append(value if math.isfinite(value) else None)
    return moments, values


def _table(query: str, series: list[Series]) -> list[Frame]:
    """One row per point: moment, labels, value."""
    names = sorted({str(label) for each in series for label in each["metric"]})
    columns: dict[str, list[str]] = {name: [] for name in names}
    moments: list[int] = []
    values: list[float | None] = []
    for each in series:
        at, found = _points(each["values"])
        moments += at
        values += found
        for name in names:
            columns[name] += [str(each["metric"].get(name, ""))] * len(at)
    if not moments:
        return []
    fields = [Field(name, "string", column) for name, column in columns.items()]
    return [
        Frame(query, (Field("Time", "time", moments), *fields, Field("Value", "number", values)), name=query)
    ]


MAX_ROWS = 100_000
Row = tuple[Any, ...]


class Postgres:
    """A Postgres at ``dsn``, read-only, one connection per query; views show the moment ``at``. Methods block and raise QueryRejected."""

    def __init__(self, dsn: str, at: datetime | None = None) -> None:
        self._dsn, self._at = dsn, at

    def ready(self) -> None:
        """Return when it answers queries. Raises QueryRejected where it does not."""
        self._answer("SELECT 1")

    def frames(self, target: Mapping[str, Any], context: Context) -> list[Frame]:
        """The result of ``target``. Raises UnknownReference too."""
        statement, name = sql(str(target.get("rawSql") or ""), context), str(target.get("refId") or "A")
        if not statement.strip():
            return []
        names, rows = self._answer(statement)
        curves = target.get("format") != "table"
        fields = [_field(each, [row[at] for row in rows], curves) for at, each in enumerate(names)]
        return _curves(name, fields) if curves else [Frame(name, tuple(fields), name=name)]

    def column(self, statement: str) -> list[tuple[str, str]]:
        """The options of a variable: (text, value) per row, from the columns ``__text`` and ``__value`` or the first."""
        names, rows = self._answer(statement)
        text = names.index("__text") if "__text" in names else 0
        value = names.index("__value") if "__value" in names else text
        return [(str(row[text]), str(row[value])) for row in rows if row[value] is not None]

    def _answer(self, statement: str) -> tuple[list[str], list[Row]]:
        try:
            with psycopg.connect(self._dsn, connect_timeout=5, application_name="lianyun-preview") as session:
                begin_read_only(session, self._at)
                found = session.execute(statement.encode(), prepare=False)
                if found.description is None:
                    raise QueryRejected("Postgres: the statement returns no rows")
                return [each.name for each in found.description], list(found.fetchmany(MAX_ROWS))
        except psycopg.Error as problem:
            raise QueryRejected(f"Postgres: {problem}".strip()) from None


def _field(name: str, values: list[Any], curves: bool) -> Field:
    known = [value for value in values if value is not None]
    if curves and name == "time":
        return Field("Time", "time", [_moment(value) for value in values])
    if known and all(isinstance(value, date) for value in known):
        return Field(name, "time", [_moment(value) for value in values])
    kind: Type = "string"
    if known and all(isinstance(value, bool) for value in known):
        kind = "boolean"
    elif known and all(isinstance(value, int | float | Decimal | timedelta) for value in known):
        kind = "number"
    return Field(name, kind, [_json_value(value, kind) for value in values])


def _moment(value: Any) -> int | None:
    """Milliseconds of a timestamp, of a day, or of seconds since 1970."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return round(value.timestamp() * SECOND)
    if isinstance(value, date):
        return round((value - date(1970, 1, 1)) / timedelta(milliseconds=1))
    if isinstance(value, int | float | Decimal):
        return round(float(value) * SECOND)
    raise QueryRejected(f"the column time holds {type(value).__name__}, not moments")


def _json_value(value: Any, kind: Type) -> Any:
    if value is None or kind == "boolean":
        return value
    if kind == "number":
        return value.total_seconds() if isinstance(value, timedelta) else float(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _curves(query: str, fields: list[Field]) -> list[Frame]:
    """Rows of (time, strings, numbers) as one frame, with a column of numbers per combination of strings."""
    at = next((each for each in fields if each.name == "Time" and each.type == "time"), None)
    if at is None:
        raise QueryRejected("a query with the format time_series needs a column called time")
    words = [each for each in fields if each.type == "string" and any(v is not None for v in each.values)]
    numbers = [each for each in fields if each.type == "number"]
    if not at.values:
        return []
    if not words:
        return [Frame(query, (at, *numbers), name=query)]
    moments = sorted({moment for moment in at.values if moment is not None})
    places = {moment: place for place, moment in enumerate(moments)}
    found: dict[tuple[int, tuple[str, ...]], list[float | None]] = {}
    for row, moment in enumerate(at.values):
        if moment is None:
            continue
        key = tuple("" if each.values[row] is None else str(each.values[row]) for each in words)
        for number, each in enumerate(numbers):
            column = found.setdefault((number, key), [None] * len(moments))
            column[places[moment]] = each.values[row]
    # A single number beside a column "metric" is named by the value of that column, as in Grafana.
    alone = len(fields) == 3 and words[0].name == "metric"
    columns = [
        Field(key[0], "number", column)
        if alone
        else Field(
            numbers[number].name,
            "number",
            column,
            labels={each.name: value for each, value in zip(words, key, strict=True)},
        )
        for (number, key), column in found.items()
    ]
    return [Frame(query, (Field("Time", "time", moments), *columns), name=query)]
