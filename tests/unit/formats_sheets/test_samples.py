"""One train told by four lists: each traps its reader, and all of them tell the same boxes on the same wagons."""

from __future__ import annotations

import re

from services.producers.formats.model import EventDraft
from services.producers.formats.sheets import FORMATS
from tests.unit.formats_sheets.workbooks import (
    KTZ,
    OPERATOR,
    RAILWAY,
    SAMPLES,
    events,
    format_named,
    passed,
    read,
    said,
    unread,
    walk,
)

BOOKINGS = (SAMPLES / "01_booking_list_zh.xlsx").read_bytes()
DEPARTURE = (SAMPLES / "02_departure_list_zh.xlsx").read_bytes()
NATURAL = (SAMPLES / "03_naturny_list_du1_cp1251.csv").read_bytes()
HANDOVER = (SAMPLES / "04_border_handover_zh_ru.xlsx").read_bytes()


def containers(event: EventDraft) -> set[str]:
    return {each["id"] for each in event.data["objects"] if each["kind"] == "container"}


def test_each_sample_is_recognised_as_what_it_is_and_as_nothing_else() -> None:
    for content, name in (
        (BOOKINGS, "booking_list"),
        (DEPARTURE, "departure_list"),
        (NATURAL, "natural_list"),
        (HANDOVER, "border_handover"),
    ):
        sure = {each.name: each.recognise(content) for each in FORMATS}
        assert max(sure, key=lambda each: sure[each]) == name, sure
        assert sure[name] >= 90
        assert all(sureness <= 40 for other, sureness in sure.items() if other != name), sure


def test_twelve_bookings_live_one_is_withdrawn_and_every_date_is_the_same_day() -> None:
    records = read("booking_list", BOOKINGS)
    booked = said(records, "movement.booked")
    assert len(booked) == 12
    assert not unread(records)
    assert {event.time for event in booked} == {"2026-02-20T00:00:00+08:00"}
    assert {re.search(r"2026-\d\d-\d\d", event.data["remark"])[0] for event in booked} == {"2026-03-01"}  # type: ignore[index]
    assert not said(records, "link.containers_assigned"), "a booking code is no container number"
    (cancelled,) = said(records, "movement.booking_cancelled")
    assert cancelled.data["objects"][0]["id"] == "xianport/DEMOCQ2603013-DUI"
    routes = said(records, "link.route_planned")
    assert {tuple(route.data["places"]) for route in routes} == {
        ("railnet:xian-intl-port", "railnet:alashankou", "railnet:malaszewicze"),
        ("railnet:xian-intl-port", "crossing:alashankou-dostyk", "railnet:malaszewicze"),
    }
    assert [each.reason.split(":")[0] for each in passed(records)] == [
        "a total",
        "a note",
        "a form without rows",
    ]


def test_a_total_that_was_never_computed_is_remarked() -> None:
    remarks = format_named("booking_list").read(BOOKINGS, OPERATOR).remarks
    assert sum("never computed" in remark.text for remark in remarks) == 2


def test_ten_wagons_carry_twelve_boxes_with_thirteen_seals() -> None:
    reading = format_named("departure_list").read(DEPARTURE, OPERATOR)
    records = walk(reading, OPERATOR)
    loaded = said(records, "link.wagon_loaded")
    assert len(loaded) == 10
    assert len({box for event in loaded for box in event.data["containers"]}) == 12
    seals = [
        seal
        for event in loaded
        for part in re.findall(r"seals ([^;]+)", event.data["remark"])
        for seal in part.split()
    ]
    assert len(seals) == 13
    assert "260103" in seals, "a seal kept as a number loses its decimal part"
    by_wagon = {event.data["wagon"]: event.data["containers"] for event in loaded}
    assert by_wagon["CN/5480502"] == ["QVYU2055178", "QVYU2056549"], "two boxes in a cell"
    assert by_wagon["CN/5480509"] == ["QVYU2059281", "QVYU2060657"], "a wagon merged over two rows"
    assert by_wagon["CN/5480388"] == ["XJQU7302958"], "a box with a blank and a hyphen"
    (composed,) = said(records, "link.train_composed")
    assert composed.data["train"] == "cr/X8999/2026-03-01/railnet:xian-intl-port"
    assert len(composed.data["wagons"]) == 10
    (departed,) = said(records, "movement.departed")
    assert departed.data["happened"] == "2026-03-01T08:30:00+08:00"
    assert departed.data["happened_as_written"] == "2026年3月1日 8时30分"
    assert {event.time for event in said(records)} == {"2026-03-01T09:05:00+08:00"}
    assert not unread(records)
    assert [str(remark.where) for remark in reading.remarks] == ["电子版!P6"], (
        "totals agree; the margin is remarked"
    )
    assert any("5480389" in each.reason for each in passed(records)), "a wagon changed in a note is shown"


