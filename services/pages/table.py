"""Tables of pages: drawn by ``templates/table.html``, and as CSV (RFC 4180) and JSON at ``?table=NAME&format=csv|json`` of the page's own address.

A page lists its tables in ``Page.tables``; the frame answers the two forms after the page's own checks, with its headers, its budget
and its lines of the access log. Both hold the raw values of the same columns under stable keys, in no language::

    MOMENT     RFC 3339 in UTC; with ``place``, where that is known, ``KEY_local`` beside it with the place's offset
    DURATION   ``KEY_seconds``
    SHARE      of 1
    AMOUNT     a decimal number in units of its currency, and ``KEY_currency`` beside it
    BOOLEAN    true, false
    TEXT, CODE, PLACE, NUMBER   as they are; several values of a cell apart by a comma and a space, in JSON as an array

CSV begins with a byte order mark, by which spreadsheets know UTF-8. No text in it becomes a formula: see ``inert``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import orjson
from babel.numbers import get_currency_precision

from schemas import railnet
from schemas.rfc3339 import format_micros
from services.pages.errors import PageError
from services.pages.localization import zone_of

MOST_ROWS: Final = 10_000
"""Rows of a table in CSV and JSON; where there are more, the last row and ``complete`` say so."""
FORMATS: Final = ("csv", "json")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,40}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
Row = Mapping[str, Any]
Query = Sequence[tuple[str, str]]


class Kind(StrEnum):
    """What the values of a column are; None is an empty cell of any kind."""

    TEXT = "text"
    CODE = "code"  # an identifier, or a code with words for people in Column.words
    PLACE = "place"  # railnet:dostyk, crossing:..., written by its name on the page
    MOMENT = "moment"  # UTC microseconds
    DURATION = "duration"  # microseconds
    NUMBER = "number"
    BOOLEAN = "boolean"
    SHARE = "share"  # of 1
    AMOUNT = "amount"  # (minor units, currency)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``key`` is its stable name in a row and in the data, ``title`` a message.

    ``href``, ``place``: the keys of the row that hold the address of a link, and the place whose clock is meant. ``words``: messages for
    codes. ``unit`` of a number, for programs. ``lang``: the language of its texts, where it is another than the page's.
    """

    key: str
    title: str
    kind: Kind = Kind.TEXT
    href: str = ""
    place: str = ""
    words: Mapping[Any, str] = field(default_factory=dict)
    unit: str = ""
    lang: str = ""

    def __post_init__(self) -> None:
        assert _KEY.fullmatch(self.key), self.key

    @property
    def aligned(self) -> bool:
        """Whether its values stand under one another by their digits."""
        return self.kind in (Kind.NUMBER, Kind.SHARE, Kind.AMOUNT, Kind.DURATION)

    def values(self, row: Row) -> Sequence[Any]:
        """The values of its cell: none, one or several."""
        value = row.get(self.key)
        if value is None:
            return ()
        return value if isinstance(value, list | tuple) and self.kind is not Kind.AMOUNT else (value,)


@dataclass(slots=True)
class Table:
    """A table: ``rows`` are mappings of raw values, ``caption`` says what they are (a message, or text in the language of the page).

    ``more``: there are rows beside those, which nobody read. The page draws the first ``drawn``. ``query`` is set by the frame: the
    parameters of the page's address, None where it has none to read the table at.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    caption: str
    more: bool = False
    drawn: int = 200
    query: Query | None = None

    def __post_init__(self) -> None:
        assert _NAME.fullmatch(self.name), self.name

    def address(self, form: str) -> str:
        """The address of the table as ``form``, relative to the page's."""
        assert self.query is not None
        kept = [each for each in self.query if each[0] not in ("lang", "table", "format")]
        return f"?{urlencode([*kept, ('table', self.name), ('format', form)])}"


class Exported(NamedTuple):
    """A table as bytes, with its media type and further headers."""

    content: bytes
    media_type: str
    headers: Mapping[str, str]


def export(tables: Sequence[Table], name: str, form: str) -> Exported:
    """The table of that name as ``form``; PageError 404 where the page has none of it, 400 for another form."""
    found = next((each for each in tables if each.name == name), None)
    if found is None:
        raise PageError(404)
    if form not in FORMATS:
        raise PageError(400)
    return (_csv if form == "csv" else _json)(found)


class _Datum(NamedTuple):
    """A column of the data: several may come of one column of the page."""

    key: str
    kind: Kind
    unit: str
    value: Callable[[Row], Any]


