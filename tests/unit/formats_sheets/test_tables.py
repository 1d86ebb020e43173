"""Where the tables of a sheet are, and which column means what, wherever they stand."""

from __future__ import annotations

from dataclasses import replace

from services.producers.formats.sheets import reader, tables
from tests.unit.formats_sheets.workbooks import (
    DEPARTURE,
    OPERATOR,
    Rows,
    events,
    format_named,
    passed,
    read,
    said,
    unread,
    xlsx,
)

EXPECTED = events(read("departure_list", xlsx(DEPARTURE)))


def found(rows: Rows, **how: object) -> tuple[tables.Table, ...]:
    (sheet,) = reader.open_book(xlsx(rows, **how)).sheets  # type: ignore[arg-type]
    return tables.find(sheet)


def test_a_header_of_two_rows_with_groups_reads_like_one_row() -> None:
    rows = (
        *DEPARTURE[:2],
        ("顺位", "车辆", None, "集装箱", None, None, "货物", "运单号", "记事"),
        (None, "车种", "车号", "箱号", "箱型", "施封号", "毛重（吨）", None, None),
        *DEPARTURE[3:],
    )
    merged = xlsx(rows, merges=["A3:A4", "B3:C3", "D3:F3", "H3:H4", "I3:I4"])
    assert events(read("departure_list", merged)) == EXPECTED
    assert events(read("departure_list", xlsx(rows))) == EXPECTED, "and without its merges"


def test_a_header_in_two_languages_is_one_header() -> None:
    second = (
        "№ п/п",
        "Род вагона",
        "№ вагона",
        "№ контейнера",
        "Тип контейнера",
        "№ пломбы",
        "Масса",
        "№ накладной",
        "Примечание",
    )
    rows = (*DEPARTURE[:3], second, *DEPARTURE[3:])
    (table,) = found(rows)
    assert len(table.rows) == 3
    assert events(read("departure_list", xlsx(rows))) == EXPECTED


def test_a_wagon_merged_over_its_boxes_and_a_blank_one_are_the_same() -> None:
    split = (
        *DEPARTURE[:5],
        (3, "X70", "5480502", "QVYU2055178", "20GP", "260159", 14.06, "SX2603017009", None),
        (None, None, None, "QVYU2056549", "20GP", "260166", 13.24, "SX2603017010", None),
        *DEPARTURE[6:],
    )
    assert events(read("departure_list", xlsx(split))) == EXPECTED
    assert events(read("departure_list", xlsx(split, merges=["A6:A7", "B6:B7", "C6:C7"]))) == EXPECTED


def test_several_tables_in_a_sheet_are_read_each_under_its_own_head() -> None:
    other = [list(row) for row in DEPARTURE]
    other[0][0] = "中欧班列（X8003次）发车清单"
    other[3][2], other[3][3] = "5480600", "QZXU4013874"
    other[4][2], other[4][3] = "5480601", "QZXU4015244"
    other[5][2], other[5][3] = "5480602", "XJQU7300214、XJQU7301587"
    records = read("departure_list", xlsx([*DEPARTURE, [None], *other]))
    trains = {
        e.data["train"].split("/")[1]: len(e.data["wagons"]) for e in said(records, "link.train_composed")
    }
    assert trains == {"X8999": 3, "X8003": 3}
    assert not unread(records)


def test_a_header_repeated_at_the_top_of_a_page_is_no_row() -> None:
    rows = (*DEPARTURE[:4], DEPARTURE[2], *DEPARTURE[4:])
    records = read("departure_list", xlsx(rows))
    assert events(records) == EXPECTED
    assert not unread(records)


def test_a_list_that_goes_on_in_a_second_table_keeps_the_head_of_the_first() -> None:
    rows = (*DEPARTURE[:5], DEPARTURE[6], [None], DEPARTURE[2], *DEPARTURE[5:])
    records = read("departure_list", xlsx(rows))
    assert len(said(records, "link.train_composed")) == 1
    assert len(said(records, "link.train_composed")[0].data["wagons"]) == 3


def test_two_sheets_with_the_same_list_say_it_once() -> None:
    records = read("departure_list", xlsx(DEPARTURE, more={"打印": DEPARTURE}))
    assert events(records) == EXPECTED


def test_sheets_that_contradict_one_another_are_told() -> None:
    other = [list(row) for row in DEPARTURE]
    other[3][2] = "5480999"
    records = read("departure_list", xlsx(DEPARTURE, more={"打印": other}))
    assert any("stands on CN/5480117" in each.refusal.detail for each in unread(records))


def test_unknown_headers_are_remarked_and_a_choice_gives_them_a_meaning() -> None:
    rows = [list(row) for row in DEPARTURE]
    rows[2][3] = "我们的箱子"
    content = xlsx(rows)
    chosen = replace(OPERATOR, choices={"departure_list": {"我们的箱子": "container.id"}})
    reading = format_named("departure_list").read(content, chosen)
    assert [(t.label, t.meaning) for t in reading.interpretations if t.certainty == "choice"] == [
        ("我们的箱子", "container.id")
    ]
    assert events(read("departure_list", content, chosen)) == EXPECTED
    rows = [[*row, None] for row in DEPARTURE]
    rows[2][9], rows[3][9] = "神秘", "7"
    texts = [r.text for r in format_named("departure_list").read(xlsx(rows), OPERATOR).remarks]
    assert texts == ["The header '神秘' is not known; nothing was read from its column."]


def test_every_header_that_was_taken_is_told_with_its_certainty() -> None:
    taken = {
        t.label: (t.meaning, t.certainty)
        for t in format_named("departure_list").read(xlsx(DEPARTURE), OPERATOR).interpretations
    }
    assert taken["箱号"] == ("container.id", "read")
    assert taken["顺位"] == ("wagon.position", "own")
    assert taken["发车时间"] == ("train.actualDeparture", "read")
    assert len(taken) == 12, "nine columns, and three keys around the table"


def test_two_columns_of_one_meaning_must_not_contradict() -> None:
    rows = [[*row, None] for row in DEPARTURE]
    rows[2][9] = "车底号"
    for number in (3, 4, 5):
        rows[number][9] = rows[number][2]
    assert events(read("departure_list", xlsx(rows))) == EXPECTED
    rows[4][9] = "5480999"
    (failed,) = unread(read("departure_list", xlsx(rows)))
    assert "both mean wagon.id and differ" in failed.refusal.detail


def test_notes_and_signatures_are_passed_over_with_their_words() -> None:
    rows = (*DEPARTURE, ("备注：7位原配5480389因车辆扣修甩下",), ("交方 Сдал: (подпись)",))
    kinds = [each.reason.split(":")[0] for each in passed(read("departure_list", xlsx(rows)))]
    assert kinds == ["a total", "a signature", "a note", "a signature"]
