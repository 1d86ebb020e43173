"""Lists of papers: orders to a port, consignment notes, and the status of an operator's boxes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.reasons import Refusal
from services.producers.formats.model import Settings
from tests.unit.formats_sheets.test_kinds import best, changed, choosing
from tests.unit.formats_sheets.test_tracking_kinds import types
from tests.unit.formats_sheets.workbooks import (
    BEIJING,
    MOSCOW,
    OPERATOR,
    Rows,
    passed,
    read,
    said,
    unread,
    xlsx,
)

PORT = Settings("vladfor", MOSCOW)

ORDER: Rows = (
    ("ПОРУЧЕНИЕ", None, None, "Дата составления: 20.02.2026 10:00"),
    ("НОМЕР ПОРУЧЕНИЯ", "P-77", None, "НОМЕР КОНОСАМЕНТА", None),
    ("НОМЕР КОНТЕЙНЕРА", "ISO КОД", "Пломба", "Наименование груза", "Число мест", "ТИП УПАКОВКИ", "ВЕС ГРУЗА, кг", "ВЕС ТАРЫ, кг", "Брутто груза с весом контейнера"),
    ("QZXU4011130\u00a0", "45G1", "260103", "Машины стиральные", 168, "поддоны", 11256, 3900, 17156),
    (None, None, None, "Запасные части", 20, "ящики", 2000, None, None),
    ("QZXU4012501", "40HC", "260110", "Лампы", 300, "ящики", 8191, 3850, 13000),
    ("Итого", None, None, None, 488, None, 21447, None, None),
)  # fmt: skip


def test_an_order_is_a_booking_of_its_boxes_over_several_lines_of_goods() -> None:
    content = xlsx(ORDER)
    assert best(content) == "port_order"
    records = read("port_order", content, PORT)
    assert types(records) == ["movement.booked", "link.containers_assigned"]
    booked, link = said(records)
    assert booked.data["objects"] == [{"kind": "booking", "id": "vladfor/P-77"}]
    assert booked.data["container_quantity"] == 2
    assert link.data["containers"] == ["QZXU4011130", "QZXU4012501"]
    (told,) = booked.remarks
    assert "12041 kg, the mass of the box is 13000 kg" in told.text
    assert not unread(records)


def test_lines_of_an_order_that_name_no_box_or_several_are_not_read() -> None:
    spoilt = changed(ORDER, 3, 0, None)
    assert "names no box" in unread(read("port_order", xlsx(spoilt), PORT))[0].refusal.detail
    double = changed(ORDER, 3, 0, "QZXU4011130 QVYU2055178")
    assert "several boxes" in unread(read("port_order", xlsx(double), PORT))[0].refusal.detail
    nameless = [list(row) for row in ORDER]
    nameless[1] = ["Заявка без номера"]
    with pytest.raises(Refusal):
        read("port_order", xlsx(nameless), PORT)


@pytest.mark.parametrize(
    "rows",
    [
        (
            ("Export order", "Issued: 2026-02-20 10:00"),
            ("Booking No", "Container No", "Description of Goods", "Package type", "Pcs", "Gross Weight", "Tare", "VGM", "B/L No"),
            ("P-77", "QZXU4011130", "Washing machines", "PALLETS", 168, 11256, 3900, 15156, "BL-1"),
        ),
        (
            ("出口委托书", "制表时间：2026-02-20 10:00"),
            ("委托单号", "箱号", "品名", "包装种类", "件数", "毛重(公斤)", "皮重", "VGM"),
            ("P-77", "QZXU4011130", "洗衣机", "托盘", 168, 11256, 3900, 15156),
        ),
    ],
)  # fmt: skip
def test_orders_in_other_languages(rows: Rows) -> None:
    content = xlsx(rows)
    assert best(content) == "port_order"
    records = read("port_order", content, PORT)
    assert types(records) == ["movement.booked", "link.containers_assigned"]
    assert not said(records)[0].remarks


# --- consignment notes -----------------------------------------------------------------------------------------------

NOTES: Rows = (
    ("铁路运单清单",),
    ("运单号", "发站", "到站", "车号", "箱号", "施封号", "件数", "毛重(公斤)", "制单日期", "委托书编号"),
    ("SX 2603 017001", "西安国际港（西）", "马拉舍维奇", "5480117", "QZXU4011130", "260103", 168, 11256, "2026-02-28 16:00", "B-1"),
    ("SX2603017002", "西安国际港（西）", "马拉舍维奇", "5480118", "QZXU4012501", "260110", 100, 8191, "2026-02-28 16:20", None),
    (None, None, None, None, "XJQU7300214", "260111", 50, 4000, None, None),
    ("SX2603017003", "西安国际港（西）", "马拉舍维奇", "5480119", "QVYU2055178", None, None, None, None, None),
)  # fmt: skip


def test_a_note_is_issued_under_its_whole_key_and_covers_its_booking() -> None:
    content = xlsx(NOTES)
    assert best(content) == "waybill_list"
    chosen = choosing(OPERATOR, "waybill_list", note__form="SMGS")
    records = read("waybill_list", content, chosen)
    assert types(records) == [
        "document.note_issued",
        "link.note_covers",
        "link.containers_assigned",
        "document.note_issued",
    ]
    first, covers, assigned, second = said(records)
    assert assigned.data["containers"] == ["QZXU4011130"]
    (note,) = first.data["objects"]
    assert note["id"].startswith("SMGS/CN/")
    assert note["id"].endswith("/SX2603017001/2026")
    assert covers.data == {
        "from": "2026-02-28T16:00:00+08:00",
        "note": note["id"],
        "covers": [{"kind": "booking", "id": "xianport/B-1"}],
    }
    assert (second.data["gross_weight_kg"], second.data["package_quantity"]) == (12191, 150)
    assert second.data["seals"] == ["260110", "260111"], "a blank number goes on with the note above"
    (failed,) = unread(records)
    assert "does not say when" in failed.refusal.detail


def test_without_a_form_a_number_is_no_key_and_a_domestic_waybill_never_is() -> None:
    records = read("waybill_list", xlsx(NOTES))
    assert types(records) == ["link.containers_assigned"], "the booking and its box need no note"
    assert any("note.form" in each.refusal.remedy for each in unread(records))
    chosen = choosing(OPERATOR, "waybill_list", note__form="DOMESTIC", wagons="say")
    records = read("waybill_list", xlsx(NOTES), chosen)
    assert types(records) == ["link.containers_assigned", "link.wagon_loaded", "link.wagon_loaded"]
    assert said(records)[2].data["containers"] == ["QZXU4012501", "XJQU7300214"]
    assert said(records)[1].data["remark"] == "note SX2603017001"


@pytest.mark.parametrize(
    "rows",
    [
        (
            ("Перечень накладных",),
            (
                "№ накладной",
                "Станция отправления",
                "Станция назначения",
                "Номер контейнера",
                "Дата накладной",
            ),
            ("7700123", "Достык (708507)", "Малашевиче", "QZXU4011130", "04.03.2026 12:00"),
        ),
        (
            ("Consignment notes",),
            ("Waybill No", "Station from", "Station to", "Container No", "Issue date"),
            ("7700123", "Dostyk", "Malaszewicze", "QZXU4011130", "2026-03-04 12:00"),
        ),
    ],
)
def test_lists_of_notes_in_other_languages(rows: Rows) -> None:
    content = xlsx(rows)
    assert best(content) == "waybill_list"
    chosen = choosing(replace(OPERATOR, zone=MOSCOW), "waybill_list", note__form="SMGS")
    (issued,) = said(read("waybill_list", content, chosen))
    assert issued.data["objects"][0]["id"].startswith("SMGS/KZ/")
    assert issued.data["happened"] == "2026-03-04T12:00:00+03:00"


# --- the status of an operator's boxes -------------------------------------------------------------------------------

STATUS: Rows = (
    ("集装箱状态表", "导出时间：2026-02-28 18:00", "发站：西安国际港"),
    ("班列编号", "舱位号", "箱号", "入场日期", "入场时间", "进站日期", "随车状态", "关务状态", "状态时间", "订舱组备注"),
    ("WB999", "B-1", "QZXU4011130", "2026-02-27", "08:15", None, "随车", "报关单放行", "2026-02-28 10:11", None),
    ("WB999", "B-2", "QZXU4012501", None, None, "2026-02-27 19:40", None, "报关单查验", None, None),
    ("WB999", "B-3", "XJQU7300214", None, None, None, None, "草单未出", None, None),
    ("WB999", "B-4", "QVYU2055178", "2026-02-27", None, None, None, "神秘", None, None),
    ("WB999", "B-5", "QVYU2056549", None, None, None, None, None, None, "退舱"),
)  # fmt: skip


def test_a_status_list_says_each_region_on_its_own() -> None:
    content = xlsx(STATUS)
    assert best(content) == "container_status"
    chosen = choosing(OPERATOR, "container_status", 状态时间="customs.statusTime")
    records = read("container_status", content, chosen)
    told = [
        (event.type.split(".", 1)[1].removesuffix(".v1"), event.id.split("/")[1]) for event in said(records)
    ]
    assert told == [
        ("movement.gated_in", "QZXU4011130"),
        ("customs.released", "QZXU4011130"),
        ("link.containers_assigned", "QZXU4011130"),
        ("movement.gated_in", "QZXU4012501"),
        ("link.containers_assigned", "QZXU4012501"),
        ("link.containers_assigned", "XJQU7300214"),
        ("link.containers_assigned", "QVYU2055178"),
    ]
    first, released = said(records)[:2]
    assert first.data["happened"] == "2026-02-27T08:15:00+08:00"
    assert released.data["happened"] == "2026-02-28T10:11:00+08:00"
    assert (released.data["procedure"], released.data["jurisdiction"]) == ("EXPORT", "CN")
    declared = [list(row) for row in STATUS]
    declared[1].append("报关单号")
    declared[2].append("902620260001234567")
    records = read("container_status", xlsx(declared), chosen)
    assert said(records, "customs.released")[0].data["objects"][0] == {
        "kind": "declaration",
        "id": "CN/902620260001234567",
    }
    assert best(xlsx(declared)) == "container_status"
    records = read("container_status", content, chosen)
    inspected = next(
        event for event in said(records) if event.id.split("/")[1] == "QZXU4012501" and "link" in event.type
    )
    assert "has no time of its own" in inspected.remarks[0].text, (
        "customs' own clock must not be contradicted"
    )
    details = [each.refusal.detail for each in unread(records)]
    assert any("is a day, and a gate-in needs" in detail for detail in details)
    assert any("'神秘' is not known" in detail for detail in details)
    assert [each.reason for each in passed(records)] == ["a cancelled line"]


@pytest.mark.parametrize(
    "rows",
    [
        (
            ("Container status, issued 2026-02-28 18:00", "Station from: Xi'an"),
            ("Booking No", "Container No", "Gate-in date", "Station-in date", "Papers"),
            ("B-1", "QZXU4011130", "2026-02-27 08:15", "2026-02-27 19:00", "ok"),
        ),
        (
            ("Статус контейнеров", "Дата составления: 28.02.2026 18:00"),
            ("Номер заявки", "Номер контейнера", "Дата завоза", "Дата прибытия на станцию", "Документы"),
            ("B-1", "QZXU4011130", "27.02.2026 08:15", "27.02.2026 19:00", "да"),
        ),
    ],
)
def test_status_lists_in_other_languages(rows: Rows) -> None:
    content = xlsx(rows)
    assert best(content) == "container_status"
    chosen = choosing(replace(OPERATOR, zone=BEIJING), "container_status", terminal="railnet:xian-intl-port")
    assert types(read("container_status", content, chosen)) == [
        "movement.gated_in",
        "link.containers_assigned",
    ]
