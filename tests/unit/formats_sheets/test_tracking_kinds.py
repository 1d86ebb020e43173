"""Lists of where boxes and wagons are: tracing sheets, dislocation reports, gate lists, and the telegram of a natural list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas import railnet
from schemas.reasons import Reason, Refusal
from services.producers.formats.model import Settings
from services.producers.formats.sheets import FORMATS
from services.producers.formats.sheets.sightings import gauges
from tests.unit.formats_sheets.test_kinds import best, changed, choosing
from tests.unit.formats_sheets.workbooks import (
    BEIJING,
    KTZ,
    MOSCOW,
    Rows,
    passed,
    read,
    said,
    text,
    unread,
    xlsx,
)

FORWARDER = Settings("hanse", BEIJING)
CLIENT = Settings("hanse", MOSCOW)
TERMINAL = Settings("xadepot", BEIJING)


def types(records: object) -> list[str]:
    return [event.type.removeprefix("cre.").removesuffix(".v1") for event in said(records)]  # type: ignore[arg-type]


# --- tracing sheets --------------------------------------------------------------------------------------------------

TRACING: Rows = (
    ("中欧班列运踪表", None, "更新日期：2026-03-05 18:00"),
    ("箱号", "班列号", "到站", "当前站", "动态", "动态时间", "外方车号", "剩余公里"),
    ("QZXU4011130", "WB999", "马拉舍维奇", "阿拉山口", "到达口岸", "2026-03-03 20:15", None, None),
    ("QZXU4011130", "WB999", "马拉舍维奇", "多斯特克", "已换装", "2026-03-04 10:30", "94630183", 5100),
    ("QZXU4012501", "WB999", "马拉舍维奇", "阿克套以东", "在途", "2026-03-05 11:00", None, None),
    ("XJQU7300214", "WB999", "马拉舍维奇", "多斯特克", "待换装", "2026-03-05 09:00", None, None),
    ("QVYU2055178", "WB999", "马拉舍维奇", "多斯特克", "预计换装", "2026-03-06 09:00", None, None),
    ("QVYU2056549", "WB999", "马拉舍维奇", "多斯特克", "换装发车", "2026-03-05 09:00", None, None),
    ("LYCU4100620", "WB999", "马拉舍维奇", "马拉舍维奇", "到达", "2026/3/5", None, None),
)


def test_a_tracing_sheet_says_what_its_words_say_and_nothing_that_is_only_expected() -> None:
    content = xlsx(TRACING)
    assert best(content) == "tracing"
    records = read("tracing", content, FORWARDER)
    assert types(records) == ["movement.arrived", "movement.transshipped", "movement.position_reported"]
    arrived, lifted, waiting = said(records)
    assert arrived.data == {
        "classifier": "ACT",
        "happened": "2026-03-03T20:15:00+08:00",
        "happened_as_written": "2026-03-03 20:15",
        "place": "railnet:alashankou",
        "objects": [{"kind": "container", "id": "QZXU4011130"}],
        "remark": "到达口岸; train WB999",
    }
    assert (lifted.data["gauge_from"], lifted.data["gauge_to"]) == (1435, 1520)
    assert "1520 wagon 94630183; train WB999; km left 5100" in lifted.data["remark"]
    assert waiting.data["remark"].startswith("待换装"), "the box is there, and is not lifted yet"
    assert {event.time for event in said(records)} == {"2026-03-05T18:00:00+08:00"}
    assert [each.reason for each in passed(records)] == ["预计换装: expected, not happened"]
    details = [each.refusal.detail for each in unread(records)]
    assert len(details) == 3
    assert any("place of the row is not known" in detail for detail in details)
    assert any("'换装发车' is not known, or says several things" in detail for detail in details)
    assert any("is a day, and it needs the time of day" in detail for detail in details)


def test_words_of_a_partner_are_declared_and_days_alone_too() -> None:
    chosen = choosing(FORWARDER, "tracing", **{"status:换装发车": "departed", "day.alone": "start"})
    records = read("tracing", xlsx(TRACING), chosen)
    assert "movement.departed" in types(records)
    assert "movement.arrived_at_destination" in types(records), "arrived where the cargo goes"
    none = choosing(FORWARDER, "tracing", **{"status:换装发车": "none"})
    assert "换装发车: declared as none" in [
        each.reason for each in passed(read("tracing", xlsx(TRACING), none))
    ]
    wrong = choosing(FORWARDER, "tracing", **{"status:换装发车": "flown"})
    assert any("换装发车" in each.refusal.detail for each in unread(read("tracing", xlsx(TRACING), wrong)))


def test_what_lies_after_the_list_has_not_happened() -> None:
    early = changed(TRACING, 0, 2, "更新日期：2026-03-03 21:00")
    records = read("tracing", xlsx(early), FORWARDER)
    assert types(records) == ["movement.arrived"]
    assert any("lies after the making of the list" in each.refusal.detail for each in unread(records))


DATED: Rows = (
    ("运踪 tracing",),
    ("箱号", "口岸", "到站", "中方交出日期", "外方换装日期", "外方车号", "目的地日期", "预计到达"),
    (
        "QZXU4011130", "阿拉山口/多斯特克", "马拉舍维奇", "2026-03-03 23:40", "2026-03-04 00:28", "94630183", None,
        "2026-03-14 12:00",
    ),
    ("QZXU4012501", "阿拉山口", "马拉舍维奇", "2026-03-03 23:40", None, None, "2026-03-13 08:00", None),
)  # fmt: skip


def test_columns_of_one_fact_each_are_said_with_their_own_times() -> None:
    content = xlsx(DATED)
    assert best(content) == "tracing"
    records = read("tracing", content, FORWARDER)
    told = {
        (event.data["objects"][0]["id"][:4], event.type.split(".")[2], event.data["classifier"])
        for event in said(records)
    }
    assert ("QZXU", "departed", "ACT") in told, "a forwarder tells the hand-over as the box's leaving"
    assert "movement.handed_over" not in types(records)
    arrived = said(records, "movement.arrived_at_destination")
    assert {(e.data["classifier"], e.data["place"]) for e in arrived} == {
        ("ACT", "railnet:malaszewicze"),
        ("EST", "railnet:malaszewicze"),
    }
    assert arrived[0].time == "2026-03-13T08:00:00+08:00", "no list is older than its latest fact"
    saying = choosing(FORWARDER, "tracing", wagons="say")
    placed = changed(DATED, 2, 1, "多斯特克")
    (link,) = said(read("tracing", xlsx(placed), saying), "link.wagon_loaded")
    assert link.data["wagon"] == "1520/94630183"
    assert link.data["from"] == "2026-03-04T00:28:00+08:00"
    assert not said(read("tracing", xlsx(placed), FORWARDER), "link.wagon_loaded"), (
        "a forwarder may not say it"
    )


def test_a_column_of_departures_is_the_boxs_own() -> None:
    rows: Rows = (
        ("运踪", "发站：西安国际港"),
        ("箱号", "发车时间", "动态", "动态时间", "当前站"),
        ("QZXU4011130", "2026-03-01 08:30", "到达", "2026-03-03 20:15", "阿拉山口"),
    )
    assert best(xlsx(rows)) == "tracing"
    left = said(read("tracing", xlsx(rows), FORWARDER), "movement.departed")[0]
    assert (left.data["place"], left.data["objects"][0]["kind"]) == ("railnet:xian-intl-port", "container")


def test_an_expected_arrival_is_an_estimate() -> None:
    early = [list(row) for row in DATED[:3]]
    early[0] = ["运踪 tracing", "更新日期：2026-03-05 18:00"]
    (estimate,) = said(read("tracing", xlsx(early), FORWARDER), "movement.arrived_at_destination")
    assert estimate.data["classifier"] == "EST"
    assert estimate.data["happened"] == "2026-03-14T12:00:00+08:00"


@pytest.mark.parametrize(
    "rows",
    [
        (
            ("Tracking, issued 2026-03-05 18:00",),
            ("Container No", "Event location", "Last event", "Event time", "Destination"),
            ("QZXU4011130", "Dostyk", "Transshipped", "2026-03-04 10:30", "Malaszewicze"),
        ),
        (
            ("运踪",),
            ("箱号", "当前位置", "运踪状态", "节点时间", "目的站"),
            ("QZXU4011130", "多斯特克", "换装完毕", "2026-03-04 10:30", "马拉舍维奇"),
        ),
    ],
)
def test_tracing_sheets_in_other_languages_say_the_same(rows: Rows) -> None:
    content = text(rows)
    assert best(content) == "tracing"
    (event,) = said(read("tracing", content, FORWARDER))
    assert event.type == "cre.movement.transshipped.v1"
    assert (event.data["place"], event.data["gauge_to"]) == ("railnet:dostyk", 1520)


@pytest.mark.parametrize(
    ("place", "destination", "direction", "change"),
    [
        ("dostyk", "malaszewicze", "", (1435, 1520)),
        ("dostyk", "xian-intl-port", "", (1520, 1435)),
        ("malaszewicze", "duisburg", "", (1520, 1435)),
        ("dostyk", None, "WEST", (1435, 1520)),
        ("dostyk", None, "EAST", (1520, 1435)),
        ("dostyk", None, "", None),
        ("duisburg", "malaszewicze", "", None),
    ],
)
def test_the_gauges_of_a_transfer(
    place: str, destination: str | None, direction: str, change: tuple[int, int] | None
) -> None:
    goal = None if destination is None else f"railnet:{destination}"
    assert gauges(f"railnet:{place}", goal, direction) == change


# --- dislocation reports ---------------------------------------------------------------------------------------------

DISLOCATION: Rows = (
    ("Справка о дислокации вагонов",),
    ("Дата отчета", "05.03.2026 18:00"),
    (
        "№ вагона", "Контейнер", "Станция назначения", "Операция", "Дата и время операции", "Станция операции",
        "Осталось км", "Прогноз прибытия (дней)", "Индекс поезда", "Простой на станции",
    ),
    ("94630183", "QZXU4011130; QZXU4012501", "МАЛАШЕВИЧЕ", "ПРИБЫТИЕ (20) ПРИБ", "04.03.2026 02:47", "ДОСТЫК (708507)", 1840, 3, "7085-017-1302", "0: 15: 18"),
    ("94617131", None, "МАЛАШЕВИЧЕ", "ОТПР", "04.03.2026 12:10", "ДОСТЫК (708507)", 1840, None, "Б/И", None),
    ("94617149", None, "МАЛАШЕВИЧЕ", "КОРВ", "04.03.2026 12:20", "ДОСТЫК (708507)", None, None, None, None),
    ("94617156", None, "МАЛАШЕВИЧЕ", "ИСКП исключение", "04.03.2026 12:21", "ДОСТЫК (708507)", None, None, None, None),
    ("94617164", None, "МАЛАШЕВИЧЕ", "БРОС (92)", "05.03.2026 04:00", "ДОСТЫК (708507)", None, None, None, None),
    ("94617172", "QVYU2055178", "МАЛАШЕВИЧЕ", "ОТЦЕПЛЕН, неисправность", "05.03.2026 05:00", "ДОСТЫК (708507)", None, None, None, None),
    ("94617180", None, "МАЛАШЕВИЧЕ", "ЗАЧИСЛЕН В БАЛАНС", "05.03.2026 06:00", "ДОСТЫК (708507)", None, None, None, None),
)  # fmt: skip


def test_a_dislocation_report_says_the_operation_of_its_boxes_or_wagons() -> None:
    content = xlsx(DISLOCATION)
    assert best(content) == "dislocation"
    records = read("dislocation", content, CLIENT)
    told = [(event.type.split(".")[2], [o["id"] for o in event.data["objects"]]) for event in said(records)]
    assert told == [
        ("arrived", ["QZXU4011130", "QZXU4012501"]),
        ("departed", ["1520/94617131"]),
        ("train_held", ["1520/94617164"]),
        ("wagon_broken", ["1520/94617172"]),
    ]
    first = said(records)[0]
    assert first.data["place"] == "esr:708507"
    assert first.data["happened"] == "2026-03-04T02:47:00+03:00", "Moscow time"
    assert first.time == "2026-03-05T18:00:00+03:00"
    assert "wagon 1520/94630183" in first.data["remark"]
    assert "index 7085-017-1302" in first.data["remark"]
    assert [each.reason.partition(": ")[2] for each in passed(records)] == [
        "a correction or exclusion of the record",
        "a correction or exclusion of the record",
    ]
    (unknown,) = unread(records)
    assert "ЗАЧИСЛЕН В БАЛАНС" in unknown.refusal.detail
    assert "status:ЗАЧИСЛЕН" in unknown.refusal.remedy


def test_a_report_of_containers_in_old_encoding_is_the_same_kind() -> None:
    rows: Rows = (
        ("Слежение за контейнерами", None, None, None, None),
        (
            "Номер контейнера",
            "Последняя операция",
            "Дата операции",
            "Станция текущей дислокации",
            "Ст. назнач.",
        ),
        ("QZXU4011130", "Прибытие на станцию назначения", "14.03.2026 09:20", "Малашевиче", "Малашевиче"),
        ("QZXU4012501", "Выгрузка", "14.03.2026 11:00", "Малашевиче", "Малашевиче"),
        ("XJQU7300214", "Выгрузка", "14.03.2026 11:00", "Достык (708507)", "Малашевиче"),
    )
    content = text(rows, "cp1251", ";")
    assert best(content) == "dislocation"
    records = read("dislocation", content, CLIENT)
    assert types(records) == ["movement.arrived_at_destination", "movement.unloaded"]
    assert [each.reason for each in passed(records)] == ["unloaded on the way, which is no event of its own"]


# --- gate lists ------------------------------------------------------------------------------------------------------

GATE: Rows = (
    ("集装箱进出场清单", None, None, "场站：西安国际港", None, "制表时间：2026-02-28 18:00"),
    ("箱号", "箱型", "空/重", "铅封号", "进场时间", "出场时间", "入场重量", "箱况", "车牌号"),
    ("QZXU4011130", "40HC", "重", "260103", "2026-02-27 08:15", None, 26980, "完好", "陕A12345"),
    ("QZXU4012501", "40HC", "空", None, None, "2026-02-27 09:00", None, "良好", "陕A54321"),
    ("XJQU7300214", "40HC", "E", None, "2026-02-27 10:30", None, None, "右侧箱壁凹陷", None),
    ("QVYU2055178", "20GP", "F", "260159", None, "2026-02-28 10:30", None, "？", None),
    ("QVYU2056549", "20GP", None, "260166", "2026-02-28 11:30", None, None, None, None),
    ("LYCU4100620", "20GP", None, None, "2026-02-28 11:40", None, None, None, None),
    ("LYCU4100636", "20GP", "重", None, None, None, None, None, None),
    ("LYCU4100641", "20GP", "重", None, "2026-03-01 09:00", None, None, None, None),
)


def test_a_gate_list_tells_full_from_empty_and_in_from_out() -> None:
    content = xlsx(GATE)
    assert best(content) == "gate_list"
    records = read("gate_list", content, TERMINAL)
    told = [(event.type.split(".")[2], event.data["objects"][0]["id"]) for event in said(records)]
    assert told == [
        ("gated_in", "QZXU4011130"),
        ("empty_released", "QZXU4012501"),
        ("empty_returned", "XJQU7300214"),
        ("damaged", "XJQU7300214"),
        ("gated_out", "QVYU2055178"),
        ("gated_in", "QVYU2056549"),
    ]
    first = said(records)[0]
    assert (first.data["seals"], first.data["gross_weight_kg"]) == (["260103"], 26980)
    assert first.data["place"] == "railnet:xian-intl-port"
    damaged = said(records, "movement.damaged")[0].data
    assert (damaged["severity"], damaged["concerns"], damaged["remark"]) == (
        "MINOR",
        "CONTAINER",
        "右侧箱壁凹陷",
    )
    assert "has a seal" in said(records)[-1].remarks[0].text
    assert not any("陕A" in str(event.data) for event in said(records)), "plates are personal data"
    details = [each.refusal.detail for each in unread(records)]
    assert any("not clear whether the box was full" in detail for detail in details)
    assert any("lies after the making of the list" in detail for detail in details)
    assert "a box that neither came in nor went out yet" in [each.reason for each in passed(records)]


def test_the_terminal_and_the_load_may_be_declared() -> None:
    rows: Rows = (
        ("Container No", "Gate-in date", "Gate-out date", "Seal No."),
        ("QZXU4011130", "2026-02-27 08:15", None, None),
    )
    (failed,) = unread(read("gate_list", text(rows), TERMINAL))
    assert "full" in failed.refusal.detail
    chosen = choosing(TERMINAL, "gate_list", load="full", terminal="locode:DEDUI")
    assert types(read("gate_list", text(rows), chosen)) == ["movement.gated_in"]
    half = choosing(TERMINAL, "gate_list", load="full")
    assert "which terminal" in unread(read("gate_list", text(rows), half))[0].refusal.detail


def test_a_russian_gate_list_with_a_column_of_emptiness() -> None:
    rows: Rows = (
        ("Приём/выдача контейнеров; Терминал: Ворсино", None, None, None),
        ("№ КТК", "Порожний", "Дата завоза", "Дата вывоза"),
        ("QZXU4011130", "да", "27.02.2026 08:15", None),
        ("QZXU4012501", "нет", None, "27.02.2026 09:15"),
    )
    content = xlsx(rows)
    assert best(content) == "gate_list"
    chosen = choosing(replace(TERMINAL, zone=MOSCOW), "gate_list", terminal="esr:183502")
    assert types(read("gate_list", content, chosen)) == ["movement.empty_returned", "movement.gated_out"]


# --- the telegram of a natural list ----------------------------------------------------------------------------------

TELEGRAM = """(:02 7085 1402 7085 017 1302 1 04 03 02 47 057 2310 0 0000 0 2:
01 94617131 1 074 13020 69321 0000 00 0 0000 02 02/00 13020 265
02 94630183 1 068 13020 69321 0000 00 0 0000 02 02/00 13020 240 КТК
03 94617149 1 000 13020 42103 0000 00 0 0000 00 00/02 13020 240
:)
"""


def test_a_telegram_is_a_natural_list() -> None:
    content = TELEGRAM.encode("cp1251")
    sure = {each.name: each.recognise(content) for each in FORMATS}
    assert max(sure, key=lambda each: sure[each]) == "natural_list"
    chosen = choosing(KTZ, "natural_list", year="2026")
    records = read("natural_list", content, chosen)
    assert types(records) == ["link.train_composed", "movement.departed"]
    composed, left = said(records)
    assert composed.data["train"] == "ktz/1402/2026-03-04/railnet:dostyk" or composed.data[
        "train"
    ].startswith("ktz/1402/2026-03-04/")
    assert composed.data["wagons"] == ["1520/94617131", "1520/94630183", "1520/94617149"]
    assert left.data["happened"] == "2026-03-04T02:47:00+03:00"
    assert left.data["happened_as_written"] == "04.03 02:47"
    listed = "НАТУРНЫЙ ЛИСТ;;;\r\nПоезд № 1402;Индекс поезда: 7085-017-1302;Дата и время отпр.: 04.03.2026 02:47;\r\n№ п/п;№ вагона;Вес груза, т;Контейнеры гр./пор.\r\n01;94617131;74;02/00\r\n02;94630183;68;02/00\r\n03;94617149;0;00/02\r\n"
    table = said(read("natural_list", listed.encode(), KTZ))
    assert [event.data["train"] for event in table if "train" in event.data] == [composed.data["train"]]


def test_a_telegram_names_no_year_and_nobody_guesses_one() -> None:
    records = read("natural_list", TELEGRAM.encode(), KTZ)
    assert not said(records)
    (failed,) = unread(records)
    assert failed.refusal.reason is Reason.INVALID_TIME
    assert "year" in failed.refusal.remedy


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (TELEGRAM.replace("\n:)", ""), "no end"),
        (TELEGRAM.replace("02 94630183", "04 94630183"), "not numbered in one order"),
        (
            TELEGRAM.replace("02 94630183 1 068 13020 69321 0000 00 0 0000 02 02/00 13020 240 КТК\n", ""),
            "not numbered",
        ),
        (TELEGRAM.replace("7085 017 1302", "7085"), "head of the telegram"),
    ],
)
def test_a_telegram_that_is_not_whole_is_refused(spoilt: str, says: str) -> None:
    with pytest.raises(Refusal, match=says) as caught:
        read("natural_list", spoilt.encode(), choosing(KTZ, "natural_list", year="2026"))
    assert caught.value.remedy


def test_the_order_may_count_from_the_tail() -> None:
    lines = TELEGRAM.split("\n")
    numbers = ("03", "02", "01")
    turned = "\n".join(
        [lines[0], *(n + line[2:] for n, line in zip(numbers, lines[1:4], strict=True)), *lines[4:]]
    )
    assert len(said(read("natural_list", turned.encode(), choosing(KTZ, "natural_list", year="2026")))) == 2


def test_a_place_of_the_1520_network_is_known() -> None:
    assert railnet.resolve("esr:708507") is not None
