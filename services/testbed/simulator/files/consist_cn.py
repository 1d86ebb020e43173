"""Consists of China Railway (列车编组顺序表, 运统1): the wagons of a train that leaves a border towards the interior."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random

from schemas import railnet
from services.testbed.simulator.files.clock import bare, local
from services.testbed.simulator.files.published_records import Fact, PartnerFile, Told, at, only
from services.testbed.simulator.files.trains import Composed, composed
from services.testbed.simulator.files.workbook import Row, serial, workbook
from services.testbed.simulator.service import ENDS

FORMAT = "consist_cn"
_POSITIONS, _WAGONS = ("编组顺序", "机后位数", "顺序"), ("车号", "车辆号码")


def files(told: Told) -> Iterator[PartnerFile]:
    """The consist of every train whose departure from a Chinese border station was told once and rightly."""
    trains = composed(told.kept)
    for message in told.plain("cr", "movement.departed"):
        train = trains.get(only(message, "train"))
        if train is None or train.station in ENDS or at(message) != train.left:
            continue
        left = bare("cr", train.left)
        if message.record["data"]["place"] != f"railnet:{train.station}" or f"{left:%Y-%m-%d}" != train.day:
            continue
        wagons = [wagon for wagon, _ in train.wagons]
        since = {"from": local("cr", train.left).isoformat(), "place": f"railnet:{train.station}"}
        facts = (
            told.take(message, "classifier", "happened", "place", "objects"),
            Fact("link.train_composed", {**since, "train": train.key, "wagons": wagons}),
        )
        content = consist(train, left, told.random(FORMAT, train.key))
        yield PartnerFile(
            message.sent, "cr", FORMAT, f"consist-{train.day}-{train.number}.xlsx", content, facts
        )


def consist(train: Composed, left: datetime, random: Random) -> bytes:
    """The consist of ``train``, which left at ``left`` on the railway's clock."""
    station = railnet.stations()[train.station]
    goal = railnet.stations()[train.service.destination.station].names.zh
    rows: list[Row] = [
        ("列车编组顺序表（模拟数据 simulated）",),
        (f"车次：{train.number}", "", f"发站：{station.names.zh}"),
        random.choice((("发车时间", serial(left)), (f"发车时间：{left:%Y.%m.%d %H:%M:%S}",))),
        (random.choice(_POSITIONS), "车种", random.choice(_WAGONS), "自重", "换长", "到站", "记事"),
    ]
    for position, (wagon, _) in enumerate(train.wagons, start=1):
        rows.append((position, "X70", wagon.removeprefix("CN/"), 22.4, 1.3, goal, ""))
    rows.append(("合计", "", f"{len(train.wagons)}车"))
    return workbook("运统1", rows)
