"""Train plans (班列计划) of a Chinese operator: the trains of a week from its terminals, made on the Sunday before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random

from schemas import railnet
from services.testbed.simulator.files.clock import bare, floor, local
from services.testbed.simulator.files.published_records import Fact, PartnerFile, Told, objects
from services.testbed.simulator.files.trains import Composed, composed
from services.testbed.simulator.files.workbook import Row, dated, workbook
from services.testbed.simulator.service import ENDS
from services.testbed.simulator.world import DAY, HOUR

FORMAT = "train_plan"
_NUMBERS, _LEAVES = ("车次", "列车车次"), ("计划开车时间", "计划发车时间", "开车时间")
_FROM, _TO = ("发站", "始发站"), ("到站", "终到站")
_WEEK, _FIRST = 7 * DAY, 4 * DAY  # 1970-01-05 was a Monday


def files(told: Told) -> Iterator[PartnerFile]:
    """One plan for each operator and week; a plan is told besides what happened."""
    weeks: dict[tuple[str, int], list[Composed]] = defaultdict(list)
    for train in composed(told.kept).values():
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
        content = train_plan(party, made, trains, told.random(FORMAT, party, week))
        yield PartnerFile(made, party, FORMAT, f"plan-{local(party, made):%G-W%V}.xlsx", content, facts)


def train_plan(party: str, made: int, trains: Sequence[Composed], random: Random) -> bytes:
    """The plan of ``trains`` that ``party`` made at ``made``; the times are date cells, day numbers or text."""
    form = random.choice(("cell", "number", "text"))
    headers = [
        "序号",
        *map(random.choice, (_NUMBERS, _FROM, _TO)),
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
