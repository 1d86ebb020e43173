"""What Postgres answers, as frames: tables, and curves whose words name the series, as Grafana's own data source makes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from services.monitoring.dashboards.preview.frames import Field, Frame, Refused, Type
from services.monitoring.dashboards.ranges import SECOND
from services.monitoring.dashboards.sessions import only_read
from services.monitoring.dashboards.substitution import Context, sql

MOST = 100_000
Row = tuple[Any, ...]


class Postgres:
    """A Postgres at ``dsn``, only read, one connection a query; tables show the moment ``at``. Methods block, and raise Refused."""

    def __init__(self, dsn: str, at: datetime | None = None) -> None:
        self._dsn, self._at = dsn, at

    def ready(self) -> None:
        """Return when it answers queries. Raises Refused where it does not."""
        self._answer("SELECT 1")

    def frames(self, target: Mapping[str, Any], context: Context) -> list[Frame]:
        """What ``target`` of a panel finds. Raises Unknown too, where it says something that stands for nothing."""
        statement, name = sql(str(target.get("rawSql") or ""), context), str(target.get("refId") or "A")
        if not statement.strip():
            return []
        names, rows = self._answer(statement)
        curves = target.get("format") != "table"
        fields = [_field(each, [row[at] for row in rows], curves) for at, each in enumerate(names)]
        return _curves(name, fields) if curves else [Frame(name, tuple(fields), name=name)]

    def column(self, statement: str) -> list[tuple[str, str]]:
        """What a variable may be: (text, value) of each row, by columns ``__text`` and ``__value`` or the first."""
        names, rows = self._answer(statement)
        text = names.index("__text") if "__text" in names else 0
        value = names.index("__value") if "__value" in names else text
        return [(str(row[text]), str(row[value])) for row in rows if row[value] is not None]

    def _answer(self, statement: str) -> tuple[list[str], list[Row]]:
        try:
            with psycopg.connect(self._dsn, connect_timeout=5, application_name="lianyun-preview") as session:
                only_read(session, self._at)
                found = session.execute(statement.encode(), prepare=False)
                if found.description is None:
                    raise Refused("Postgres: the statement returns no rows")
                return [each.name for each in found.description], list(found.fetchmany(MOST))
        except psycopg.Error as problem:
            raise Refused(f"Postgres: {problem}".strip()) from None


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
    return Field(name, kind, [_told(value, kind) for value in values])


def _moment(value: Any) -> int | None:
    """Milliseconds of a moment, of a day, or of seconds since 1970."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return round(value.timestamp() * SECOND)
    if isinstance(value, date):
        return round((value - date(1970, 1, 1)) / timedelta(milliseconds=1))
    if isinstance(value, int | float | Decimal):
        return round(float(value) * SECOND)
    raise Refused(f"the column time holds {type(value).__name__}, not moments")


def _told(value: Any, kind: Type) -> Any:
    if value is None or kind == "boolean":
        return value
    if kind == "number":
        return value.total_seconds() if isinstance(value, timedelta) else float(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _curves(query: str, fields: list[Field]) -> list[Frame]:
    """Rows of (time, words, numbers) as one frame with a column of numbers per words, at all moments of the rows."""
    at = next((each for each in fields if each.name == "Time" and each.type == "time"), None)
    if at is None:
        raise Refused("a query with the format time_series needs a column called time")
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
        said = tuple("" if each.values[row] is None else str(each.values[row]) for each in words)
        for number, each in enumerate(numbers):
            column = found.setdefault((number, said), [None] * len(moments))
            column[places[moment]] = each.values[row]
    # Where one number is told of a "metric", that word alone is the name, as it always was in Grafana.
    alone = len(fields) == 3 and words[0].name == "metric"
    columns = [
        Field(said[0], "number", column)
        if alone
        else Field(
            numbers[number].name,
            "number",
            column,
            labels={each.name: value for each, value in zip(words, said, strict=True)},
        )
        for (number, said), column in found.items()
    ]
    return [Frame(query, (Field("Time", "time", moments), *columns), name=query)]
