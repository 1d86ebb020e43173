"""Workbooks of Chinese train operators: lists of bookings (订舱明细), train plans of a week (班列计划), loading plans (配载计划).

A list of bookings is what the operator confirmed in one round, as its platform exports it; the plans are made beforehand
and say nothing of what happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from random import Random

from schemas import railnet
from services.testbed.simulator.files.file_formats import (
    Cell,
    Row,
    bare,
    dated,
    floor,
    local,
    serial,
    wide,
    workbook,
)
from services.testbed.simulator.files.office_records import (
    Fact,
    OfficeRecords,
    PartnerFile,
    TrainConsist,
    at,
    objects,
    only,
)
from services.testbed.simulator.files.train_lists import on_wagons
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Message
from services.testbed.simulator.service import ENDS
from services.testbed.simulator.world import DAY, HOUR

BOOKING_LIST, TRAIN_PLAN, LOADING_LIST = "booking_list", "train_plan", "loading_list"
_BOOKING_NUMBERS = ("委托书编号", "托书编号", "订舱编号")
_STATUS = ("审核状态", "委托状态", "订舱状态")
_CONFIRMED = ("已确认", "审核通过")
_COUNTS = ("箱量", "箱数")
_TYPES = ("箱型", "柜型")
_LOADED_AT, _UNLOADED_AT = ("上货站", "发站"), ("下货站", "到站")

Route = tuple[str, str]
"""From where to where a booking is, as places."""


def booking_lists(records: OfficeRecords) -> Iterator[PartnerFile]:
    """What operators confirmed of their own bookings, one list for each round; half of them also name the stations."""
    routes, boxes = _routes(records), _counts(records)
    for party in sorted(code for code, each in PARTIES.items() if "operator" in each.roles):
        rounds: dict[int, list[Message]] = defaultdict(list)
        for message in records.plain(party, "movement.booking_confirmed"):
            if only(message, "booking").startswith(f"{party}/"):
                rounds[at(message)].append(message)
        for made, messages in sorted(rounds.items()):
            random = records.random(BOOKING_LIST, party, made)
            lines = [(only(m, "booking"), boxes.get(only(m, "booking"), 1)) for m in messages]
            known = [routes[booking] for booking, _ in lines] if random.random() < 0.5 else []
            facts = [records.take(m, "classifier", "happened", "objects") for m in messages]
            for (booking, _), route in zip(lines, known, strict=False):
                details = {"from": messages[0].record["data"]["happened"], "places": list(route)}
                facts.append(
                    Fact("link.route_planned", {**details, "objects": objects("booking", [booking])})
                )
            name = f"bookings-{local(party, made):%Y%m%d-%H%M}.xlsx"
            content = booking_list(party, made, lines, known, random)
            yield PartnerFile(max(m.sent for m in messages), party, BOOKING_LIST, name, content, tuple(facts))


def booking_list(
    party: str, made: int, lines: Sequence[tuple[str, int]], routes: Sequence[Route], random: Random
) -> bytes:
    """The list of ``lines`` (booking and its number of boxes) that ``party`` made at ``made``."""
    when = bare(party, made)
    stated: Row = random.choice((
        (f"制表日期：{when:%Y-%m-%d %H:%M}",),
        (f"制表时间: {when.year}年{when.month}月{when.day}日{when.hour}时{when.minute:02}分",),
        ("制表时间", when),
        ("制表日期", serial(when)),
    ))  # fmt: skip
    headers = ["序号", *map(random.choice, (_BOOKING_NUMBERS, _TYPES, _COUNTS))]
    headers += [*map(random.choice, (_LOADED_AT, _UNLOADED_AT))] if routes else []
    headers += [random.choice(_STATUS), "备注"]
    full_width, status = random.random() < 0.3, random.choice(_CONFIRMED)
    rows: list[Row] = [("订舱明细表（模拟数据 simulated）",), stated, headers]
    for number, (booking, count) in enumerate(lines, start=1):
        reference = booking.split("/", 1)[1]
        row: list[Cell] = [number, wide(reference) if full_width else reference, "40HC", count]
        row += [_station_name(place) for place in routes[number - 1]] if routes else []
        rows.append((*row, status, ""))
    if random.random() < 0.4:  # somebody's draft is in the export too, and is no booking yet
        rows.append(
            (len(lines) + 1, f"CG{when:%m%d%H}", "40HC", 1, *(("", "") if routes else ()), "草稿", "")
        )
    rows.append(("合计", "", "", sum(count for _, count in lines)))
    return workbook("订舱", rows, template="模板" if random.random() < 0.2 else "")


def _station_name(place: str) -> str:
    station = railnet.stations()[place.removeprefix("railnet:")]
    return station.names.zh or station.names.en


def _routes(records: OfficeRecords) -> Mapping[str, Route]:
    """From where to where each booking is, as its founding states."""
    found = {}
    for bond in records.played.world.bonds:
        details = bond.versions[0][2]
        for booking in details.get("bookings", ()):
            found[booking] = details["place_of_receipt"], details["place_of_delivery"]
    return found


def _counts(records: OfficeRecords) -> Mapping[str, int]:
    """How many boxes each booking has."""
    of_cargo: dict[str, set[str]] = defaultdict(set)
    for lading in records.played.world.ladings:
        of_cargo[lading.cargo].add(lading.box)
    return {c.booking: len(of_cargo[key]) for key, c in records.played.world.cargoes.items() if of_cargo[key]}


_TRAIN_NUMBERS, _LEAVES = ("车次", "列车车次"), ("计划开车时间", "计划发车时间", "开车时间")
_FROM, _TO = ("发站", "始发站"), ("到站", "终到站")
_WEEK, _FIRST = 7 * DAY, 4 * DAY  # 1970-01-05 was a Monday


def train_plans(records: OfficeRecords) -> Iterator[PartnerFile]:
    """One plan for each operator and week; a plan is published besides what happened."""
    weeks: dict[tuple[str, int], list[TrainConsist]] = defaultdict(list)
    for train in records.trains.values():
        same_day = f"{bare('cr', floor(train.left, 5)):%Y-%m-%d}" == train.day
        if train.railway == "cr" and train.station in ENDS and same_day:
            weeks[train.service.operator, (train.left - _FIRST) // _WEEK].append(train)
    for (party, week), trains in sorted(weeks.items()):
        made = _FIRST + week * _WEEK - 14 * HOUR  # 18:00 in Beijing
        facts = tuple(
            Fact(
                "movement.departed",
                {
                    "classifier": "PLN",
                    "happened": local(party, floor(train.left, 5)).isoformat(),
                    "place": f"railnet:{train.station}",
                    "objects": objects("train", [train.key]),
                },
            )
            for train in trains
        )
        content = train_plan(party, made, trains, records.random(TRAIN_PLAN, party, week))
        yield PartnerFile(made, party, TRAIN_PLAN, f"plan-{local(party, made):%G-W%V}.xlsx", content, facts)


def train_plan(party: str, made: int, trains: Sequence[TrainConsist], random: Random) -> bytes:
    """The plan of ``trains`` that ``party`` made at ``made``; the times are date cells, day numbers or text."""
    form = random.choice(("cell", "number", "text"))
    headers = [
        "序号",
        *map(random.choice, (_TRAIN_NUMBERS, _FROM, _TO)),
        "口岸",
        random.choice(_LEAVES),
        "开行状态",
    ]
    rows: list[Row] = [
        ("班列计划（模拟数据 simulated）",),
        (f"制表时间：{bare(party, made):%Y.%m.%d %H:%M}",),
        headers,
    ]
    for number, train in enumerate(trains, start=1):
        service = train.service
        ends = [railnet.stations()[end.station].names.zh for end in (service.origin, service.destination)]
        border = railnet.stations()[service.sections[0].last].names.zh
        leaves = dated(bare(party, floor(train.left, 5)), form, "%Y/%m/%d %H:%M")
        rows.append((number, train.number, *ends, border, leaves, "计划"))
    return workbook("班期", rows)


_PLANNED_BOXES, _PLANNED_WAGONS = ("箱号", "集装箱号", "柜号"), ("车号", "平车号", "车板号")


def loading_plans(records: OfficeRecords) -> Iterator[PartnerFile]:
    """The plan of every train that left a Chinese terminal, made half a day before; a plan is published besides what happened."""
    for train in records.trains.values():
        if train.railway != "cr" or train.station not in ENDS:
            continue
        party = train.service.operator
        made, leaves = floor(train.left - 13 * HOUR, 10), floor(train.left, 5)
        common = {
            "classifier": "PLN",
            "happened": local(party, leaves).isoformat(),
            "place": f"railnet:{train.station}",
        }
        facts = tuple(
            Fact("movement.loaded_on_wagon", {**common, "objects": objects("container", boxes)})
            for _, boxes in train.wagons
        )
        name = f"loading-plan-{train.day}-{train.number}.xlsx"
        content = loading_plan(
            train, bare(party, made), bare(party, leaves), records.random(LOADING_LIST, party, train.key)
        )
        yield PartnerFile(made, party, LOADING_LIST, name, content, facts)


def loading_plan(train: TrainConsist, made: datetime, leaves: datetime, random: Random) -> bytes:
    """The plan of ``train``; two boxes of a wagon stand below one another (merged or blank) or in one cell."""
    station = railnet.stations()[train.station]
    head: list[Row] = [
        ("配载计划（模拟数据 simulated）",),
        (f"发站：{station.names.zh}", "", f"制表时间：{made:%Y/%m/%d %H:%M}"),
        (f"计划开车时间：{leaves:%Y-%m-%d %H:%M}",),
        ("顺位", random.choice(_PLANNED_WAGONS), random.choice(_PLANNED_BOXES), "箱型", "备注"),
    ]
    rows, merged = on_wagons(train.wagons, len(head), random)
    rows.append(("合计", f"{len(train.wagons)}车", f"{len(train.boxes)}箱"))
    return workbook("配载", [*head, *rows], merged)