def test_five_wagons_of_the_natural_list_make_the_train() -> None:
    records = read("natural_list", NATURAL, KTZ)
    (composed,) = said(records, "link.train_composed")
    assert composed.data["train"] == "ktz/1402/2026-03-04/esr:708507"
    assert composed.data["wagons"] == [
        "1520/94617131", "1520/94622404", "1520/94630183", "1520/94644556", "1520/94659018",
    ]  # fmt: skip
    (departed,) = said(records, "movement.departed")
    assert departed.data["happened"] == "2026-03-04T02:47:00+03:00"
    assert departed.data["remark"] == "index 7085-017-1302"
    assert not unread(records)


def test_the_hand_over_names_the_same_boxes_one_new_seal_and_one_damage() -> None:
    reading = format_named("border_handover").read(HANDOVER, RAILWAY)
    assert not reading.remarks, "every column is understood and the totals agree"
    taken = {each.label: (each.meaning, each.certainty) for each in reading.interpretations}
    assert taken["车次 Поезд No"] == ("train.operationalNumber", "read")
    assert taken["交接时间 Дата передачи"] == ("event.handoverDate", "own")
    assert "choice" not in {certainty for _, certainty in taken.values()}
    records = walk(reading, RAILWAY)
    assert not unread(records)
    (handed,) = said(records, "movement.handed_over")
    boxes = {
        box
        for event in said(read("departure_list", DEPARTURE), "link.wagon_loaded")
        for box in event.data["containers"]
    }
    assert containers(handed) == boxes
    assert handed.data["happened"] == "2026-03-03T23:40:00+08:00"
    assert handed.data["place"] == "crossing:alashankou-dostyk"
    assert (handed.data["side"], handed.data["counterparty"]) == ("DELIVERING", "ktz")
    assert handed.data["occurrence"] == handed.data["list_number"] == "26-0304-02"
    assert handed.data["remark"] == "trains X8999 / 1402"
    (resealed,) = said(records, "movement.resealed")
    assert (containers(resealed), resealed.data["seals"], resealed.data["remark"]) == (
        {"XJQU7300214"},
        ["KZ7701234"],
        "act 14",
    )
    (broken,) = said(records, "movement.seal_broken")
    assert (broken.data["cause"], broken.data["seals"]) == ("OPENED_BY_CUSTOMS", ["260131"])
    (damaged,) = said(records, "movement.damaged")
    assert (containers(damaged), damaged.data["concerns"]) == ({"QVYU2055178"}, "CONTAINER")
    assert len(said(records, "movement.transshipped")) == 12
    links = said(records, "link.wagon_loaded")
    ends = {link.data.get("to") for link in links if link.data["wagon"].startswith("CN/")}
    starts = {link.data["from"] for link in links if link.data["wagon"].startswith("1520/")}
    assert ends == starts, "a box leaves its old wagon when it stands on the new one"
    assert {link.data["wagon"] for link in links if link.data["wagon"].startswith("1520/")} == set(
        said(read("natural_list", NATURAL, KTZ), "link.train_composed")[0].data["wagons"]
    )


def test_the_receiving_railway_tells_its_own_side_of_the_same_list() -> None:
    (handed,) = said(read("border_handover", HANDOVER, KTZ), "movement.handed_over")
    assert (handed.data["side"], handed.data["counterparty"]) == ("RECEIVING", "cr")
    assert handed.data["happened"] == "2026-03-03T23:40:00+08:00", (
        "the zone beside the time beats the declared one"
    )
    assert any("were taken as Europe/Moscow" in remark.text for remark in handed.remarks), (
        "the rows name none"
    )


def test_reading_twice_says_the_same() -> None:
    for name, content, settings in (
        ("booking_list", BOOKINGS, OPERATOR),
        ("departure_list", DEPARTURE, OPERATOR),
        ("natural_list", NATURAL, KTZ),
        ("border_handover", HANDOVER, RAILWAY),
    ):
        assert events(read(name, content, settings)) == events(
            read(name, bytes(bytearray(content)), settings)
        )
