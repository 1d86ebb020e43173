"""Lists of the train that left, made by its railway: departure list (发车清单) of a terminal, consist (列车编组顺序表, 运统1) of a
border station, natural list (натурный лист ДУ-1) of a 1520 railway.

Each carries one departure that was published once and rightly, and links as of it. They name the day, so a train that left
on another day than the one in its name has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from random import Random
from zoneinfo import ZoneInfo

from schemas import railnet
from services.testbed.simulator.files.file_formats import Row, delimited, serial, wide, workbook
from services.testbed.simulator.files.office_records import (
    Fact,
    OfficeRecords,
    PartnerFile,
    TrainConsist,
    at,
    only,
)
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Message, moment
from services.testbed.simulator.service import ENDS

DEPARTURE_LIST, CONSIST, NATURAL_LIST = "departure_list", "consist_cn", "natural_list"
RAILWAYS_1520 = ("bch", "ktz", "rzd")
WORKING_CLOCK = ZoneInfo("Europe/Moscow")
"""The clock of natural lists, also in Kazakhstan."""
_TARE, _LOAD = 22.5, 18.0  # t, of a flat wagon and of a box
_BOXES, _WAGONS = ("箱号", "集装箱号码", "柜号"), ("车号", "车皮号", "货车号码")
_POSITIONS, _WAGONS_OF_CONSIST = ("编组顺序", "机后位数", "顺序"), ("车号", "车辆号码")


def departure_lists(records: OfficeRecords) -> Iterator[PartnerFile]:
    """One for every departure from a Chinese terminal: which container stands on which wagon."""
    for train, message, left in _departures(records, "cr", PARTIES["cr"].zone):
        if train.station in ENDS:
            facts = [*_facts(records, train, message, left)]
            since = {"from": left.isoformat(), "place": f"railnet:{train.station}"}
            facts += [
                Fact("link.wagon_loaded", {**since, "wagon": wagon, "containers": list(boxes)})
                for wagon, boxes in train.wagons
            ]
            content = departure_list(
                train, left.replace(tzinfo=None), records.random(DEPARTURE_LIST, train.key)
            )
            name = f"departure-{train.day}-{train.number}.xlsx"
            yield PartnerFile(message.sent, "cr", DEPARTURE_LIST, name, content, tuple(facts))


def consists(records: OfficeRecords) -> Iterator[PartnerFile]:
    """One for every departure from a Chinese border station towards the interior."""
    for train, message, left in _departures(records, "cr", PARTIES["cr"].zone):
        if train.station not in ENDS:
            facts = tuple(_facts(records, train, message, left))
            content = consist(train, left.replace(tzinfo=None), records.random(CONSIST, train.key))
            name = f"consist-{train.day}-{train.number}.xlsx"
            yield PartnerFile(message.sent, "cr", CONSIST, name, content, facts)


def natural_lists(records: OfficeRecords) -> Iterator[PartnerFile]:
    """One for every departure of a 1520 railway from where the train was made up."""
    for railway in RAILWAYS_1520:
        for train, message, left in _departures(records, railway, WORKING_CLOCK):
            facts = tuple(_facts(records, train, message, left))
            content = natural_list(train, left, records.random(NATURAL_LIST, train.key))
            name = f"DU1-{train.day}-{train.number}.csv"
            yield PartnerFile(message.sent, railway, NATURAL_LIST, name, content, facts)


def _departures(
    records: OfficeRecords, railway: str, clock: tzinfo
) -> Iterator[tuple[TrainConsist, Message, datetime]]:
    """Trains of ``railway`` that left from where they were made up, the record of it, and when, by ``clock``."""
    for message in records.plain(railway, "movement.departed"):
        train = records.trains.get(only(message, "train"))
        if train is None or at(message) != train.left:
            continue
        left = moment(train.left).astimezone(clock)
        if message.record["data"]["place"] == f"railnet:{train.station}" and f"{left:%Y-%m-%d}" == train.day:
            yield train, message, left


def _facts(records: OfficeRecords, train: TrainConsist, message: Message, left: datetime) -> Iterator[Fact]:
    yield records.take(message, "classifier", "happened", "place", "objects")
    since = {"from": left.isoformat(), "place": f"railnet:{train.station}"}
    wagons = [wagon for wagon, _ in train.wagons]
    yield Fact("link.train_composed", {**since, "train": train.key, "wagons": wagons})


def departure_list(train: TrainConsist, left: datetime, random: Random) -> bytes:
    """The list of ``train``, which left at ``left`` on the railway's clock."""
    station = railnet.stations()[train.station]
    stated: Row = random.choice((
        (f"发车时间：{left:%Y-%m-%d %H:%M:%S}",),
        (f"发车时间：{left.year}年{left.month}月{left.day}日{left.hour}时{left.minute:02}分{left.second:02}秒",),
        ("发车时间", left),
        ("发车时间", serial(left)),
    ))  # fmt: skip
    head: list[Row] = [
        ("中欧班列发车清单（模拟数据 simulated）",),
        (f"发站：{station.names.zh}（{random.choice('西郑上呼')}）", "", f"车次：{train.number}"),
        stated,
        ("顺位", random.choice(_WAGONS), random.choice(_BOXES), "箱型", "记事"),
    ]
    rows, merged = on_wagons(train.wagons, len(head), random)
    rows.append(("合计", f"{len(train.wagons)}车", f"{len(train.boxes)}箱"))
    return workbook("发车清单", [*head, *rows], merged, "打印模板" if random.random() < 0.3 else "")


