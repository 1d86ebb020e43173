"""Loading plans (配载计划) of a Chinese train operator: which box shall stand on which wagon of the next train."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random

from schemas import railnet
from services.testbed.simulator.files.clock import bare, floor, local
from services.testbed.simulator.files.published_records import Fact, PartnerFile, Told, objects
from services.testbed.simulator.files.trains import Composed, composed
from services.testbed.simulator.files.workbook import Row, wide, workbook
from services.testbed.simulator.service import ENDS
from services.testbed.simulator.world import HOUR

FORMAT = "loading_list"
_BOXES, _WAGONS = ("箱号", "集装箱号", "柜号"), ("车号", "平车号", "车板号")


def files(told: Told) -> Iterator[PartnerFile]:
    """The plan of every train that left a Chinese terminal, made half a day before; a plan is told besides what happened."""
    for train in composed(told.kept).values():
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
            train, bare(party, made), bare(party, leaves), told.random(FORMAT, party, train.key)
        )
        yield PartnerFile(made, party, FORMAT, name, content, facts)


def loading_plan(train: Composed, made: datetime, leaves: datetime, random: Random) -> bytes:
    """The plan of ``train``; two boxes of a wagon stand below one another (merged or blank) or in one cell."""
    station = railnet.stations()[train.station]
    head: list[Row] = [
        ("配载计划（模拟数据 simulated）",),
        (f"发站：{station.names.zh}", "", f"制表时间：{made:%Y/%m/%d %H:%M}"),
        (f"计划开车时间：{leaves:%Y-%m-%d %H:%M}",),
        ("顺位", random.choice(_WAGONS), random.choice(_BOXES), "箱型", "备注"),
    ]
    rows, merged = on_wagons(train.wagons, len(head), random)
    rows.append(("合计", f"{len(train.wagons)}车", f"{len(train.boxes)}箱"))
    return workbook("配载", [*head, *rows], merged)


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
