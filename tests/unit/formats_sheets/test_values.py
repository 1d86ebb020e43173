"""Dates, numbers, boxes, wagons, seals and stations as partners write them."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from schemas import railnet
from schemas.reasons import Reason, Refusal
from services.producers.formats.sheets import (
    customs_receipts,
    equipment,
    moments,
    places,
    quantities,
    train_consist,
)
from services.producers.formats.sheets.grid import Flaw, column_letters, column_of

BEIJING = railnet.zone("Asia/Shanghai")
NEAR = date(2026, 2, 20)


@pytest.mark.parametrize(
    ("written", "instant", "timed"),
    [
        ("2026/3/1 8:30", "2026-03-01T08:30:00+08:00", True),
        ("2026-03-01", "2026-03-01T00:00:00+08:00", False),
        ("2026.3.1", "2026-03-01T00:00:00+08:00", False),
        ("2026年3月1日", "2026-03-01T00:00:00+08:00", False),
        ("2026年3月1日 8时30分", "2026-03-01T08:30:00+08:00", True),
        ("2026年3月1日（周日）8:30", "2026-03-01T08:30:00+08:00", True),
        ("2026/3/1 下午2:05", "2026-03-01T14:05:00+08:00", True),
        ("3月1日", "2026-03-01T00:00:00+08:00", False),
        ("20260301", "2026-03-01T00:00:00+08:00", False),
        ("202603010830", "2026-03-01T08:30:00+08:00", True),
        ("04.03.2026 02:47:10", "2026-03-04T02:47:10+08:00", True),
        ("04.03.26", "2026-03-04T00:00:00+08:00", False),
        ("04.03.2026 02:47 мск", "2026-03-04T02:47:00+03:00", True),
        ("2026-03-03 23:40 (北京/Пекин)  =  03.03.2026 20:40 (Астана)", "2026-03-03T23:40:00+08:00", True),
        ("2026-03-01T08:30:00+05:00", "2026-03-01T08:30:00+05:00", True),
        ("2026-03-01T08:30:00Z", "2026-03-01T08:30:00Z", True),
        ("２０２６／３／１　８：３０", "2026-03-01T08:30:00+08:00", True),
        ("2026-03-01 24:00", "2026-03-02T00:00:00+08:00", True),
        ("13/04/2026", "2026-04-13T00:00:00+08:00", False),
        (46082.0, "2026-03-01T00:00:00+08:00", False),
        (46082.354166666664, "2026-03-01T08:30:00+08:00", True),
        (20260301.0, "2026-03-01T00:00:00+08:00", False),
        (date(2026, 3, 1), "2026-03-01T00:00:00+08:00", False),
        (datetime(2026, 3, 1, 8, 30), "2026-03-01T08:30:00+08:00", True),
    ],
)
def test_a_date_is_read_in_the_declared_zone(written: Any, instant: str, timed: bool) -> None:
    moment = moments.read(written, BEIJING, near=NEAR)
    assert (moment.instant, moment.timed) == (instant, timed)
    assert 0 < len(moment.written) <= 40


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("7-8月", "no date"),
        ("2026-03-01~03-05", "more than one date"),
        ("03/04/2026", "two days"),
        ("2026/2/30", "no day"),
        ("2026-03-01 25:10", "no time"),
        ("2026-03-03 23:40 (北京) = 03.03.2026 21:40 (Астана)", "not the same instant"),
        ("tomorrow", "no date"),
        (12.0, "no date"),
        (True, "no date"),
        (Flaw.UNCOMPUTED, "never computed"),
        ("1969-07-20", "1971"),
    ],
)
def test_what_is_no_one_date_is_refused_with_a_remedy(written: Any, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        moments.read(written, BEIJING, near=NEAR)
    assert refused.value.reason is Reason.INVALID_TIME
    assert words in refused.value.detail
    assert refused.value.remedy


def test_a_time_that_the_clock_shows_twice_or_never_is_refused() -> None:
    for written in ("2026-10-25 02:30", "2026-03-29 02:30"):
        with pytest.raises(Refusal, match="clocks change"):
            moments.read(written, railnet.zone("Europe/Warsaw"))
    assert moments.read("2026-10-25 02:30+01:00", railnet.zone("Europe/Warsaw")).instant.endswith("+01:00")


def test_a_date_without_a_year_takes_the_year_nearest_to_the_list() -> None:
    assert moments.read("12月30日", BEIJING, near=date(2026, 1, 3)).day == "2025-12-30"
    assert moments.read("1月2日", BEIJING, near=date(2025, 12, 30)).day == "2026-01-02"
    with pytest.raises(Refusal, match="no year"):
        moments.read("1月2日", BEIJING)


def test_days_may_count_from_1904() -> None:
    assert moments.read(44620.0, BEIJING, epoch_1904=True).day == moments.read(46082.0, BEIJING).day


@pytest.mark.parametrize(
    "clock", ["8:30", "08时30分", 0.3541666667, time(8, 30), datetime(1899, 12, 31, 8, 30)]
)
def test_the_time_of_day_may_stand_in_the_next_column(clock: Any) -> None:
    moment = moments.with_clock(moments.read("2026-03-01", BEIJING), clock, BEIJING)
    assert (moment.instant, moment.timed) == ("2026-03-01T08:30:00+08:00", True)
    with pytest.raises(Refusal, match="no time of day"):
        moments.with_clock(moments.read("2026-03-01", BEIJING), "morning", BEIJING)


@pytest.mark.parametrize(
    ("written", "unit", "kilograms"),
    [
        ("14,424.00 KGS", "kg", 14424),
        ("14.424,00", "kg", 14424),
        ("14,424", "kg", 14424),
        ("14,424", "t", 14424),
        ("20.448t", "", 20448),
        (11.256, "t", 11256),
        (11.256, "", 11256),
        (11256.0, "", 11256),
        ("１９８４０", "", 19840),
        ("27,1", "t", 27100),
        ("a lot", "kg", None),
        ("720/1150", "kg", None),
    ],
)
def test_masses_by_their_unit_and_their_marks(written: Any, unit: str, kilograms: int | None) -> None:
    assert quantities.kilograms(written, unit) == kilograms


def test_counts_and_sums_of_a_cell() -> None:
    assert quantities.whole("１６８件") == 168
    assert quantities.whole("1.5") is None
    assert quantities.numbers("14.060/13.240") == [Decimal("14.060"), Decimal("13.240")]
    assert quantities.plain(94617131.0) == "94617131"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("XJQU 730295-8", ["XJQU7302958"]),
        ("qzxu4011130", ["QZXU4011130"]),
        ("ＱＺＸＵ４０１１１３０", ["QZXU4011130"]),
        ("QZXU4O1113O", ["QZXU4011130"]),
        ("QVYU2055178\nQVYU2056549", ["QVYU2055178", "QVYU2056549"]),
        ("QVYU2055178、QVYU2056549", ["QVYU2055178", "QVYU2056549"]),
        ("QZXU4011130 45G1", ["QZXU4011130"]),
        ("QZXU4011130(甲)", ["QZXU4011130"]),
        ("TBJ1234567", ["TBJ1234567"]),
        (None, []),
    ],
)
def test_boxes_of_a_cell(written: Any, found: list[str]) -> None:
    assert equipment.boxes(written) == found


def test_a_booking_code_hides_no_box_and_a_wrong_check_digit_is_a_doubt() -> None:
    for text in ("DEMOCQ2603001-MLS", "箱号待报", "QZXU401113"):
        with pytest.raises(Refusal, match="no container number"):
            equipment.boxes(text)
    assert equipment.boxes("QZXU4011131") == ["QZXU4011131"]  # a wrong check digit is a remark on the event


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("X70 5480117", "CN/5480117"),
        ("X70/5480117", "CN/5480117"),
        (5480117.0, "CN/5480117"),
        (94617131.0, "1520/94617131"),
        ("94617131", "1520/94617131"),
        ("33 52 4956 134-1", "UIC/335249561341"),
    ],
)
def test_a_wagon_is_told_by_its_length(written: Any, found: str) -> None:
    assert equipment.wagon_of(written) == found


def test_wagons_in_doubt() -> None:
    assert equipment.wagon_of("94617130") == "1520/94617130"
    for written in ("X70", "5480117 5480118", 54801.0, "见备注"):
        with pytest.raises(Refusal):
            equipment.wagon_of(written)


def test_seals_of_a_cell() -> None:
    assert equipment.seals("260138/HS0007713") == (["260138", "HS0007713"], [])
    assert equipment.seals(260281.0) == (["260281"], [])
    assert equipment.seals("铅封 260159、260166") == (["260159", "260166"], [])
    assert equipment.seals("260159、260166；断") == (["260159", "260166"], ["断"])


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("马拉", "railnet:malaszewicze"),
        ("马拉舍维奇（波）", "railnet:malaszewicze"),
        ("西安国际港（西）", "railnet:xian-intl-port"),
        ("西安国际港 Сиань", "railnet:xian-intl-port"),
        ("阿拉山口/多斯特克", "crossing:alashankou-dostyk"),
        ("多斯特克 Достык (708507)", "esr:708507"),
        ("ДОСТЫК", "railnet:dostyk"),
        ("Małaszewicze", "railnet:malaszewicze"),
        ("7085", "esr:708507"),
        ("13020", "esr:130204"),
        (33004.0, "esr:033004"),
        (708507.0, "esr:708507"),
        ("CNXIA", "locode:CNXIA"),
        ("西安国际港 多斯特克", None),
        ("Kyoto", None),
        (None, None),
    ],
)
def test_stations_by_name_short_form_and_code(written: Any, place: str | None) -> None:
    assert places.find(written) == place


def test_names_of_two_stations_that_are_no_border_name_none() -> None:
    assert places.find("西安/马拉") is None
    assert places.find("708508") == "esr:708508", "a wrong check digit is kept as written"


@pytest.mark.parametrize(
    ("written", "index"),
    [
        ("7085-017-1302", ("7085", "017", "1302")),
        ("7085-17-1302", ("7085", "017", "1302")),
        ("70850-017-13020", ("7085", "017", "1302")),
        ("708507017130204", ("7085", "017", "1302")),
        ("237609052230008 (Ворсино+052+Достык)", ("2376", "052", "2300")),
        ("Б/И", None),
        ("", None),
    ],
)
def test_a_train_index_has_one_normal_form(written: str, index: tuple[str, str, str] | None) -> None:
    assert train_consist.index(written) == index


def test_every_customs_code_says_an_event_or_why_it_says_none() -> None:
    assert set(customs_receipts.systems()) >= {
        "gacc-channel",
        "gacc-qp",
        "eaeu-dt",
        "eaeu-express",
        "kz-keden",
    }
    released = {
        code
        for code in "ABCDEFGHIJKLMNOPQRSTUVWXYZ#"
        if (c := customs_receipts.by_code("gacc-channel", code)) and c.sure and c.effect == "released"
    }
    assert released == set("FIPBK"), "a release is taken from these channels only"
    assert customs_receipts.by_code("gacc-qp", "25") == customs_receipts.by_code("gacc-qp", "025")
    assert customs_receipts.by_code("eaeu-dt", "99") is None


def test_columns_have_letters() -> None:
    assert [column_letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert all(column_of(f"{column_letters(n)}7") == n for n in (0, 25, 26, 701, 702, 16_383))
