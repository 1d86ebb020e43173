"""Interpolation of variables and macros in panel queries, and time ranges, as in Grafana's data sources for Prometheus and Postgres. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
SCRAPE = 15 * SECOND
"""Grafana's default scrape interval."""
UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
_RELATIVE = re.compile(r"now(?:-(\d+)([smhdwMy]))?(?:/([mhd]))?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwMy])")
# Steps at which a curve is drawn: the nearest, and for long spans the one below, as Grafana rounds.
_STEPS = (
    *(1, 10, 20, 50, 100, 200, 500),
    *(SECOND * n for n in (1, 2, 5, 10, 15, 20, 30)),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 20, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
)
_LONG = ((DAY, 12 * HOUR), (7 * DAY, DAY), (21 * DAY, 7 * DAY), (42 * DAY, 30 * DAY))


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From ``start`` to ``end``, in milliseconds since 1970."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Milliseconds between both."""
        return self.end - self.start

    @classmethod
    def of(cls, start: str, end: str, now: datetime) -> TimeRange:
        """Parse ``now-6h``, ``now/d``, a date or an RFC 3339 timestamp. Raises ValueError, also for an empty range."""
        found = cls(_moment(start, now, up=False), _moment(end, now, up=True))
        if found.length <= 0:
            raise ValueError(f"nothing lies between {start!r} and {end!r}")
        return found


def _moment(text: str, now: datetime, *, up: bool) -> int:
    relative = _RELATIVE.fullmatch(text.strip())
    if relative is None:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{text!r} is neither like now-6h nor a date nor an RFC 3339 moment") from None
        return _epoch_milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    count, unit, rounded = relative.groups()
    at = _epoch_milliseconds(now) - (int(count) * UNITS[unit] if count else 0)
    if rounded is None:
        return at
    step = UNITS[rounded]
    return at // step * step + (step - 1 if up else 0)


def _epoch_milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def parse_duration(duration: str) -> int:
    """Milliseconds of a duration in the notation of Grafana and Prometheus (``15s``, ``1h30m``, ``>10s``). Raises ValueError."""
    text = duration.strip().lstrip(">")
    if not text or _DURATION.sub("", text):
        raise ValueError(f"{duration!r} is no duration: write it like 15s or 1h")
    return round(sum(float(count) * UNITS[unit] for count, unit in _DURATION.findall(text)))


def format_duration(length: int) -> str:
    """Milliseconds in the largest unit without remainder: 15s, 2m, 1h, 1d."""
    for unit in ("d", "h", "m", "s"):
        if length >= UNITS[unit] and length % UNITS[unit] == 0:
            return f"{length // UNITS[unit]}{unit}"
    return f"{length}ms"


def point_interval(span: TimeRange, points: int, least: int) -> int:
    """Milliseconds between points where about ``points`` fit into ``span``; at least ``least``."""
    return max(_rounded(span.length / max(points, 1)), least)


def _rounded(exact: float) -> int:
    for step, following in pairwise(_STEPS):
        if exact < (step + following) / 2:
            return step
    return next((step for below, step in _LONG if exact < below), 365 * DAY)


Language = Literal["promql", "sql", "text"]
_VARIABLE = re.compile(r"\$\{(\w+)(?:\.(\w+))?(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]|\$(\w+)")
# As Grafana's own: arguments end at the first closing bracket, so a macro around a call does not work there either.
_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")
_IN_REGEX = re.compile(r"[$^*{}\[\]'+?.()|]")


class UnknownReference(ValueError):
    """A query refers to a variable, format or macro that does not exist here; the text names it."""


@dataclass(frozen=True, slots=True)
class VariableValue:
    """The selection of a variable. ``several``: it is multi-valued, so values are escaped; ``raw``: inserted verbatim."""

    values: tuple[str, ...]
    texts: tuple[str, ...] = ()
    several: bool = False
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The time range of a query, the milliseconds between points and between scrapes, and the variables."""

    span: TimeRange
    interval: int
    scrape: int = SCRAPE
    variables: Mapping[str, VariableValue] = field(default_factory=dict)

    @property
    def rate_interval(self) -> int:
        """The range of a rate in milliseconds: at least four scrapes."""
        return max(self.interval + self.scrape, 4 * self.scrape)


def promql(expression: str, context: Context) -> str:
    """The expression as Prometheus takes it. Raises UnknownReference."""
    return _replaced(expression, context, "promql")


def sql(text: str, context: Context) -> str:
    """The statement as Postgres takes it, macros expanded. Raises UnknownReference."""
    return _MACRO.sub(lambda found: _macro(found[1], found[2], context), _replaced(text, context, "sql"))


def plain(text: str, context: Context) -> str:
    """A title or text of a panel, values joined. Raises UnknownReference."""
    return _replaced(text, context, "text")


def _replaced(text: str, context: Context, language: Language) -> str:
    spans = _spans(context)

    def one(found: re.Match[str]) -> str:
        name = found[1] or found[4] or found[6]
        part, form = found[2], found[3] or found[5]
        if name in spans:
            return _span(spans[name], name, form)
        chosen = context.variables.get(name)
        if chosen is not None:
            return _formatted(chosen, "text" if part == "text" else form, language)
        if name.startswith("__") and text[found.end() : found.end() + 1] == "(":
            return found[0]  # a macro of SQL
        if language == "text" or name.isdigit():
            return found[0]  # an amount of money in a text, a parameter of SQL
        raise UnknownReference(f"{found[0]} stands for nothing: there is no variable {name!r}")

    return _VARIABLE.sub(one, text)


def _spans(context: Context) -> dict[str, int | str]:
    """Grafana's built-in variables: durations as text, moments as numbers."""
    span = context.span
    return {
        "__interval": format_duration(context.interval),
        "__interval_ms": str(context.interval),
        "__rate_interval": format_duration(context.rate_interval),
        "__rate_interval_ms": str(context.rate_interval),
        "__range": f"{round(span.length / SECOND)}s",
        "__range_s": str(round(span.length / SECOND)),
        "__range_ms": str(span.length),
        "__from": span.start,
        "__to": span.end,
    }


