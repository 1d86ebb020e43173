"""Departure lists of a Chinese terminal (发车清单): which container stands on which wagon of the train that left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas import railnet
from services.simulator.cast import CAST
from services.simulator.files.workbook import Row, workbook
from services.simulator.telling import moment

_COLUMNS = ("顺位", "车种", "车号", "箱号", "箱型", "记事")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A train as it left: its key, when, from where, and the containers of each wagon in order."""

    train: str
    left: int
    station: str
    wagons: Sequence[tuple[str, Sequence[str]]]


def departure_list(loaded: Loaded, party: str) -> bytes:
    """The list of ``loaded`` as ``party`` writes it, on its own clock."""
    at = moment(loaded.left).astimezone(CAST[party].zone)
    number = loaded.train.split("/")[1]
    station = railnet.stations()[loaded.station]
    head = (
        f"中欧班列（X{number}次）发车清单",
        f"发站：{station.names.zh or station.names.en}",
        f"发车时间：{at:%Y-%m-%d %H:%M:%S}",
        "模拟数据 simulated",
    )
    rows: list[Row] = [_COLUMNS]
    for place, (wagon, boxes) in enumerate(loaded.wagons, start=1):
        for box in boxes:
            rows.append((place, "X70", wagon.removeprefix("CN/"), box, "40HC", ""))
    return workbook("发车清单", head, rows)
