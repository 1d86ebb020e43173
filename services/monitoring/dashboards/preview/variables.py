"""What is chosen of a dashboard's variables when it opens: what the caller says, else what is stored in it, else the first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.monitoring.dashboards.preview.boards import KINDS, Board, source
from services.monitoring.dashboards.preview.frames import Refused
from services.monitoring.dashboards.preview.metrics import Prometheus
from services.monitoring.dashboards.preview.rows import Postgres
from services.monitoring.dashboards.substitution import Chosen, Context, Unknown, promql, sql

ALL = "$__all"
_LABEL_VALUES = re.compile(r"\s*label_values\(\s*(?:(.+?)\s*,\s*)?(\w+)\s*\)\s*", re.DOTALL)
_CHOICE = re.compile(r"(?:\\,|[^,])+")
Options = list[tuple[str, str]]


def chosen(
    board: Board, context: Context, given: Mapping[str, Sequence[str]], metrics: Prometheus, rows: Postgres
) -> Context:
    """``context`` with the variables of ``board``, in their order: a later one may stand on those before.

    ``given`` are values by name. Raises Refused and Unknown, also where a given name is no variable.
    """
    declared = list(board.body.get("templating", {}).get("list", ()))
    known = {each["name"] for each in declared}
    for name in given:
        if name not in known:
            raise Unknown(
                f"{board.name} has no variable {name!r}; it has {', '.join(sorted(known)) or 'none'}"
            )
    for variable in declared:
        if variable.get("type") == "adhoc":
            continue
        found = _chosen(variable, context, given.get(variable["name"]), metrics, rows)
        context = replace(context, variables={**context.variables, variable["name"]: found})
    return context


def _chosen(
    variable: Mapping[str, Any],
    context: Context,
    given: Sequence[str] | None,
    metrics: Prometheus,
    rows: Postgres,
) -> Chosen:
    several = bool(variable.get("multi") or variable.get("includeAll"))
    options = _options(variable, context, metrics, rows)
    texts = {value: text for text, value in options}
    values = list(given) if given is not None else _stored(variable)
    if not values:
        values = [ALL] if variable.get("includeAll") else [value for _, value in options[:1]]
    if ALL in values:
        listed = tuple(value for _, value in options)
        return Chosen(listed or ("",), ("All",), several, variable.get("allValue") or None)
    return Chosen(tuple(values), tuple(texts.get(value, value) for value in values), several)


def _stored(variable: Mapping[str, Any]) -> list[str]:
    value = variable.get("current", {}).get("value")
    return [str(each) for each in (value if isinstance(value, list) else [value]) if each not in (None, "")]


def _options(variable: Mapping[str, Any], context: Context, metrics: Prometheus, rows: Postgres) -> Options:
    """What may be chosen, as (text, value)."""
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
        raise Unknown(f"the variable {variable['name']!r} is of the kind {kind!r}, which is not known here")
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
        raise Refused(f"only label_values(...) is known of variables that ask Prometheus, not {query!r}")
    return metrics.label_values(found[2], found[1] or "", context.span)


def _matching(options: Options, pattern: str) -> Options:
    """Those that match ``/pattern/``; its first group, where there is one, is the value."""
    if not pattern:
        return options
    written = re.compile(pattern.removeprefix("/").removesuffix("/"))
    found: Options = []
    for text, value in options:
        match = written.search(value)
        if match is not None:
            found.append((text, match[1]) if match.groups() else (text, value))
    return found
