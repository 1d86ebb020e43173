"""Hand-over lists (货物交接单, передаточная ведомость): one workbook of each side that signed, with its own boxes and time."""

from __future__ import annotations

from schemas import railnet
from services.simulator.cast import CAST
from services.simulator.files.workbook import Row, workbook
from services.simulator.telling import Heard, moment

_COLUMNS = ("序号", "箱号", "备注")
_COLUMNS_RU = ("№ п/п", "№ контейнера", "Примечание")


def handover_list(heard: Heard) -> bytes:
    """The list that ``heard.party`` signed at a hand-over; times are on its own clock."""
    happening, party = heard.happening, CAST[heard.party]
    crossing = railnet.crossings()[happening.place.removeprefix("crossing:")]
    gives, takes = _sides(crossing, str(happening.voices[heard.party]["side"]), heard.party)
    at = moment(heard.said).astimezone(party.zone)
    head = (
        f"货物交接单 / ПЕРЕДАТОЧНАЯ ВЕДОМОСТЬ № {happening.occurrence}",
        f"交付站 Станция передающая: {written(gives)}",
        f"接收站 Станция принимающая: {written(takes)}",
        f"交接时间 Дата передачи: {at:%Y-%m-%d %H:%M:%S}",
        "simulated 模拟数据 имитация",
    )
    rows: list[Row] = [_COLUMNS, _COLUMNS_RU]
    rows += [(number, box, "") for number, (_, box) in enumerate(happening.about, start=1)]
    return workbook("交接单", head, rows)


def written(station: railnet.Station) -> str:
    """A station as a bilingual list names it: in Chinese and Russian where known, with its code of the 1520 network."""
    names = [name for name in (station.names.zh, station.names.ru) if name] or [station.names.en]
    return " ".join(names) + (f" ({station.esr})" if station.esr else "")


def _sides(crossing: railnet.Crossing, side: str, party: str) -> tuple[railnet.Station, railnet.Station]:
    """The delivering and the receiving station, by the side on which ``party`` is."""
    ours = crossing.a if set(crossing.a.managers) & set(CAST[party].managers) else crossing.b
    other = crossing.b if ours is crossing.a else crossing.a
    gives, takes = (ours, other) if side == "DELIVERING" else (other, ours)
    return railnet.stations()[gives.station], railnet.stations()[takes.station]
