"""Tables as CSV and JSON: types, units, bounds, and no text that becomes a formula."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pages.errors import PageError
from services.pages.table import MOST_ROWS, Column, Kind, Table, export, inert, literal

HOUR = 3_600_000_000
COLUMNS = (
    Column("name", "Name"),
    Column("state", "State", Kind.CODE, words={"OPEN": "open, nobody's"}),
    Column("place", "Where", Kind.PLACE),
    Column("since", "Since", Kind.MOMENT, place="place"),
    Column("waits", "Waits", Kind.DURATION),
    Column("late", "Late", Kind.NUMBER),
    Column("share", "Share", Kind.SHARE),
    Column("value", "Value", Kind.AMOUNT),
)
ROW = {
    "name": '中欧班列; "X"',
    "state": "OPEN",
    "place": "railnet:dostyk",
    "since": 1_757_642_400_000_000,
    "waits": 9 * HOUR,
    "late": -5,
    "share": 0.8,
    "value": (-1234, "EUR"),
}


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_csv_is_what_spreadsheets_read() -> None:
    found = export([Table("things", COLUMNS, [ROW, {"name": "empty"}], "Things")], "things", "csv")
    assert found.content.startswith(b"\xef\xbb\xbfname,state,place,since,since_local,")
    assert found.content.count(b"\r\n") == 3
    assert found.media_type == "text/csv; charset=utf-8; header=present"
    assert found.headers == {"content-disposition": 'attachment; filename="things.csv"'}
    keys, first, second = rows_of(found.content)
    assert dict(zip(keys, first, strict=True)) == {
        "name": ROW["name"],
        "state": "OPEN",
        "place": "railnet:dostyk",
        "since": "2025-09-12T02:00:00Z",
        "since_local": "2025-09-12T07:00:00+05:00",
        "waits_seconds": "32400",
        "late": "-5",  # a number stays a number
        "share": "0.8",
        "value": "-12.34",
        "value_currency": "EUR",
    }
    assert second == ["empty", *[""] * 9]


def test_json_names_what_its_values_are() -> None:
    found = export([Table("things", COLUMNS, [ROW], "Things")], "things", "json")
    body = json.loads(found.content)
    assert (body["name"], body["complete"]) == ("things", True)
    units = {each["key"]: (each["kind"], each["unit"]) for each in body["columns"]}
    assert units["since"] == ("moment", "RFC 3339, UTC")
    assert units["waits_seconds"] == ("duration", "s")
    assert units["value"] == ("amount", "value_currency")
    (row,) = body["rows"]
    assert row.keys() == units.keys()
    assert (row["name"], row["late"], row["value"], row["waits_seconds"]) == (
        ROW["name"],
        -5,
        "-12.34",
        32400,
    )


def test_local_time_stands_only_where_the_place_is_known() -> None:
    rows = [{**ROW, "place": place} for place in ("railnet:dostyk", "nowhere", None)]
    keys, *found = rows_of(export([Table("things", COLUMNS, rows, "")], "things", "csv").content)
    assert [row[keys.index("since_local")] for row in found] == ["2025-09-12T07:00:00+05:00", "", ""]


def test_what_is_left_out_is_said() -> None:
    columns = [Column("number", "Number", Kind.NUMBER), Column("text", "Text")]
    rows: list[dict[str, Any]] = [{"number": number} for number in range(MOST_ROWS + 1)]
    for table in (Table("t", columns, rows, ""), Table("t", columns, rows[:5], "", more=True)):
        given = min(len(table.rows), MOST_ROWS)
        sheet = export([table], "t", "csv")
        _, *data, last = rows_of(sheet.content)
        assert (len(data), last[1]) == (given, "")
        assert last[0].startswith(f"# not complete: {given} rows")
        assert "t-not-complete.csv" in sheet.headers["content-disposition"]
        body = json.loads(export([table], "t", "json").content)
        assert (len(body["rows"]), body["complete"]) == (given, False)
        assert body["remark"] == last[0].removeprefix("# ")


def test_a_table_or_form_that_there_is_not_is_refused() -> None:
    for name, form, status in (("other", "csv", 404), ("t", "xlsx", 400), ("t", "", 400)):
        with pytest.raises(PageError) as refused:
            export([Table("t", COLUMNS, [], "")], name, form)
        assert refused.value.status == status


FORMULAS = (
    '=HYPERLINK("https://evil.example","x")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\tx",
    "\rx",
    "\n=1",
    " =1",
    "\u3000=1",
    "\ufeff=1",
    "\u200b=1",
    '"=1',
    "'=1",
    "“=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "﹦1",
    "⁺1",
    "−1",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula(text: str) -> None:
    assert inert(text).startswith("'")
    assert literal(inert(text)) == text
    columns = [Column("text", "Text")]
    (_, (cell,)) = rows_of(export([Table("t", columns, [{"text": text}], "")], "t", "csv").content)
    assert literal(cell) == text


def test_another_separator_makes_no_formula_either() -> None:
    # Excel of half of our languages takes the semicolon for the separator, whatever the file says.
    assert inert("a;=1+1") == "a;'=1+1"
    assert inert('a\r\n"=1') == "a\r\n'\"=1"


@pytest.mark.parametrize(
    "text", ["CSQU3054383", "A-1", "a = b", "中欧班列", "'quoted'", "", "x;y", "12:00 UTC+5"]
)
def test_other_text_is_unchanged(text: str) -> None:
    assert inert(text) == literal(text) == text


@given(st.text(alphabet=st.sampled_from("=+-@＝\t\r\n;,' \"a1\u200b\u3000#") | st.characters(), max_size=12))
def test_every_text_is_read_back(text: str) -> None:
    assert literal(inert(text)) == text
