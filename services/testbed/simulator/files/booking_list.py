"""Lists of bookings (订舱明细) of a Chinese train operator: what it confirmed in one round, as its platform exports it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from schemas import railnet
from services.testbed.simulator.cast import CAST
from services.testbed.simulator.files.clock import bare, local
from services.testbed.simulator.files.published_records import Fact, PartnerFile, Told, at, objects, only
from services.testbed.simulator.files.workbook import Cell, Row, serial, wide, workbook
from services.testbed.simulator.reports import Message

FORMAT = "booking_list"
_NUMBERS = ("委托书编号", "托书编号", "订舱编号")
_STATUS = ("审核状态", "委托状态", "订舱状态")
_CONFIRMED = ("已确认", "审核通过")
_COUNTS = ("箱量", "箱数")
_TYPES = ("箱型", "柜型")
_FROM, _TO = ("上货站", "发站"), ("下货站", "到站")

Route = tuple[str, str]
"""From where to where a booking is, as places."""


def files(told: Told) -> Iterator[PartnerFile]:
    """What operators confirmed of their own bookings, one list for each round; half of them also tell the stations."""
    routes, boxes = _routes(told), _counts(told)
    for party in sorted(code for code, each in CAST.items() if "operator" in each.roles):
        rounds: dict[int, list[Message]] = defaultdict(list)
        for message in told.plain(party, "movement.booking_confirmed"):
            if only(message, "booking").startswith(f"{party}/"):
                rounds[at(message)].append(message)
        for made, messages in sorted(rounds.items()):
            random = told.random(FORMAT, party, made)
            lines = [(only(m, "booking"), boxes.get(only(m, "booking"), 1)) for m in messages]
            known = [routes[booking] for booking, _ in lines] if random.random() < 0.5 else []
            facts = [told.take(m, "classifier", "happened", "objects") for m in messages]
            for (booking, _), route in zip(lines, known, strict=False):
                says = {"from": messages[0].record["data"]["happened"], "places": list(route)}
                facts.append(Fact("link.route_planned", {**says, "objects": objects("booking", [booking])}))
            name = f"bookings-{local(party, made):%Y%m%d-%H%M}.xlsx"
            content = booking_list(party, made, lines, known, random)
            yield PartnerFile(max(m.sent for m in messages), party, FORMAT, name, content, tuple(facts))


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
    headers = ["序号", *map(random.choice, (_NUMBERS, _TYPES, _COUNTS))]
    headers += [*map(random.choice, (_FROM, _TO))] if routes else []
    headers += [random.choice(_STATUS), "备注"]
    full_width, word = random.random() < 0.3, random.choice(_CONFIRMED)
    rows: list[Row] = [("订舱明细表（模拟数据 simulated）",), stated, headers]
    for number, (booking, count) in enumerate(lines, start=1):
        reference = booking.split("/", 1)[1]
        row: list[Cell] = [number, wide(reference) if full_width else reference, "40HC", count]
        row += [_name(place) for place in routes[number - 1]] if routes else []
        rows.append((*row, word, ""))
    if random.random() < 0.4:  # somebody's draft stands in the export too, and is no booking yet
        rows.append(
            (len(lines) + 1, f"CG{when:%m%d%H}", "40HC", 1, *(("", "") if routes else ()), "草稿", "")
        )
    rows.append(("合计", "", "", sum(count for _, count in lines)))
    return workbook("订舱", rows, template="模板" if random.random() < 0.2 else "")


def _name(place: str) -> str:
    station = railnet.stations()[place.removeprefix("railnet:")]
    return station.names.zh or station.names.en


def _routes(told: Told) -> Mapping[str, Route]:
    """From where to where each booking is, as its founding says."""
    found = {}
    for bond in told.kept.world.bonds:
        says = bond.versions[0][2]
        for booking in says.get("bookings", ()):
            found[booking] = says["place_of_receipt"], says["place_of_delivery"]
    return found


def _counts(told: Told) -> Mapping[str, int]:
    """How many boxes each booking has."""
    of_cargo: dict[str, set[str]] = defaultdict(set)
    for lading in told.kept.world.ladings:
        of_cargo[lading.cargo].add(lading.box)
    return {c.booking: len(of_cargo[key]) for key, c in told.kept.world.cargoes.items() if of_cargo[key]}
