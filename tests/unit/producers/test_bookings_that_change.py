"""Booking lists declared full: a later one states boxes and route of its bookings anew; what happened to them stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.producers.formats.model import Settings
from services.producers.spool import Spool
from tests.unit.formats_sheets.workbooks import BEIJING, text
from tests.unit.producers.test_editions import back, take

FULL = Settings("xianport", BEIJING, "cr", choices={"booking_list": {"edition": "full"}})


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as opened:
        yield opened


def listed(made: str, *rows: tuple[str, str, str]) -> bytes:
    head = ("委托书编号", "上货站", "下货站", "箱号", "状态")
    body = [(reference, "西安", "杜伊斯堡", box, status) for reference, box, status in rows]
    return text((("订舱明细", None), (f"制表日期：{made}",), head, *body))


FIRST = listed(
    "2026-02-20 10:00",
    ("B-1", "QZXU4011130", "已确认"),
    ("B-1", "QZXU4012501", "已确认"),
    ("B-2", "", "新建"),
)


def types(files: list[str]) -> list[str]:
    return sorted(note.split("/")[3].split()[0] for note in files)


def test_boxes_and_route_of_an_earlier_edition_are_taken_back_and_the_confirmation_stays(
    spool: Spool,
) -> None:
    take(spool, FIRST, settings=FULL)
    later = listed("2026-02-21 10:00", ("B-1", "QZXU4011130", "已确认"))
    files = take(spool, later, settings=FULL, amend=True)
    assert not any(file.refused for file in files)
    assert types(back(files)) == ["containers_assigned", "route_planned"]
    assert not back(take(spool, later, settings=FULL, amend=True))


def test_a_booking_that_is_cancelled_gives_its_boxes_back(spool: Spool) -> None:
    take(spool, FIRST, settings=FULL)
    files = take(spool, listed("2026-02-21 10:00", ("B-1", "QZXU4011130", "退舱")), settings=FULL, amend=True)
    assert types(back(files)) == ["containers_assigned", "route_planned"]
    assert [r.type for r in files[0].records if r.type.endswith("booking_cancelled.v1")]


def test_a_booking_that_a_later_list_does_not_name_is_left_as_it_is(spool: Spool) -> None:
    take(spool, FIRST, settings=FULL)
    files = take(spool, listed("2026-02-21 10:00", ("B-2", "", "已确认")), settings=FULL, amend=True)
    assert all("/B-2/" in note for note in back(files))
    assert types(back(files)) == ["route_planned"]


def test_an_earlier_list_that_comes_late_is_refused_though_it_was_a_cancellation_that_came_first(
    spool: Spool,
) -> None:
    take(spool, listed("2026-02-21 10:00", ("B-1", "QZXU4011130", "退舱")), settings=FULL, amend=True)
    (late,) = take(spool, FIRST, settings=FULL, amend=True)
    assert {r.refusal.pointer for r in late.records if r.refusal is not None} == {"/time"}


def test_without_the_declaration_nothing_is_taken_back(spool: Spool) -> None:
    plain = Settings("xianport", BEIJING, "cr")
    take(spool, FIRST, settings=plain)
    files = take(
        spool, listed("2026-02-21 10:00", ("B-1", "QZXU4011130", "已确认")), settings=plain, amend=True
    )
    assert back(files) == []
