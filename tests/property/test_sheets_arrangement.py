"""How a list is laid out says nothing: any order of columns, any blank rows and columns, any file kind, the same events.

And no bytes whatever end the reading: a file is refused, or its records come out one by one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.reasons import Refusal
from services.producers.formats.sheets import FORMATS
from tests.support.profile import rounds
from tests.unit.formats_sheets.workbooks import (
    DEPARTURE,
    KTZ,
    OPERATOR,
    SAMPLES,
    Rows,
    events,
    read,
    text,
    unread,
    walk,
    xls,
    xlsx,
)

HEADER = 2
BODY = slice(HEADER, HEADER + 5)
EXPECTED = events(read("departure_list", xlsx(DEPARTURE)))
SMALL = {
    "xlsx": xlsx(DEPARTURE),
    "xls": xls(DEPARTURE),
    "csv": text(DEPARTURE, "gb18030"),
    "natural": (SAMPLES / "03_naturny_list_du1_cp1251.csv").read_bytes(),
}


@st.composite
def arranged(draw: st.DrawFn) -> list[list[Any]]:
    """The departure list with its columns shuffled and blank columns and rows put in."""
    width = len(DEPARTURE[HEADER])
    order = draw(st.permutations(range(width)))
    columns: list[int | None] = list(order)
    for at in draw(st.lists(st.integers(0, width), max_size=3)):
        columns.insert(at, None)
    rows: list[list[Any]] = []
    for number, row in enumerate(DEPARTURE):
        rows += [[None]] * draw(st.integers(0, 2))
        if BODY.start <= number < BODY.stop:
            padded = [*row, *[None] * (width - len(row))]
            moved = [None if column is None else padded[column] for column in columns]
            rows.append(moved)
        else:
            rows.append(list(row))
    return rows


def as_text(rows: Rows) -> bytes:
    return text([[None if cell is None else str(cell) for cell in row] for row in rows])


@settings(max_examples=rounds(10, 40), deadline=None)
@given(arranged())
def test_shuffled_columns_and_blank_rows_and_columns_say_the_same(rows: list[list[Any]]) -> None:
    records = read("departure_list", as_text(rows))
    assert events(records) == EXPECTED
    assert not unread(records), "a total's word may stand in any column"


@settings(max_examples=rounds(5, 10), deadline=None)
@given(arranged(), st.sampled_from([xlsx, xls]))
def test_and_so_do_workbooks(rows: list[list[Any]], write: Any) -> None:
    records = read("departure_list", write(rows))
    assert events(records) == EXPECTED
    assert not unread(records)


@settings(max_examples=rounds(20, 80), deadline=None)
@given(
    st.sampled_from(sorted(SMALL)),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6),
    st.one_of(st.none(), st.integers(0, 1 << 16)),
)
def test_damaged_bytes_are_refused_or_read_record_by_record(
    name: str, flips: list[tuple[int, int]], cut: int | None
) -> None:
    content = bytearray(SMALL[name])
    for position, value in flips:
        content[position % len(content)] = value
    damaged = bytes(content if cut is None else content[: cut % len(content)])
    for each in FORMATS:
        assert 0 <= each.recognise(damaged) <= 100
    for format_name, settings_ in (("departure_list", OPERATOR), ("natural_list", KTZ)):
        reader = next(each for each in FORMATS if each.name == format_name)
        with suppress(Refusal):
            walk(reader.read(damaged, settings_), settings_)