def on_wagons(
    wagons: Sequence[tuple[str, Sequence[str]]], above: int, random: Random
) -> tuple[list[Row], list[str]]:
    """Rows of position, wagon, box and type below ``above`` rows, and the ranges of column B that are merged."""
    layout, full_width = random.choice(("merged", "blank", "one cell")), random.random() < 0.25
    rows: list[Row] = []
    merged = []
    for position, (wagon, boxes) in enumerate(wagons, start=1):
        number = wagon.partition("/")[2]
        written = [wide(box) if full_width else box for box in boxes]
        if layout == "one cell":
            rows.append((position, number, "、".join(written), "40HC", ""))
            continue
        for place, box in enumerate(written):
            rows.append((position, number if place == 0 else None, box, "40HC", ""))
        last = above + len(rows)
        if layout == "merged" and len(boxes) > 1:
            merged.append(f"B{last - len(boxes) + 1}:B{last}")
    return rows, merged


def consist(train: TrainConsist, left: datetime, random: Random) -> bytes:
    """The consist of ``train``, which left at ``left`` on the railway's clock."""
    station = railnet.stations()[train.station]
    goal = railnet.stations()[train.service.destination.station].names.zh
    rows: list[Row] = [
        ("列车编组顺序表（模拟数据 simulated）",),
        (f"车次：{train.number}", "", f"发站：{station.names.zh}"),
        random.choice((("发车时间", serial(left)), (f"发车时间：{left:%Y.%m.%d %H:%M:%S}",))),
        (
            random.choice(_POSITIONS),
            "车种",
            random.choice(_WAGONS_OF_CONSIST),
            "自重",
            "换长",
            "到站",
            "记事",
        ),
    ]
    for position, (wagon, _) in enumerate(train.wagons, start=1):
        rows.append((position, "X70", wagon.removeprefix("CN/"), 22.4, 1.3, goal, ""))
    rows.append(("合计", "", f"{len(train.wagons)}车"))
    return workbook("运统1", rows)


def natural_list(train: TrainConsist, left: datetime, random: Random) -> bytes:
    """The list of ``train``, which left at ``left``: decimal commas, a total, and the index where both stations have one."""
    station = railnet.stations()[train.station]
    last = railnet.stations()[train.service.sections[_part(train)].last]
    clock = left.strftime(random.choice(("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S мск")))
    head = [f"Поезд № {train.number}", f"Станция отправления: {station.names.ru}" + _code(station.esr)]
    if station.esr and last.esr:
        head.append(f"Индекс поезда: {station.esr[:4]}-{int(train.number) % 1000:03}-{last.esr[:4]}")
    head.append(f"{random.choice(('Дата и время отпр.', 'Дата отправления'))}: {clock}")
    rows: list[Sequence[str]] = [("НАТУРНЫЙ ЛИСТ ДУ-1 (имитация, simulated)",), head]
    rows.append(
        ("№ п/п", random.choice(("№ вагона", "Номер вагона")), "Тара вагона, т", "Вес груза, т", "Прим.")
    )
    for position, (wagon, boxes) in enumerate(train.wagons, start=1):
        number = wagon.removeprefix("1520/")
        rows.append((f"{position:02}", number, _comma(_TARE), _comma(_LOAD * len(boxes)), ""))
    rows.append(("Итого", f"{len(train.wagons)} ваг.", "", _comma(_LOAD * len(train.boxes)), ""))
    return delimited(rows, ";", "cp1251")


def _part(train: TrainConsist) -> int:
    """The section of its service on which the train runs."""
    return next(
        number
        for number, section in enumerate(train.service.sections)
        if section.railway == train.railway and train.station in section.stations
    )


def _comma(tonnes: float) -> str:
    return f"{tonnes:.1f}".replace(".", ",")


def _code(esr: str | None) -> str:
    return f" ({esr})" if esr else ""
