"""A dashboard's data: its variables, the frames of its panels, and its annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.monitoring.dashboards.preview.boards import KINDS, Board, BoardError, source
from services.monitoring.dashboards.preview.data_sources import (
    Field,
    Frame,
    Postgres,
    Prometheus,
    QueryRejected,
)
from services.monitoring.dashboards.substitution import (
    SCRAPE,
    SECOND,
    Context,
    TimeRange,
    UnknownReference,
    VariableValue,
    parse_duration,
    point_interval,
    promql,
    sql,
)

ALL = "$__all"
_LABEL_VALUES = re.compile(r"\s*label_values\(\s*(?:(.+?)\s*,\s*)?(\w+)\s*\)\s*", re.DOTALL)
_CHOICE = re.compile(r"(?:\\,|[^,])+")
Options = list[tuple[str, str]]


def choose_variables(
    board: Board, context: Context, given: Mapping[str, Sequence[str]], metrics: Prometheus, rows: Postgres
) -> Context:
    """``context`` with the variables of ``board``, in order: one may depend on those before it.

    ``given`` are values by name; others are those stored in the dashboard, else the first option. Raises QueryRejected and
    UnknownReference, also for a name that is no variable.
    """
    declared = list(board.body.get("templating", {}).get("list", ()))
    known = {each["name"] for each in declared}
    for name in given:
        if name not in known:
            raise UnknownReference(
                f"{board.name} has no variable {name!r}; it has {', '.join(sorted(known)) or 'none'}"
            )
    for variable in declared:
        if variable.get("type") == "adhoc":
            continue
        found = _choose(variable, context, given.get(variable["name"]), metrics, rows)
        context = replace(context, variables={**context.variables, variable["name"]: found})
    return context


def _choose(
    variable: Mapping[str, Any],
    context: Context,
    given: Sequence[str] | None,
    metrics: Prometheus,
    rows: Postgres,
) -> VariableValue:
    several = bool(variable.get("multi") or variable.get("includeAll"))
    options = _options(variable, context, metrics, rows)
    texts = {value: text for text, value in options}
    values = list(given) if given is not None else _stored(variable)
    if not values:
        values = [ALL] if variable.get("includeAll") else [value for _, value in options[:1]]
    if ALL in values:
        listed = tuple(value for _, value in options)
        return VariableValue(listed or ("",), ("All",), several, variable.get("allValue") or None)
    return VariableValue(tuple(values), tuple(texts.get(value, value) for value in values), several)


def _stored(variable: Mapping[str, Any]) -> list[str]:
    value = variable.get("current", {}).get("value")
    return [str(each) for each in (value if isinstance(value, list) else [value]) if each not in (None, "")]


def _options(variable: Mapping[str, Any], context: Context, metrics: Prometheus, rows: Postgres) -> Options:
    """The options, as (text, value)."""
    kind, query = variable.get("type"), variable.get("query")
    if kind == "datasource":
        return [(str(query).capitalize(), KINDS.get(str(query), str(query)))]
    if kind == "custom":
        return _pairs(str(query))
    if kind == "interval":
        return [(each.strip(), each.strip()) for each in str(query).split(",")]
    if kind in ("constant", "textbox"):
        return [(str(query or ""), str(query or ""))]
    if kind != "query":
        raise UnknownReference(
            f"the variable {variable['name']!r} is of the kind {kind!r}, which is not known here"
        )
    if source({"datasource": variable.get("datasource")}, {}, context) == "postgres":
        text = (
            query
            if isinstance(query, str)
            else str((query or {}).get("rawSql") or (query or {}).get("query"))
        )
        found = rows.column(sql(text, context))
    else:
        text = query if isinstance(query, str) else str((query or {}).get("query") or "")
        found = [(value, value) for value in _label_values(text, context, metrics)]
    return _matching(found, str(variable.get("regex") or ""))


def _pairs(query: str) -> Options:
    found = []
    for each in _CHOICE.findall(query):
        text, separator, value = each.replace("\\,", ",").strip().partition(" : ")
        found.append((text.strip(), (value if separator else text).strip()))
    return found


def _label_values(query: str, context: Context, metrics: Prometheus) -> list[str]:
    found = _LABEL_VALUES.fullmatch(promql(query, context))
    if found is None:
        raise QueryRejected(
            f"only label_values(...) is known of variables that ask Prometheus, not {query!r}"
        )
    return metrics.label_values(found[2], found[1] or "", context.span)


def _matching(options: Options, pattern: str) -> Options:
    """The options that match ``/pattern/``; its first group, if any, is the value."""
    if not pattern:
        return options
    written = re.compile(pattern.removeprefix("/").removesuffix("/"))
    found: Options = []
    for text, value in options:
        match = written.search(value)
        if match is not None:
            found.append((text, match[1]) if match.groups() else (text, value))
    return found


@dataclass(frozen=True, slots=True)
class AnnotationSpan:
    """From ``start`` to ``end`` in milliseconds; equal for a point in time."""

    name: str
    colour: str
    start: int
    end: int

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "colour": self.colour, "from": self.start, "to": self.end}


def annotation_spans(
    annotation: Mapping[str, Any], frames: list[Frame], step: int
) -> Iterator[AnnotationSpan]:
    """The annotations in ``frames``: rows with ``time`` and optionally ``timeend``, or the non-zero parts of curves.

    ``step`` is the distance between points. Raises QueryRejected.
    """
    name, colour = str(annotation.get("name", "")), str(annotation.get("iconColor", "red"))
    for frame in frames:
        columns = {each.name.lower(): each for each in frame.fields}
        if "time" not in columns:
            raise QueryRejected("an annotation needs a column called time")
        if "timeend" in columns or "text" in columns:
            starts = columns["time"].values
            ends = columns["timeend"].values if "timeend" in columns else starts
            for start, end in zip(starts, ends, strict=True):
                if start is not None:
                    yield AnnotationSpan(name, colour, start, start if end is None else end)
        elif "value" in columns:
            for start, end in _nonzero_spans(columns["time"], columns["value"], step):
                yield AnnotationSpan(name, colour, start, end)


def _nonzero_spans(moments: Field, values: Field, step: int) -> Iterator[tuple[int, int]]:
    """The spans in which a curve is non-zero, without gaps of more than a step."""
    start = last = None
    for at, value in zip(moments.values, values.values, strict=True):
        if not value or (last is not None and at - last > step):
            if start is not None and last is not None:
                yield start, last
            start = last = None
        if value:
            start, last = at if start is None else start, at
    if start is not None and last is not None:
        yield start, last


MARK_STEP = 60 * SECOND


class BoardData:
    """Queries the data of ``board`` in ``span``. ``given`` are values of variables by name. Raises QueryRejected and UnknownReference."""

    def __init__(
        self,
        board: Board,
        span: TimeRange,
        metrics: Prometheus,
        rows: Postgres,
        given: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.board = board
        self._metrics, self._rows = metrics, rows
        self._context = choose_variables(
            board, Context(span, point_interval(span, 1_000, SCRAPE)), given or {}, metrics, rows
        )

    def dashboard(self) -> dict[str, Any]:
        """The dashboard for the page: its JSON, time range and selected variables."""
        return {
            "name": self.board.name,
            "dashboard": self.board.body,
            "range": {"from": self._context.span.start, "to": self._context.span.end},
            "variables": {
                name: {"text": " + ".join(each.texts or each.values), "values": each.values}
                for name, each in self._context.variables.items()
            },
        }

    def panel_frames(self, number: int, points: int) -> dict[str, Any]:
        """The frames of a panel of ``points`` width, and the error of each query that failed. Blocks. Raises BoardError."""
        panel = self.board.panel(number)
        frames: list[Frame] = []
        errors: list[str] = []
        for target in panel.get("targets", ()):
            if target.get("hide"):
                continue
            try:
                frames += self._target_frames(panel, target, points)
            except (QueryRejected, UnknownReference, BoardError) as problem:
                errors.append(f"{target.get('refId', '?')}: {problem}")
        return {"frames": [frame.plain() for frame in frames], "errors": errors}

    def annotations(self) -> dict[str, Any]:
        """The annotations in the time range, and the error of each query that failed. Blocks."""
        found: list[AnnotationSpan] = []
        errors: list[str] = []
        context = replace(self._context, interval=MARK_STEP)
        for annotation in self.board.body.get("annotations", {}).get("list", ()):
            target = {"expr": annotation.get("expr"), **annotation.get("target", {}), "instant": False}
            if annotation.get("builtIn") or not annotation.get("enable", True):
                continue
            try:
                frames = self._frames_of(source(annotation, target, context), target, context)
                found += annotation_spans(annotation, frames, MARK_STEP)
            except (QueryRejected, UnknownReference, BoardError) as problem:
                errors.append(f"annotation {annotation.get('name')}: {problem}")
        return {"marks": [mark.plain() for mark in found], "errors": errors}

    def _frames_of(self, data_source: str, target: Mapping[str, Any], context: Context) -> list[Frame]:
        return (
            self._rows.frames(target, context)
            if data_source == "postgres"
            else self._metrics.frames(target, context)
        )

    def _target_frames(self, panel: Mapping[str, Any], target: Mapping[str, Any], points: int) -> list[Frame]:
        text = target.get("interval") or panel.get("interval")
        least = parse_duration(str(text)) if text else SCRAPE
        most = int(panel.get("maxDataPoints") or points)
        context = replace(self._context, interval=point_interval(self._context.span, most, least))
        return self._frames_of(source(panel, target, context), target, context)
