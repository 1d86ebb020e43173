"""Each kind of list: what its rows say, and what becomes of rows that cannot be said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas import railnet
from schemas.reasons import Reason
from services.producers.formats.model import Settings
from services.producers.formats.sheets import FORMATS
from tests.unit.formats_sheets.workbooks import (
    BEIJING,
    DEPARTURE,
    KTZ,
    MOSCOW,
    OPERATOR,
    RAILWAY,
    Rows,
    events,
    format_named,
    passed,
    read,
    said,
    text,
    unread,
    xlsx,
)


def choosing(settings: Settings, name: str, **choices: str) -> Settings:
    return replace(
        settings, choices={name: {key.replace("__", "."): value for key, value in choices.items()}}
    )


def best(content: bytes) -> str:
    return max(FORMATS, key=lambda each: each.recognise(content)).name


def changed(rows: Rows, row: int, column: int, value: Any) -> list[list[Any]]:
    changed = [list(each) for each in rows]
    changed[row][column] = value
    return changed


# --- booking lists ---------------------------------------------------------------------------------------------------

BOOKING: Rows = (
    ("制表日期：2026-02-20 10:00",),
    ("委托书编号", "上货站", "下货站", "口岸", "箱号", "箱量", "整/拼箱", "委托状态", "品名", "备注"),
    ("B-1", "西安", "马拉", "阿拉", "QZXU4011130", 1, "整箱", "已确认", "洗衣机", None),
    ("B-2", "西安", "杜伊斯堡", "新线", None, 2, "拼箱", "2", "玩具", None),
    ("B-3", "西安", "马拉", None, "QZXU4012501", 1, None, None, "灯具", None),
    (None, None, None, None, "QZXU4013874", 1, None, None, "灯架", None),
    ("B-4", "西安", "马拉", None, None, 1, None, "草稿", "x", None),
    ("B-5", "西安", "马拉", None, None, 1, None, "神秘", "x", None),
    (None, None, None, None, None, 1, None, None, None, "谁的？"),
)


def test_a_booking_says_its_standing_its_boxes_and_its_route() -> None:
    records = read("booking_list", xlsx(BOOKING))
    assert best(xlsx(BOOKING)) == "booking_list"
    names = {
        event.id.removeprefix("booking_list/").replace("/2026-02-20T02:00:00Z", "") for event in said(records)
    }
    assert names == {
        "B-1/booking_confirmed", "B-1/containers_assigned", "B-1/route_planned",
        "B-2/booked", "B-2/booking_rejected", "B-2/route_planned",
        "B-3/booked", "B-3/containers_assigned", "B-3/route_planned",
    }  # fmt: skip
    assigned = {event.id.split("/")[1]: event.data for event in said(records, "link.containers_assigned")}
    assert assigned["B-3"]["containers"] == ["QZXU4012501", "QZXU4013874"], (
        "a blank number goes on with the one above"
    )
    counts = {
        e.data["objects"][0]["id"]: e.data.get("container_quantity") for e in said(records, "movement.booked")
    }
    assert counts == {"xianport/B-2": 2, "xianport/B-3": 2}
    assert said(records, "movement.booking_confirmed")[0].data["remark"] == "1 containers"
    assert [each.reason for each in passed(records) if "draft" in each.reason] == [
        "a draft, not yet a booking"
    ]


def test_a_status_or_a_row_that_is_not_known_is_told() -> None:
    records = read("booking_list", xlsx(BOOKING))
    details = [each.refusal.detail for each in unread(records)]
    assert any("'神秘' is not known" in detail for detail in details)
    assert any("no booking number" in detail for detail in details)
    chosen = choosing(OPERATOR, "booking_list", **{"status:神秘": "confirmed"})
    assert any(
        event.id.startswith("booking_list/B-5/")
        for event in said(read("booking_list", xlsx(BOOKING), chosen))
    )


def test_an_unknown_border_word_may_be_a_train_line_and_is_left_out() -> None:
    (route,) = [e for e in said(read("booking_list", xlsx(BOOKING)), "link.route_planned") if "/B-2/" in e.id]
    assert route.data["places"] == ["railnet:xian-intl-port", "railnet:duisburg"]


def test_a_list_without_its_own_time_is_not_read_until_the_partner_declares_one() -> None:
    content = xlsx(BOOKING[1:3])
    records = read("booking_list", content)
    (failed,) = unread(records)
    assert not said(records)
    assert failed.refusal.reason is Reason.INVALID_TIME
    assert "document.created" in failed.refusal.remedy
    declared = choosing(OPERATOR, "booking_list", document__created="2026-02-20 10:00")
    assert events(read("booking_list", content, declared)) == events(read("booking_list", xlsx(BOOKING[:3])))


def test_the_declared_zone_of_the_format_beats_the_partners() -> None:
    settings = replace(OPERATOR, zones={"booking_list": MOSCOW})
    assert {event.time for event in said(read("booking_list", xlsx(BOOKING), settings))} == {
        "2026-02-20T10:00:00+03:00"
    }


# --- train plans -----------------------------------------------------------------------------------------------------

PLAN: Rows = (
    ("2026年3月班列计划", None, "更新日期：2026-03-04 20:00"),
    ("班列编号", "车次", "发站", "到站", "计划开车时间", "计划到站时间", "实际发车时间", "开行状态", "备注"),
    ("WB1", "X8001", "西安国际港", "马拉舍维奇", "2026-03-01 08:30", "2026-03-14", None, "计划", None),
    ("WB2", "X8003", "西安国际港", "杜伊斯堡", "2026-03-02", None, None, "取消", None),
    ("WB3", "X8005", "西安国际港", "马拉舍维奇", "2026-03-03 08:30", None, "2026-03-03 09:10", "已发", None),
    ("WB4", "X8007", "西安国际港", "马拉舍维奇", "2026-03-04 08:30", None, "2026-03-04", "已发", None),
    ("WB5", "X8009", "某站", "马拉舍维奇", "2026-03-05 08:30", None, None, None, None),
)


def test_a_plan_is_planned_and_only_a_told_departure_is_a_fact() -> None:
    content = xlsx(PLAN)
    assert best(content) == "train_plan"
    records = read("train_plan", content)
    departed = {
        (e.data["objects"][0]["id"], e.data["classifier"]): e.data["happened"]
        for e in said(records, "movement.departed")
    }
    train = "cr/X80{}/2026-03-0{}/railnet:xian-intl-port"
    assert departed == {
        (train.format("01", 1), "PLN"): "2026-03-01T08:30:00+08:00",
        (train.format("05", 3), "PLN"): "2026-03-03T08:30:00+08:00",
        (train.format("07", 4), "PLN"): "2026-03-04T08:30:00+08:00",
        (train.format("05", 3), "ACT"): "2026-03-03T09:10:00+08:00",
    }
    (cancelled,) = said(records, "movement.train_cancelled")
    assert cancelled.data["objects"][0]["id"] == train.format("03", 2)
    (arrives,) = said(records, "movement.arrived_at_destination")
    assert (arrives.data["classifier"], arrives.data["happened_as_written"]) == ("PLN", "2026-03-14")
    details = [each.refusal.detail for each in unread(records)]
    assert any("is a day" in detail for detail in details)
    assert any("its first station" in detail for detail in details)


def test_a_day_alone_may_be_declared_to_mean_its_beginning() -> None:
    chosen = choosing(OPERATOR, "train_plan", day__alone="start")
    records = read("train_plan", xlsx(PLAN), chosen)
    assert any(e.data["happened"] == "2026-03-04T00:00:00+08:00" for e in said(records, "movement.departed"))


def test_what_lies_after_the_making_of_a_plan_is_no_fact_yet() -> None:
    rows = changed(PLAN, 0, 2, "发布日期：2026-02-25 18:00")
    records = read("train_plan", xlsx(rows))
    assert {e.data["classifier"] for e in said(records, "movement.departed")} == {"PLN"}
    assert any("lies after the making of the list" in each.refusal.detail for each in unread(records))


# --- departure and loading lists -------------------------------------------------------------------------------------


def test_a_wrong_check_digit_is_remarked_and_the_fact_kept() -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 3, 3, "QZXU4011131")))
    (event,) = [e for e in said(records, "link.wagon_loaded") if e.data["containers"] == ["QZXU4011131"]]
    assert any("check digit" in remark.text for remark in event.remarks)
    assert not unread(records)


def test_a_total_that_differs_from_the_rows_is_remarked() -> None:
    for row, column, value, words in (
        (6, 3, "5箱/6TEU", "tells 5 boxes, and the rows name 4"),
        (6, 3, "4箱/8TEU", "tells 8 TEU, and the rows name 6"),
        (6, 2, "4车", "tells 4 wagons, and the rows name 3"),
        (6, 6, 50.0, "add up to 46.747"),
    ):
        content = xlsx(changed(DEPARTURE, row, column, value))
        texts = [remark.text for remark in format_named("departure_list").read(content, OPERATOR).remarks]
        assert any(words in each for each in texts), texts
    assert not format_named("departure_list").read(xlsx(DEPARTURE), OPERATOR).remarks


def test_a_box_on_two_wagons_is_read_once_and_told() -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 4, 3, "QZXU4011130")))
    (failed,) = unread(records)
    assert "stands on CN/5480117 at Sheet1!4 and on CN/5480118 here" in failed.refusal.detail


def test_a_row_that_cannot_be_read_leaves_the_others_and_is_remarked_at_the_train() -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 4, 3, "见备注")))
    (failed,) = unread(records)
    assert failed.refusal.pointer == "Sheet1!D5"
    (composed,) = said(records, "link.train_composed")
    assert "could not be read" in composed.remarks[0].text


def test_a_cancelled_line_is_passed_over() -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 4, 8, "取消")))
    assert [each.reason for each in passed(records) if "cancelled" in each.reason] == ["a cancelled line"]
    assert len(said(records, "link.wagon_loaded")) == 2


@pytest.mark.parametrize("remark", ["取消查验", "снята старая пломба", "装车未超载", "cancellation fee paid"])
def test_a_remark_that_only_sounds_like_it_takes_no_line_back(remark: str) -> None:
    assert len(said(read("departure_list", xlsx(changed(DEPARTURE, 4, 8, remark))), "link.wagon_loaded")) == 3


@pytest.mark.parametrize(
    "remark", ["取消", "客户退舱", "已取消", "作废", "未装", "отменён", "снят с отправки", "Cancelled"]
)
def test_words_that_take_a_line_back(remark: str) -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 4, 8, remark)))
    assert len(said(records, "link.wagon_loaded")) == 2
    assert not unread(records)


def test_without_station_or_number_the_train_is_not_named_but_the_boxes_are_loaded() -> None:
    rows = changed(changed(DEPARTURE, 0, 0, "发车清单"), 1, 0, None)
    records = read("departure_list", xlsx(rows))
    assert len(said(records, "link.wagon_loaded")) == 3
    assert not said(records, "link.train_composed")
    (failed,) = unread(records)
    assert "its number" in failed.refusal.detail
    assert "its first station" in failed.refusal.detail


def test_gate_times_seals_and_bookings_in_a_departure_list_are_said() -> None:
    rows = (
        ("X8999次发车清单",),
        ("发站：西安国际港", "发车时间：2026-03-01 08:30"),
        ("车号", "箱号", "封号", "毛重(kg)", "入场日期", "入场时间", "舱位号", "运单号"),
        ("5480117", "QZXU4011130", "260103", 11256, "2026-02-27", "14:05", "B-1", "SX2603017001"),
        ("5480118", "QZXU4012501", "260110", 8190, "2026-02-27", None, "B-2", "SX2603017002"),
    )
    chosen = choosing(OPERATOR, "departure_list", note__form="smgs")
    records = read("departure_list", xlsx(rows), chosen)
    (gated,) = said(records, "movement.gated_in")
    assert (gated.data["happened"], gated.data["seals"], gated.data["gross_weight_kg"]) == (
        "2026-02-27T14:05:00+08:00", ["260103"], 11256,
    )  # fmt: skip
    assert [each.refusal.pointer for each in unread(records)] == ["Sheet1!E5"], "a day is no gate time"
    assert [e.data["carries"][0]["id"] for e in said(records, "link.containers_assigned")] == [
        "xianport/B-1",
        "xianport/B-2",
    ]
    assert said(records, "link.note_covers")[0].data["note"] == "SMGS/CN/XAY/SX2603017001/2026"
    assert {e.time for e in said(records)} == {"2026-03-01T08:30:00+08:00"}, (
        "made at the latest time that it tells"
    )


def test_a_list_made_before_the_train_left_tells_a_plan() -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 7, 0, "制表时间：2026/3/1 7:00")))
    (departed,) = said(records, "movement.departed")
    assert departed.data["classifier"] == "PLN"
    assert "planned" in departed.id
    assert departed.remarks


def test_a_day_of_making_is_as_late_as_the_latest_fact_of_that_day() -> None:
    records = read("departure_list", xlsx(changed(DEPARTURE, 7, 0, "制表日期：2026/3/1")))
    assert {event.time for event in said(records)} == {"2026-03-01T08:30:00+08:00"}
    assert said(records, "movement.departed")[0].data["classifier"] == "ACT"


def test_two_times_of_departure_above_a_table_are_told_and_one_may_be_set_aside() -> None:
    rows = changed(DEPARTURE, 1, 2, "发运日期：2026-03-02 08:30")
    assert any(
        "both give train.actualDeparture and differ" in e.refusal.detail
        for e in unread(read("departure_list", xlsx(rows)))
    )
    chosen = choosing(OPERATOR, "departure_list", 发运日期="")
    assert events(read("departure_list", xlsx(rows), chosen)) == events(
        read("departure_list", xlsx(DEPARTURE))
    )


def test_a_column_may_have_a_clock_of_its_own_by_its_label_or_its_meaning() -> None:
    for key in ("departure_list.发车时间", "departure_list.train.actualDeparture"):
        records = read("departure_list", xlsx(DEPARTURE), replace(OPERATOR, zones={key: MOSCOW}))
        (departed,) = said(records, "movement.departed")
        assert departed.data["happened"] == "2026-03-01T08:30:00+03:00"
        assert departed.time == "2026-03-01T09:05:00+08:00"


LOADING: Rows = (
    ("装车清单", None, "装车时间：2026-02-28 22:10"),
    ("发站：西安国际港", "制表时间：2026-02-28 22:40"),
    ("车号", "箱号", "箱型"),
    ("5480117", "QZXU4011130", "40HC"),
    (None, "QZXU4012501", "20GP"),
)


def test_a_loading_list_says_what_stands_on_its_wagon_and_no_train() -> None:
    content = xlsx(LOADING)
    assert best(content) == "loading_list"
    records = read("loading_list", content)
    (link,) = said(records, "link.wagon_loaded")
    assert (link.data["containers"], link.data["from"]) == (
        ["QZXU4011130", "QZXU4012501"],
        "2026-02-28T22:10:00+08:00",
    )
    (loaded,) = said(records, "movement.loaded_on_wagon")
    assert (loaded.data["classifier"], loaded.data["happened"]) == ("ACT", "2026-02-28T22:10:00+08:00")
    assert not said(records, "link.train_composed")
    assert not unread(records)


def test_a_loading_plan_links_nothing() -> None:
    records = read("loading_list", xlsx([("配载计划", None, "装车时间：2026-03-01 06:00"), *LOADING[1:]]))
    assert not said(records, "link.wagon_loaded")
    (planned,) = said(records, "movement.loaded_on_wagon")
    assert (planned.data["classifier"], planned.data["remark"]) == ("PLN", "planned on wagon CN/5480117")


def test_a_departure_list_in_english_and_one_in_russian_read_alike() -> None:
    english = (
        ("Departure list", None, "Date of issue: 2026-03-01 09:05"),
        ("Train No: X8999", "Origin station: Xi'an", "Departed: 2026-03-01 08:30"),
        ("Wagon No", "Container No.", "Seal No."),
        ("5480117", "QZXU4011130", 260103),
    )
    russian = (
        ("Список отправленных контейнеров", None, "Дата составления: 01.03.2026 09:05"),
        ("Поезд № X8999", "Станция отправления: Сиань", "Дата и время отпр. поезда: 01.03.2026 08:30"),
        ("№ вагона", "№ контейнера", "№ пломбы"),
        ("5480117", "QZXU4011130", 260103),
    )
    one, other = (
        {id: (kind, time, {k: v for k, v in data.items() if k != "happened_as_written"}) for id, (kind, time, data) in events(
            read("departure_list", xlsx(rows))
        ).items()}
        for rows in (english, russian)
    )  # fmt: skip
    assert one == other
    assert len(one) == 3


# --- consists --------------------------------------------------------------------------------------------------------


def test_a_chinese_consist_makes_the_train_of_its_wagons() -> None:
    rows = (
        ("列车编组顺序表（运统1）", None, "编制时间：2026-03-01 08:10"),
        ("车次：X8999", "编组站：西安国际港", "发车时间：2026-03-01 08:30"),
        ("顺序", "车种", "车号", "自重", "换长", "载重", "到站", "品名", "记事"),
        (1, 2, 3, 4, 5, 6, 7, 8, 9),
        (1, "X70", 5480117, 22.4, 1.3, 24.0, "阿拉山口", "集装箱", None),
        (2, "X70", 5480118, 22.4, 1.3, 24.0, "阿拉山口", "集装箱", None),
        (2, "X70", 5480118, 22.4, 1.3, 24.0, "阿拉山口", "集装箱", None),
        (3, "X70", 548, 22.4, 1.3, 24.0, "阿拉山口", "集装箱", None),
    )
    content = xlsx(rows)
    assert best(content) == "consist_cn"
    records = read("consist_cn", content, RAILWAY)
    (composed,) = said(records, "link.train_composed")
    assert composed.data["wagons"] == ["CN/5480117", "CN/5480118"]
    assert composed.data["train"] == "cr/X8999/2026-03-01/railnet:xian-intl-port"
    assert said(records, "movement.departed")[0].data["happened"] == "2026-03-01T08:30:00+08:00"
    (failed,) = unread(records)
    assert "3 digits" in failed.refusal.detail
    assert {each.reason.split(":")[0] for each in passed(records)} == {
        "the numbers of the columns",
        "wagon CN/5480118 stands above",
    }


def test_a_natural_list_may_name_its_station_of_formation_alone() -> None:
    rows = (
        ("НАТУРНЫЙ ЛИСТ",),
        (
            "Поезд №",
            "1402",
            "Ст. назначен.",
            "1302",
            "Ст. формиров.",
            "7085",
            "Дата отправления",
            "04.03.2026 02:47",
        ),
        ("№ п/п", "№ вагона", "Вес груза, т", "Прим."),
        (1, 94617131, "27,1", "КТК"),
    )
    records = read("natural_list", xlsx(rows), KTZ)
    (composed,) = said(records, "link.train_composed")
    assert composed.data["train"] == "ktz/1402/2026-03-04/esr:708507"


# --- hand-over lists -------------------------------------------------------------------------------------------------

HANDOVER: Rows = (
    ("货物交接单 № 77",),
    ("交付站：阿拉山口", "接收站：多斯特克", "交接时间：2026-03-03 23:40"),
    ("运单号", "准轨车号", "宽轨车号", "箱号", "原封号", "换封号", "货损记录号", "换装时间", "备注"),
    ("SX1", "5480117", "94617131", "QZXU4011130", "1", None, None, "2026-03-04 00:00", None),
    ("SX2", "5480118", "94617131", "QZXU4012501", "2", None, "9", "2026-03-04 00:07", None),
    ("共计", None, None, "2箱"),
)


def test_an_act_that_tells_nothing_is_not_read_silently() -> None:
    (failed,) = unread(read("border_handover", xlsx(HANDOVER), RAILWAY))
    assert "Act 9 is named" in failed.refusal.detail


@pytest.mark.parametrize(
    ("words", "types"),
    [
        ("箱体左侧凹陷", ["damaged"]),
        ("вмятина слева", ["damaged"]),
        ("外观完好，无货损", []),
        ("без повреждений", []),
    ],
)
def test_an_act_tells_damage_only_where_its_words_do(words: str, types: list[str]) -> None:
    records = read("border_handover", xlsx(changed(HANDOVER, 4, 8, words)), RAILWAY)
    assert [e.type.split(".")[2] for e in said(records) if "damaged" in e.type] == types
    assert bool(unread(records)) is not bool(types)


def test_an_act_may_be_about_a_seal_and_about_damage() -> None:
    rows = changed(changed(HANDOVER, 4, 8, "海关查验破封后换封，箱门变形"), 4, 5, "KZ1")
    records = read("border_handover", xlsx(rows), RAILWAY)
    assert said(records, "movement.damaged")[0].data["concerns"] == "CONTAINER"
    assert said(records, "movement.seal_broken")[0].data["cause"] == "FOUND_BROKEN"
    assert said(records, "movement.resealed")[0].data["seals"] == ["KZ1"]


@pytest.mark.parametrize(
    ("row", "column", "value", "why"),
    [
        (3, 3, "没有", "1 rows could not be read"),
        (5, 3, "3箱", "tells 3 containers and its rows name 2"),
        (3, 1, "548", "1 rows could not be read"),
    ],
)
def test_the_set_of_a_hand_over_is_whole_or_withheld(row: int, column: int, value: str, why: str) -> None:
    records = read("border_handover", xlsx(changed(HANDOVER, row, column, value)), RAILWAY)
    assert not said(records, "movement.handed_over")
    assert any("withheld" in each.refusal.detail and why in each.refusal.detail for each in unread(records))


def test_a_stranger_to_the_border_has_to_declare_its_side() -> None:
    records = read("border_handover", xlsx(HANDOVER), OPERATOR.__class__("agent", BEIJING))
    (failed,) = unread(records)
    assert "which side speaks" in failed.refusal.detail
    chosen = choosing(Settings("agent", BEIJING), "border_handover", side="receiving")
    (handed,) = said(read("border_handover", xlsx(HANDOVER), chosen), "movement.handed_over")
    assert (handed.data["side"], handed.data["counterparty"]) == ("RECEIVING", "cr")


def test_eastbound_the_sides_and_gauges_are_swapped() -> None:
    rows = changed(changed(HANDOVER, 1, 0, "交付站：多斯特克"), 1, 1, "接收站：阿拉山口")
    records = read("border_handover", xlsx(rows), RAILWAY)
    (handed,) = said(records, "movement.handed_over")
    assert (handed.data["side"], handed.data["counterparty"]) == ("RECEIVING", "ktz")
    assert {(e.data["gauge_from"], e.data["gauge_to"]) for e in said(records, "movement.transshipped")} == {
        (1520, 1435)
    }


def test_a_transmission_list_of_the_1520_side_links_its_wagons_from_the_hand_over() -> None:
    rows = (
        ("ПЕРЕДАТОЧНАЯ ВЕДОМОСТЬ № 12",),
        (
            "Станция передающая: Озинки (628406)",
            "Станция принимающая: Семиглавый Мар",
            "Дата передачи: 10.03.2026 14:05",
        ),
        ("Накладная", "№ вагона", "Станция назначения", "Контейнер", "Масса"),
        ("ЭФ038927", "94617131", "Ворсино", "QZXU4011130; QZXU4012501", 20000),
    )
    records = read("border_handover", xlsx(rows), Settings("rzd", MOSCOW, "rzd"))
    (handed,) = said(records, "movement.handed_over")
    assert (handed.data["place"], handed.data["side"]) == ("crossing:ozinki-semiglavy-mar", "DELIVERING")
    (link,) = said(records, "link.wagon_loaded")
    assert (link.data["from"], "to" in link.data) == ("2026-03-10T14:05:00+03:00", False)
    assert not said(records, "movement.transshipped")


# --- customs receipts ------------------------------------------------------------------------------------------------

GACC: Rows = (
    ("海关回执导出",),
    ("报关单号", "回执状态代码", "回执状态", "回执时间", "箱号"),
    ("902620260001234567", "F", "放行(交单)", "2026-02-27 10:11:12", "QZXU4011130"),
    ("902620260001234567", "L", "海关入库", "2026-02-27 09:00", None),
    ("902620261001234568", "025", "放行", "2026/2/27 9:30", None),
    ("902620260001234569", "T", "需交税费", "2026-02-27 09:00", None),
    ("902620260001234569", "J", None, "2026-02-27 09:00", None),
    ("902620260001234570", None, "已放行", "2026-02-27 09:00", None),
    ("902620260001234570", "F", "放行(交单)", "2026-02-27", None),
    ("9.02620E+17", "P", "已放行", "2026-02-27 09:00", None),
    ("902620260001234571", "H", "挂起", "2026-02-27 09:00", None),
)


@pytest.mark.parametrize("content", [xlsx(GACC), text(GACC, "gb18030")], ids=["xlsx", "gb18030"])
def test_receipts_of_chinese_customs(content: bytes) -> None:
    assert best(content) == "gacc_receipts"
    records = read("gacc_receipts", content, Settings("broker", BEIJING))
    found = {
        (e.data["objects"][0]["id"][-4:], e.type, e.data.get("procedure"), e.time[11:16])
        for e in said(records)
    }
    assert found == {
        ("4567", "cre.customs.released.v1", "EXPORT", "10:11"),
        ("4567", "cre.customs.export_lodged.v1", None, "09:00"),
        ("4568", "cre.customs.released.v1", "IMPORT", "09:30"),
        ("4570", "cre.customs.released.v1", "EXPORT", "09:00"),
        ("4571", "cre.customs.held.v1", None, "09:00"),
    }
    released = said(records, "customs.released")[0].data
    assert (released["remark"], released["procedure_office"]) == ("F 放行(交单)", "9026")
    assert released["objects"][1] == {"kind": "container", "id": "QZXU4011130"}
    assert any(each.reason.startswith("T 需交税费: in process") for each in passed(records))
    details = [each.refusal.detail for each in unread(records)]
    assert any("'J' means different things" in detail for detail in details)
    assert any("lost its last digits" in detail for detail in details)
    assert any("is a day" in detail for detail in details)
    assert len(details) == 3


def test_a_declaration_number_kept_as_a_number_has_lost_its_digits() -> None:
    rows = changed(GACC, 2, 0, 902620260001234567)
    details = [
        each.refusal.detail
        for each in unread(read("gacc_receipts", xlsx(rows[:3]), Settings("broker", BEIJING)))
    ]
    assert details == ["The declaration number was kept as a number and lost its last digits."]


def test_a_contradicting_code_is_read_once_the_partner_declares_it() -> None:
    chosen = choosing(Settings("broker", BEIJING), "gacc_receipts", **{"code:J": "held:PAYMENT"})
    held = said(read("gacc_receipts", xlsx(GACC), chosen), "customs.held")
    assert {e.data["reason"] for e in held} == {"PAYMENT", "OTHER"}
    wrong = choosing(Settings("broker", BEIJING), "gacc_receipts", **{"code:J": "vanished"})
    assert any(
        "'vanished', which is no event" in each.refusal.detail
        for each in unread(read("gacc_receipts", xlsx(GACC), wrong))
    )


EAEU: Rows = (
    ("Рег. номер ДТ", "Номер ТД", "Код решения", "Решение", "Дата решения", "Процедура"),
    ("10702070/050326/5000123", None, "10", "Выпуск товаров разрешен", "05.03.2026 14:20", "ИМ 40"),
    ("10702070/050326/5000124", None, "90", None, "05.03.2026 14:21", "ЭК 10"),
    (None, "10702070/050326/5000125", "10", None, "05.03.2026 14:22", None),
    ("55301/050326/0000124", None, "20", None, "05.03.2026 14:23", None),
    ("10702070/050326/5000126", None, "31", None, "05.03.2026 14:24", None),
    ("10702070/050326/5000127", None, None, "Назначен таможенный досмотр", "05.03.2026 14:25", None),
    ("10702070/310226/5000128", None, "10", None, "05.03.2026 14:26", None),
)


def test_decisions_of_the_eurasian_union() -> None:
    content = text(EAEU, "cp1251", ";")
    assert best(content) == "eaeu_receipts"
    settings = Settings("fcs", MOSCOW)
    records = read("eaeu_receipts", content, settings)
    found = {
        (e.data["objects"][0]["id"], e.type.split(".")[2], e.data.get("procedure")) for e in said(records)
    }
    assert found == {
        ("RU/10702070/050326/5000123", "released", "IMPORT"),
        ("RU/10702070/050326/5000124", "rejected", None),
        ("RU/10702070/050326/5000125", "transit_opened", "EAEU"),
        ("RU/10702070/050326/5000127", "selected_for_inspection", None),
    }
    details = [each.refusal.detail for each in unread(records)]
    assert any("five digits" in detail for detail in details)
    assert any("'31' is not known" in detail for detail in details)
    assert any("day 310226" in detail for detail in details)
    express = choosing(settings, "eaeu_receipts", system="eaeu-express", jurisdiction="KZ")
    held = said(read("eaeu_receipts", content, express), "customs.held")
    assert [(e.data["reason"], e.data["jurisdiction"]) for e in held] == [("PAYMENT", "KZ")]


def test_no_kind_reads_what_has_not_its_columns() -> None:
    plain = text((("Name", "Town"), ("A", "B")))
    assert {each.recognise(plain) for each in FORMATS} == {0}
    assert railnet.zone("Asia/Almaty").key == "Asia/Almaty"
    assert KTZ.zone.key == "Europe/Moscow"