def _data(column: Column) -> Iterator[_Datum]:
    key, kind = column.key, column.kind
    if kind is Kind.MOMENT:
        yield _Datum(key, kind, "RFC 3339, UTC", lambda row: _each(column, row, format_micros))
        if column.place:
            yield _Datum(
                f"{key}_local",
                kind,
                "RFC 3339, time of the place",
                lambda row: _each(column, row, lambda at: _local(at, row.get(column.place))),
            )
    elif kind is Kind.DURATION:
        yield _Datum(f"{key}_seconds", kind, "s", lambda row: _each(column, row, _seconds))
    elif kind is Kind.AMOUNT:
        yield _Datum(key, kind, f"{key}_currency", lambda row: _each(column, row, _decimal))
        yield _Datum(
            f"{key}_currency", Kind.CODE, "ISO 4217", lambda row: _each(column, row, lambda amount: amount[1])
        )
    else:
        unit = "1" if kind is Kind.SHARE else column.unit
        yield _Datum(key, kind, unit, lambda row: _each(column, row, _plain))


def _each(column: Column, row: Row, write: Callable[[Any], Any]) -> Any:
    values = [write(value) for value in column.values(row)]
    return values if len(values) > 1 else values[0] if values else None


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float) else str(value)


def _seconds(micros: int) -> int | float:
    return micros // 1_000_000 if micros % 1_000_000 == 0 else micros / 1_000_000


def _decimal(amount: tuple[int, str]) -> Decimal:
    minor, currency = amount
    return Decimal(minor).scaleb(-get_currency_precision(currency))


def _local(micros: int, place: str | None) -> str | None:
    if not place or railnet.resolve(place) is None:
        return None
    return datetime.fromtimestamp(micros // 1_000_000, zone_of(place)).isoformat()


def _left_out(table: Table) -> str:
    """What is said where rows are left out; "" where all are there."""
    if not table.more and len(table.rows) <= MOST_ROWS:
        return ""
    known = "" if table.more else f" of {len(table.rows)}"
    return f"not complete: {min(MOST_ROWS, len(table.rows))} rows{known}; narrow the page to read the rest"


def _json(table: Table) -> Exported:
    data = [datum for column in table.columns for datum in _data(column)]
    left_out = _left_out(table)
    body = {
        "name": table.name,
        "columns": [{"key": each.key, "kind": each.kind, "unit": each.unit or None} for each in data],
        "rows": [{each.key: each.value(row) for each in data} for row in table.rows[:MOST_ROWS]],
        "complete": not left_out,
        **({"remark": left_out} if left_out else {}),
    }
    return Exported(orjson.dumps(body, default=str), "application/json", {})


def _csv(table: Table) -> Exported:
    data = [datum for column in table.columns for datum in _data(column)]
    text = io.StringIO(newline="")
    write = csv.writer(text, lineterminator="\r\n").writerow
    write(each.key for each in data)
    for row in table.rows[:MOST_ROWS]:
        write([_cell(each.value(row)) for each in data])
    left_out = _left_out(table)
    if left_out:
        write([f"# {left_out}", *[""] * (len(data) - 1)])
    name = f"{table.name}{'-not-complete' if left_out else ''}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Exported(text.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8; header=present", headers)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return inert(", ".join(map(str, value)))
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return inert(value) if isinstance(value, str) else str(value)


_SIGN = r"[=+\-@\u2212\u207a-\u207c\u208a-\u208c\ufe62-\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
"""=, +, - and @ of any width."""
_BEFORE = r"[\s\x00-\x1f\"'`\xa8\xab\xad\xb4\xbb\u200b-\u200f\u2018-\u201f\u2028-\u202e\u2039\u203a\u2060-\u2064\ufeff\uff02\uff07]*"
"""Spaces, quotes and what is not seen, which a spreadsheet or a person may take away."""
_FIRST = rf"(?={_BEFORE}(?:{_SIGN}|[\t\r\n]))"
_LATER = rf"(?={_BEFORE}{_SIGN})"
_APART = r"(?:(?<=[;\t\n])|(?<=\r)(?!\n))"
"""Behind what begins a cell where a spreadsheet takes another separator than the comma, or each line for a row."""
_DANGER = re.compile(rf"\A{_FIRST}|{_APART}{_LATER}")
_MARKED = re.compile(rf"\A'{_FIRST}|{_APART}'{_LATER}")


def inert(text: str) -> str:
    """``text`` with an apostrophe wherever a spreadsheet would take what follows for a formula: at the beginning, and behind what may begin a cell.

    The apostrophe says "text" to a spreadsheet. ``literal`` takes it away again: ``literal(inert(text)) == text`` for every text, and a text
    without one of the signs is unchanged. Numbers are written as numbers and never come here. Source: OWASP, CSV Injection.
    """
    return _DANGER.sub("'", text)


def literal(cell: str) -> str:
    """The text of a cell that ``inert`` wrote."""
    return _MARKED.sub("", cell)
