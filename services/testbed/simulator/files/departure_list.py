"""Departure lists (发车清单) of China Railway at a terminal: which container stands on which wagon of the train that left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random

from schemas import railnet
from services.testbed.simulator.files.clock import bare, local
from services.testbed.simulator.files.loading_plan import on_wagons
from services.testbed.simulator.files.published_records import Fact, PartnerFile, Told, at, only
from services.testbed.simulator.files.trains import Composed, composed
from services.testbed.simulator.files.workbook import Row, serial, workbook
from services.testbed.simulator.service import ENDS

FORMAT = "departure_list"
_BOXES, _WAGONS = ("箱号", "集装箱号码", "柜号"), ("车号", "车皮号", "货车号码")


def files(told: Told) -> Iterator[PartnerFile]:
    """The list of every train whose departure from its Chinese terminal was told once and rightly."""
    trains = composed(told.kept)
    for message in told.plain("cr", "movement.departed"):
        train = trains.get(only(message, "train"))
        if train is None or train.station not in ENDS or at(message) != train.left:
            continue
        left = bare("cr", train.left)
        if message.record["data"]["place"] != f"railnet:{train.station}" or f"{left:%Y-%m-%d}" != train.day:
            continue  # it left on another day than the one in its name, which a list cannot tell
        facts = (told.take(message, "classifier", "happened", "place", "objects"), *_links(train))
        content = departure_list(train, left, told.random(FORMAT, train.key))
        yield PartnerFile(
            message.sent, "cr", FORMAT, f"departure-{train.day}-{train.number}.xlsx", content, facts
        )


def _links(train: Composed) -> Iterator[Fact]:
    common = {"from": local("cr", train.left).isoformat(), "place": f"railnet:{train.station}"}
    wagons = [wagon for wagon, _ in train.wagons]
    yield Fact("link.train_composed", {**common, "train": train.key, "wagons": wagons})
    for wagon, boxes in train.wagons:
        yield Fact("link.wagon_loaded", {**common, "wagon": wagon, "containers": list(boxes)})


def departure_list(train: Composed, left: datetime, random: Random) -> bytes:
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