def _span(value: int | str, name: str, form: str | None) -> str:
    if isinstance(value, str) or form is None:
        return str(value)
    if form == "date":
        return _iso(value)
    raise UnknownReference(f"${{{name}:{form}}}: only ${{{name}}} and ${{{name}:date}} are known")


def _formatted(chosen: VariableValue, form: str | None, language: Language) -> str:
    if form == "text":
        return " + ".join(chosen.texts or chosen.values)
    if chosen.raw is not None and language != "text":
        return (
            chosen.raw
        )  # whatever the format: that is what Grafana does with a value for "all" of one's own
    if form is None:
        return _BY_LANGUAGE[language](chosen)
    try:
        return _FORMATS[form](chosen.values)
    except KeyError:
        raise UnknownReference(
            f"the format {form!r} is not known; known are text, {', '.join(_FORMATS)}"
        ) from None


def _for_promql(chosen: VariableValue) -> str:
    if not chosen.several:
        return "".join(chosen.values).replace("\\", "\\\\").replace('"', '\\"')
    # Twice: once for the expression, once for the string of PromQL that it stands in.
    escaped = [
        _IN_REGEX.sub(r"\\\\\g<0>", value.replace("\\", "\\\\\\\\").replace('"', '\\\\\\"'))
        for value in chosen.values
    ]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _for_sql(chosen: VariableValue) -> str:
    return _quoted(chosen.values) if chosen.several else "".join(chosen.values)


def _quoted(values: tuple[str, ...]) -> str:
    return ",".join("'" + value.replace("'", "''") + "'" for value in values)


_BY_LANGUAGE: Mapping[Language, Callable[[VariableValue], str]] = {
    "promql": _for_promql,
    "sql": _for_sql,
    "text": lambda chosen: " + ".join(chosen.texts or chosen.values),
}


def _glob(values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else f"{{{','.join(values)}}}"


def _regex(values: tuple[str, ...]) -> str:
    escaped = [re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


_FORMATS: Mapping[str, Callable[[tuple[str, ...]], str]] = {
    "raw": ",".join,
    "csv": ",".join,
    "pipe": "|".join,
    "glob": _glob,
    "regex": _regex,
    "sqlstring": _quoted,
    "singlequote": lambda values: ",".join("'" + value.replace("'", "\\'") + "'" for value in values),
    "doublequote": lambda values: ",".join('"' + value.replace('"', '\\"') + '"' for value in values),
    "json": lambda values: json.dumps(list(values), ensure_ascii=False),
}


def _iso(moment: int) -> str:
    """Milliseconds as RFC 3339 in UTC, without needless fractions."""
    written_out = datetime.fromtimestamp(moment / 1_000, UTC).isoformat(
        timespec="milliseconds" if moment % 1_000 else "seconds"
    )
    return written_out.replace("+00:00", "Z")


def _macro(name: str, written_arguments: str, context: Context) -> str:
    arguments = [each.strip() for each in written_arguments.split(",")] if written_arguments.strip() else []
    start, end = f"'{_iso(context.span.start)}'", f"'{_iso(context.span.end)}'"
    if not arguments:
        alone = {
            "__timeFrom": start,
            "__timeTo": end,
            "__unixEpochFrom": str(context.span.start // 1_000),
            "__unixEpochTo": str(context.span.end // 1_000),
        }
        if name in alone:
            return alone[name]
        raise UnknownReference(f"${name}() is not known, or misses its arguments")
    column = arguments[0]
    if name in ("__timeGroup", "__timeGroupAlias", "__unixEpochGroup", "__unixEpochGroupAlias"):
        return _grouped(name, arguments)
    by_column = {
        "__time": f'{column} AS "time"',
        "__timeEpoch": f'extract(epoch from {column}) as "time"',
        "__timeFilter": f"{column} BETWEEN {start} AND {end}",
        "__unixEpochFilter": f"{column} >= {context.span.start // 1_000} AND {column} <= {context.span.end // 1_000}",
    }
    if name not in by_column:
        raise UnknownReference(f"${name}({written_arguments}) is not known")
    return by_column[name]


def _grouped(name: str, arguments: list[str]) -> str:
    """Time buckets. Filling gaps (a third argument) is not part of the statement, as in Grafana."""
    if len(arguments) < 2:
        raise UnknownReference(f"${name}({', '.join(arguments)}) needs a column and an interval")
    column, step = arguments[0], parse_duration(arguments[1].strip("'\"")) // SECOND
    if step < 1:
        raise UnknownReference(f"${name}: an interval of {arguments[1]} is below a second")
    of = column if name.startswith("__unixEpoch") else f"extract(epoch from {column})"
    return f"floor({of}/{step})*{step}" + (' AS "time"' if name.endswith("Alias") else "")
