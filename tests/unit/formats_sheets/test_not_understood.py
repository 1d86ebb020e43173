"""A cell that is not wholly understood refuses its row with what was not understood; the other rows flow, nothing vanishes."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import Font

from services.producers.formats.model import EventDraft
from services.producers.formats.sheets import moments, sightings
from tests.unit.formats_sheets.test_kinds import changed
from tests.unit.formats_sheets.test_tracking_kinds import CLIENT, FORWARDER, GATE, TERMINAL
from tests.unit.formats_sheets.workbooks import (
    BEIJING,
    DEPARTURE,
    KTZ,
    MOSCOW,
    OPERATOR,
    RAILWAY,
    SAMPLES,
    Rows,
    format_named,
    passed,
    read,
    said,
    unread,
    xlsx,
)

GOOD = ("QVYU2055178", "马拉舍维奇", "多斯特克", "已换装", "2026-03-04 10:30")


def tracing(
    operation: Any = "已换装",
    time: Any = "2026-03-04 10:30",
    place: Any = "多斯特克",
    box: Any = "QZXU4011130",
) -> Rows:
    """A tracing sheet of two rows: the first as given, the second a good one."""
    return (
        ("运踪", "更新日期：2026-03-05 18:00"),
        ("箱号", "到站", "当前站", "动态", "动态时间"),
        (box, "马拉舍维奇", place, operation, time),
        GOOD,
    )


def only_the_good_row(rows: Rows) -> str:
    """What is said of the first row, which is refused; the second one is a fact."""
    records = read("tracing", xlsx(rows), FORWARDER)
    (event,) = said(records)
    assert [each["id"] for each in event.data["objects"]] == ["QVYU2055178"]
    (failed,) = unread(records)
    assert failed.where.row == 3
    assert failed.refusal.pointer
    assert failed.refusal.remedy
    return failed.refusal.detail


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ("没签收", "没签收"), ("非签收", "非签收"), ("拒绝签收", "拒绝签收"), ("待签收", "待签收"), ("否,已签收", "否"),
        ("发车取消", "取消"), ("取消发车", "取消发车"), ("已发车（撤销）", "撤销"), ("推迟发车", "推迟发车"), ("暂停发车", "暂停发车"),
        ("发车？", "?"), ("已发车*", "*"), ("不发车", "不发车"), ("卸车中", "中"), ("departure cancelled", "cancelled"),
        ("not delivered", "not"), ("no departure", "no"), ("delivered?", "?"), ("to be loaded", "to"), ("undelivered", "undelivered"),
        ("pending departure", "pending"), ("departedlate", "departedlate"), ("void: departed", "void"), ("не надо, отправлен отказ", "надо"),
        ("отправление отменено", "отменено"), ("нет отправления", "нет"), ("неотправлен", "неотправлен"), ("отказ в выдаче", "отказ"),
        ("已签收 2026-03-04 10:30", "2026"),
    ],
)  # fmt: skip
def test_a_status_word_beside_another_is_not_that_word(words: str, rest: str) -> None:
    if sightings.is_russian(words):
        assert sightings.read(words, lambda _: "") is None
        assert sightings.not_understood(words) == rest
        return
    detail = only_the_good_row(tracing(words))
    assert repr(rest) in detail, detail


@pytest.mark.parametrize("words", ["未签收", "尚未发车", "预计签收", "not yet delivered", "expected arrival"])
def test_words_of_what_has_not_happened_are_passed_over_with_their_words(words: str) -> None:
    records = read("tracing", xlsx(tracing(words)), FORWARDER)
    assert len(said(records)) == 1
    (found,) = passed(records)
    assert found.reason.startswith(words)


@pytest.mark.parametrize(
    "words",
    [
        "arrived未",
        "已到达未换装",
        "等待发车已装车",
        "waiting departure",
        "排队装车",
        "未预计到达",
        "не прибыл, отправлен",
        "预计到达已发车",
    ],
)
def test_words_that_deny_or_await_one_another_say_nothing(words: str) -> None:
    assert sightings.read(words, lambda _: "") is None


@pytest.mark.parametrize(
    ("written", "rest"),
    [
        ("约2026-03-04 15:05", "约"), ("2026-03-04 15:05(约)", "约"), ("2026-03-04 15:05?", "?"), ("2026-03-04 15:05 未确认", "未确认"),
        ("2026-03-04 15:05 次日", "次日"), ("до 04.03.2026 15:05", "до"), ("2026-03-04 15:05 local", "local"), ("2026-03-04 15:05-16:30", "span"),
        ("2026-03-04 15:05 мск+2", "more than one date"), ("2026-03-04 15:05 UTC (北京)", "differ"), ("2026-07-04 15:05 CET", "CET"),
        ("2026-03-04 15:05 8", "more than one date"), ("2026-03-04 晚上1:00", "two times"), ("2026-03-04 上午12:30", "two times"),
    ],
)  # fmt: skip
def test_text_beside_a_time_is_never_left_out(written: str, rest: str) -> None:
    assert rest in only_the_good_row(tracing(time=written))


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-03-04 15:05 UTC", "2026-03-04T15:05:00+00:00"), ("2026-03-04 15:05Z", "2026-03-04T15:05:00Z"),
        ("2026-03-04 15:05+08:00", "2026-03-04T15:05:00+08:00"), ("2026-03-04 15:05 +05", "2026-03-04T15:05:00+05:00"),
        ("2026-03-04 15:05 UTC+5", "2026-03-04T15:05:00+05:00"), ("2026-03-04 15:05 北京时间", "2026-03-04T15:05:00+08:00"),
        ("2026-03-04 15:05 МСК", "2026-03-04T15:05:00+03:00"), ("04.03.2026 15:05 по московскому времени", "2026-03-04T15:05:00+03:00"),
        ("2026-03-04 15:05 CET", "2026-03-04T15:05:00+01:00"), ("2026-07-04 15:05 CEST", "2026-07-04T15:05:00+02:00"),
        ("2026-03-04T15:05:00-05:00", "2026-03-04T15:05:00-05:00"), ("2026年3月4日（周三）15:05", "2026-03-04T15:05:00+08:00"),
        ("2026-03-04 凌晨12:30", "2026-03-04T00:30:00+08:00"),
    ],
)  # fmt: skip
def test_a_zone_beside_a_time_beats_the_declared_one(written: str, instant: str) -> None:
    assert moments.read(written, BEIJING).instant == instant


def test_the_time_of_day_in_the_next_column_keeps_its_zone_and_the_end_of_its_day() -> None:
    day = moments.read("2026-03-01", BEIJING)
    assert moments.with_clock(day, "15:05 UTC", BEIJING).instant == "2026-03-01T15:05:00+00:00"
    assert moments.with_clock(day, "24:00", BEIJING).instant == "2026-03-02T00:00:00+08:00"
    of_moscow = moments.read("2026-03-01 (мск)", BEIJING)
    assert moments.with_clock(of_moscow, "15:05", BEIJING).instant == "2026-03-01T15:05:00+03:00"


@pytest.mark.parametrize("label", ["发车时间(UTC)", "发车时间（莫斯科时间）", "发车时间（UTC+3）"])
def test_a_zone_in_a_header_holds_for_its_column(label: str) -> None:
    rows = (
        ("运踪", "发站：西安国际港", "更新日期：2026-03-05 18:00"),
        ("箱号", label, "到站"),
        ("QZXU4011130", "2026-03-01 08:30", "马拉舍维奇"),
    )
    (event,) = said(read("tracing", xlsx(rows), FORWARDER))
    assert event.data["happened"] == f"2026-03-01T08:30:00{'+00:00' if label.endswith('(UTC)') else '+03:00'}"


def test_a_zone_in_a_key_above_the_table_holds_for_its_value() -> None:
    rows = changed(DEPARTURE, 1, 3, "发车时间（UTC）：2026-03-01 00:30")
    left = said(read("departure_list", xlsx(rows)), "movement.departed")[0]
    assert left.data["happened"] == "2026-03-01T00:30:00+00:00"


@pytest.mark.parametrize(
    "label",
    [
        "发车时间(计划)",
        "预报 发车时间",
        "发车时间？",
        "未发车时间",
        "Departed (planned)",
        "Дата отправления (прогноз)",
    ],
)
def test_a_header_with_a_word_that_turns_it_is_not_the_plain_one(label: str) -> None:
    rows = (
        ("运踪", "发站：西安国际港", "更新日期：2026-03-05 18:00"),
        ("箱号", label, "到站", "动态", "动态时间", "当前站"),
        ("QZXU4011130", "2026-03-01 08:30", "马拉舍维奇", "已换装", "2026-03-04 10:30", "多斯特克"),
    )
    reading = format_named("tracing").read(xlsx(rows), FORWARDER)
    assert any(label in remark.text and "not known" in remark.text for remark in reading.remarks)
    assert [event.type for event in reading.records if isinstance(event, EventDraft)] == [
        "cre.movement.transshipped.v1"
    ]


def test_a_group_over_a_header_may_turn_it() -> None:
    rows = (
        ("运踪", "发站：西安国际港", "更新日期：2026-03-05 18:00"),
        ("箱号", "预计", None, "到站"),
        (None, "发车时间", "到达时间", None),
        ("QZXU4011130", "2026-03-01 08:30", "2026-03-04 08:30", "马拉舍维奇"),
    )
    merged = xlsx(rows, merges=("B2:C2",))
    for each in ("tracing", "departure_list", "gate_list"):
        if format_named(each).recognise(merged):
            assert not said(read(each, merged, FORWARDER))


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ("多斯特克(未到)", "未"),
        ("多斯特克/未知", "未"),
        ("未到多斯特克 (708507)", "未"),
        ("多斯特克（已取消）", "取消"),
        ("多斯特克？", "?"),
    ],
)
def test_a_word_beside_a_place_is_never_left_out(place: str, word: str) -> None:
    assert repr(word) in only_the_good_row(tracing(place=place))


@pytest.mark.parametrize(
    ("box", "rest"),
    [
        ("QZXU4011130/xx", "/XX"),
        ("非QZXU4011130", "非"),
        ("QZXU4011130(已甩)", "(已甩)"),
        ("QZXU4011130*", "*"),
    ],
)
def test_text_beside_a_container_is_never_left_out(box: str, rest: str) -> None:
    assert repr(rest) in only_the_good_row(tracing(box=box))


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        (2, "5480118(甩)", "(甩)"),
        (5, "260110 断", "断"),
        (8, "未取消", "may take the line back"),
        (8, "not cancelled", "may take the line back"),
        (8, "取消，后恢复", "后恢复"),
        (8, "该箱未发运", "may take the line back"),
    ],
)
def test_a_row_of_a_departure_list_is_refused_for_what_stands_beside_a_value(
    column: int, value: str, says: str
) -> None:
    rows = changed(DEPARTURE, 4, column, value)
    records = read("departure_list", xlsx(rows))
    (failed,) = unread(records)
    assert failed.where.row == 5
    assert says in failed.refusal.detail
    assert {event.data["wagon"] for event in said(records, "link.wagon_loaded")} == {
        "CN/5480117",
        "CN/5480502",
    }


@pytest.mark.parametrize("name", ["departure_list", "border_handover"])
def test_a_line_taken_back_is_passed_over_in_every_kind(name: str) -> None:
    if name == "departure_list":
        records = read(name, xlsx(changed(DEPARTURE, 4, 8, "客户取消，客户原因")))
    else:
        book = openpyxl.load_workbook(SAMPLES / "04_border_handover_zh_ru.xlsx")
        sheet = book.active
        assert sheet is not None
        sheet.cell(6, 16, "取消")
        out = io.BytesIO()
        book.save(out)
        records = read(name, out.getvalue(), RAILWAY)
        assert not said(records, "movement.handed_over"), "the set is not the one that its total counts"
    assert "a cancelled line" in [each.reason for each in passed(records)]


@pytest.mark.parametrize(
    "title",
    [
        "中欧班列（X8999次）发车清单（作废）",
        "中欧班列（X8999次）发车清单 取消",
        "X8999次发车计划清单",
        "Departure list X8999 (cancelled)",
        "X8999次 发车清单 draft",
    ],
)
def test_a_title_that_says_that_the_list_is_void_or_a_plan_makes_no_fact(title: str) -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 0, 0, title)))
    assert not said(records)
    (failed,) = unread(records)
    assert "no row of the list was taken" in failed.refusal.detail


def test_a_word_after_a_key_and_its_value_is_never_left_out() -> None:
    for row in (
        ("发站：西安国际港", None, None, "发车时间：2026-03-01 08:30   （未发）"),
        ("发站：西安国际港", "发车时间", "2026-03-01 08:30", "未发"),
    ):
        rows = (DEPARTURE[0], row, *DEPARTURE[2:])
        records = read("departure_list", xlsx(rows))
        assert not said(records, "movement.departed")
        assert any("未发" in each.refusal.detail for each in unread(records))


def test_the_number_of_a_train_is_read_as_a_whole() -> None:
    rows = (
        (DEPARTURE[0][0].replace("X8999次", ""),),
        ("发站：西安国际港", "车次：X8999改X9001", None, "发车时间：2026-03-01 08:30"),
        *DEPARTURE[2:],
    )
    records = read("departure_list", xlsx(rows))
    assert not said(records)
    assert all("'改' beside the train number" in each.refusal.detail for each in unread(records))


@pytest.mark.parametrize(
    "status", ["未确认", "not confirmed", "未取消", "not cancelled", "renewed", "已确认？"]
)
def test_a_status_of_a_booking_is_the_whole_cell(status: str) -> None:
    rows = (
        ("制表日期：2026-02-20 10:00",),
        ("委托书编号", "上货站", "下货站", "口岸", "箱量", "委托状态", "件数"),
        ("B-1", "西安国际港", "马拉舍维奇", "阿拉山口", 1, status, 2),
        ("B-2", "西安国际港", "马拉舍维奇", "阿拉山口", 1, "已确认", 2),
    )
    records = read("booking_list", xlsx(rows))
    assert {event.data["objects"][0]["id"] for event in said(records) if "objects" in event.data} == {
        "xianport/B-2"
    }
    (failed,) = unread(records)
    assert status[:3] in failed.refusal.detail


@pytest.mark.parametrize("count", ["12 (+3)", "约12", "12?", "12 kg"])
def test_a_count_is_the_whole_cell(count: str) -> None:
    rows = (
        ("制表日期：2026-02-20 10:00",),
        ("委托书编号", "上货站", "下货站", "口岸", "箱量", "件数"),
        ("B-1", "西安国际港", "马拉舍维奇", "阿拉山口", count, 2),
    )
    records = read("booking_list", xlsx(rows))
    assert not said(records)
    assert count in unread(records)[0].refusal.detail


@pytest.mark.parametrize("status", ["未取消", "not departed", "已发？", "停运 no"])
def test_a_status_of_a_train_is_the_whole_cell(status: str) -> None:
    rows = (
        ("发布日期：2026-02-25 18:00",),
        ("车次", "发站", "到站", "计划开车时间", "开行状态"),
        ("X8001", "西安国际港", "马拉舍维奇", "2026-03-01 08:30", status),
    )
    records = read("train_plan", xlsx(rows))
    assert not said(records)
    assert "is not known" in unread(records)[0].refusal.detail


@pytest.mark.parametrize(
    ("condition", "harmed"), [("无凹陷", False), ("未见凹损", False), ("箱体凹陷", True), ("不像凹陷", None)]
)
def test_damage_that_is_denied_is_no_damage(condition: str, harmed: bool | None) -> None:
    records = read("gate_list", xlsx(changed(GATE, 2, 7, condition)[:3]), TERMINAL)
    assert bool(said(records, "movement.damaged")) is bool(harmed)
    assert bool(said(records, "movement.gated_in")) is (harmed is not None)
    assert bool(unread(records)) is (harmed is None)


def test_a_seal_that_is_not_broken_was_not_broken() -> None:
    book = openpyxl.load_workbook(SAMPLES / "04_border_handover_zh_ru.xlsx")
    sheet = book.active
    assert sheet is not None
    sheet.cell(10, 16, "пломба не повреждена")
    out = io.BytesIO()
    book.save(out)
    records = read("border_handover", out.getvalue(), RAILWAY)
    assert not said(records, "movement.seal_broken")
    assert any("'не' stands in it" in each.refusal.detail for each in unread(records))


@pytest.mark.parametrize("mass", ["12 (+3)", "约26980", "26980/27000", "12 件"])
def test_a_mass_is_the_whole_cell(mass: str) -> None:
    records = read("gate_list", xlsx(changed(GATE, 2, 6, mass)[:3]), TERMINAL)
    assert not said(records)
    assert "is no one mass" in unread(records)[0].refusal.detail


def test_a_dislocation_report_refuses_the_row_of_an_operation_that_is_taken_back() -> None:
    rows = (
        ("Справка о дислокации вагонов",),
        ("Дата отчета", "05.03.2026 18:00"),
        ("№ вагона", "Станция назначения", "Операция", "Дата и время операции", "Станция операции"),
        ("94630183", "МАЛАШЕВИЧЕ", "ПРИБЫТИЕ", "04.03.2026 02:47", "ДОСТЫК (708507)"),
        ("94617131", "МАЛАШЕВИЧЕ", "ОТПРАВЛЕНИЕ ОТМЕНЕНО", "04.03.2026 12:10", "ДОСТЫК (708507)"),
        ("94617149", "МАЛАШЕВИЧЕ", "ОЖИДАЕТСЯ ОТПРАВЛЕНИЕ", "04.03.2026 12:10", "ДОСТЫК (708507)"),
    )
    records = read("dislocation", xlsx(rows), CLIENT)
    assert [event.data["objects"][0]["id"] for event in said(records)] == ["1520/94630183"]
    (failed,) = unread(records)
    assert "'отменено' is not understood" in failed.refusal.detail
    assert [each.reason for each in passed(records)] == ["ОЖИДАЕТСЯ ОТПРАВЛЕНИЕ: expected, not happened"]


def test_what_is_not_read_of_a_file_is_remarked() -> None:
    more: dict[str, Rows] = {
        "电子版2": (
            ("报关单号", "回执状态代码", "回执时间"),
            ("902620260001234567", "P", "2026-02-27 10:11"),
        ),
        "说明": (("这里什么也没有",),),
    }
    remarks = format_named("departure_list").read(xlsx(DEPARTURE, more=more), OPERATOR).remarks
    texts = {remark.where.sheet: remark.text for remark in remarks}
    assert "nothing was read from it" in texts["电子版2"]
    assert "no table that is understood" in texts["说明"]


def test_a_cell_struck_through_is_no_value_and_a_hidden_column_is_remarked() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(tracing())))
    sheet = book.active
    assert sheet is not None
    sheet["D3"].font = Font(strike=True)
    sheet.column_dimensions["E"].hidden = True
    out = io.BytesIO()
    book.save(out)
    reading = format_named("tracing").read(out.getvalue(), FORWARDER)
    assert any("is hidden" in remark.text and remark.where.column == "E" for remark in reading.remarks)
    records = list(reading.records)
    assert [event.data["objects"][0]["id"] for event in said(records)] == ["QVYU2055178"]
    assert [each.where.row for each in unread(records)] == [3]


def test_a_procedure_is_the_whole_cell() -> None:
    rows = (
        ("Рег. номер ДТ", "Код решения", "Дата решения", "Процедура"),
        ("10702070/050326/5000123", "10", "05.03.2026 14:20", "ИМ 40 отменён"),
        ("10702070/050326/5000124", "10", "05.03.2026 14:20", "не транзит"),
        ("10702070/050326/5000125", "10", "05.03.2026 14:20", "ИМ 40"),
    )
    records = read("eaeu_receipts", xlsx(rows), KTZ.__class__("eaeu-ru", MOSCOW))
    assert len(said(records)) == 1
    assert len(unread(records)) == 2
