"""What Prometheus answers, as frames: curves, last values and tables, as Grafana's own data source makes them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

import httpx

from services.monitoring.dashboards.preview.frames import Field, Frame, Refused
from services.monitoring.dashboards.ranges import SECOND, Range
from services.monitoring.dashboards.substitution import Context, promql

_LEGEND = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_AUTO = "__auto"
Series = Mapping[str, Any]


class Prometheus:
    """A Prometheus at ``url``, asked over HTTP; a context manager. Methods block, and raise Refused."""

    def __init__(self, url: str, timeout: float = 20.0) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ready(self) -> None:
        """Return when it answers queries. Raises Refused where it does not."""
        self._get("query", {"query": "vector(1)"})

    def frames(self, target: Mapping[str, Any], context: Context) -> list[Frame]:
        """What ``target`` of a panel finds. Raises Unknown too, where it says something that stands for nothing."""
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

    def label_values(self, label: str, matching: str, span: Range) -> list[str]:
        """The values of ``label`` in ``span``, of the series ``matching`` or of all where it is empty; in order."""
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
            raise Refused(f"Prometheus at {self._url} does not answer: {problem}") from None
        except ValueError:
            raise Refused(
                f"{self._url} answers, but not as Prometheus does (HTTP {answer.status_code})"
            ) from None
        if not isinstance(body, dict) or body.get("status") != "success":
            said = body.get("error") if isinstance(body, dict) else None
            raise Refused(f"Prometheus: {said or f'HTTP {answer.status_code}'}")
        return body["data"]


def _series(data: Mapping[str, Any]) -> list[Series]:
    """Every result as series: labels and [moment, value] pairs."""
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
    """How a curve is called; empty: by the labels that tell it from the others."""
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
    """One row a point: its moment, its labels, its value."""
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
