"""Hand-over lists (货物交接单, передаточная ведомость) of a border, each side's own: bilingual workbooks, or text in CP1251.

The side that receives on another gauge makes its list once the boxes are lifted over: it also states when, and on which
wagon each box is from then on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from schemas import railnet
from services.testbed.simulator.files.file_formats import (
    Cell,
    Row,
    bare,
    dated,
    delimited,
    local,
    wide,
    workbook,
)
from services.testbed.simulator.files.office_records import (
    Fact,
    OfficeRecords,
    PartnerFile,
    at,
    named,
    objects,
)
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Message
from services.testbed.simulator.world import DAY

FORMAT = "border_handover"
_IN_TEXT = ("bch", "rzd")
_SIDES = ("cr", "ktz", *_IN_TEXT, "ubtz")


@dataclass(frozen=True, slots=True)
class Line:
    """A box of a list; ``moved`` is when it was lifted over and ``wagon`` on what it then stood, where the list has it."""

    box: str
    moved: int = 0
    wagon: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What is written above a list: its number, the two stations, and when it was signed."""

    number: str
    gives: railnet.Station
    takes: railnet.Station
    at: int


def files(records: OfficeRecords) -> Iterator[PartnerFile]:
    """The list of every hand-over that a railway with such lists published once and rightly."""
    for party in _SIDES:
        lifted = _lifted(records, party)
        for message in records.plain(party, "movement.handed_over"):
            yield _file(records, party, message, lifted)


def _file(
    records: OfficeRecords, party: str, message: Message, lifted: Mapping[str, list[Message]]
) -> PartnerFile:
    data = message.record["data"]
    gives, takes = _stations(data["place"].removeprefix("crossing:"), data["side"], party)
    boxes, signed = named(message, "container"), at(message)
    facts = [
        records.take(
            message, "classifier", "happened", "place", "occurrence", "side", "list_number", "objects"
        )
    ]
    moved: dict[str, int] = {}
    sent = message.sent
    if data["side"] == "RECEIVING":
        for lift in _of_list(boxes, signed, lifted):
            sent = max(sent, lift.sent)
            fact = records.take(lift, "classifier", "happened", "place", "gauge_from", "gauge_to")
            for box in named(lift, "container"):
                moved[box] = at(lift)
                facts.append(Fact(fact.what, {**fact.data, "objects": objects("container", [box])}))
    wagons: dict[str, str] = {}
    if takes.gauges and _widens(gives, takes):
        for load in records.plain(party, "link.wagon_loaded"):
            stands = load.record["data"]
            if "to" not in stands and all(moved.get(box) == at(load, "from") for box in stands["containers"]):
                sent = max(sent, load.sent)
                wagons |= dict.fromkeys(stands["containers"], stands["wagon"])
                facts.append(records.take(load, "wagon", "containers", "from", "place"))
    lines = [Line(box, moved.get(box, 0), wagons.get(box, "")) for box in boxes]
    head = Signed(data["list_number"], gives, takes, signed)
    random = records.random(FORMAT, party, head.number)
    stem = f"handover-{local(party, signed):%Y%m%d}-{head.number}"
    if party in _IN_TEXT:
        return PartnerFile(
            sent, party, FORMAT, f"{stem}.csv", in_text(party, head, lines, random), tuple(facts)
        )
    return PartnerFile(
        sent, party, FORMAT, f"{stem}.xlsx", in_workbook(party, head, lines, random), tuple(facts)
    )


def in_workbook(party: str, head: Signed, lines: Sequence[Line], random: Random) -> bytes:
    """A list in Chinese and Russian with a header in either language; times are cells, day numbers or text."""
    signed = bare(party, head.at)
    moved = any(line.moved for line in lines)
    form, full_width = random.choice(("cell", "number", "text")), party == "cr" and random.random() < 0.3
    rows: list[Row] = [
        (f"货物交接单 / ПЕРЕДАТОЧНАЯ ВЕДОМОСТЬ № {head.number}",),
        (f"交付站 Станция передающая: {_both(head.gives)}",),
        (f"接收站 Станция принимающая: {_both(head.takes)}",),
        (f"交接时间 Дата передачи: {signed:%Y-%m-%d %H:%M:%S}",),
        ("simulated 模拟数据 имитация",),
        ("序号", "箱号", *(("宽轨车号", "换装时间") if moved else ()), "备注"),
        ("№ п/п", "№ контейнера", *(("Вагон 1520", "Время перегруза") if moved else ()), "Примечание"),
    ]
    for number, line in enumerate(lines, start=1):
        lifted: Sequence[Cell] = ()
        if moved:
            when = dated(bare(party, line.moved), form, "%Y-%m-%d %H:%M:%S") if line.moved else None
            lifted = (line.wagon.partition("/")[2] or None, when)
        rows.append((number, wide(line.box) if full_width else line.box, *lifted, ""))
    rows.append(("合计 Итого", f"{len(lines)}箱"))
    return workbook("交接单", rows)


def in_text(party: str, head: Signed, lines: Sequence[Line], random: Random) -> bytes:
    """A list in Russian as text in CP1251; the total is below, and the last lines are for the signatures."""
    signed = bare(party, head.at)
    moved = any(line.moved for line in lines)
    rows: list[Sequence[str]] = [
        ("имитация simulated",),
        (f"ПЕРЕДАТОЧНАЯ ВЕДОМОСТЬ № {head.number}",),
        (f"{random.choice(('Станция передающая', 'Сдающая станция'))}: {_russian(head.gives)}",),
        (f"{random.choice(('Станция принимающая', 'Принимающая станция'))}: {_russian(head.takes)}",),
        (f"{random.choice(('Дата передачи', 'Время передачи'))}: {signed:%d.%m.%Y %H:%M:%S}",),
        ("№ п/п", "№ контейнера", *(("Вагон 1520", "Время перегруза") if moved else ()), "Масса брутто, т", "Примечание"),
    ]  # fmt: skip
    for number, line in enumerate(lines, start=1):
        lifted: Sequence[str] = ()
        if moved:
            when = f"{bare(party, line.moved):%d.%m.%Y %H:%M:%S}" if line.moved else ""
            lifted = (line.wagon.partition("/")[2], when)
        rows.append((f"{number}", f"{line.box[:4]} {line.box[4:10]}-{line.box[10:]}", *lifted, "18,0", ""))
    rows.append(("Итого", f"{len(lines)} контейнеров"))
    return delimited(rows, ";", "cp1251")


def _lifted(records: OfficeRecords, party: str) -> Mapping[str, list[Message]]:
    """By box: when ``party`` lifted it over, each time with all that it lifted then."""
    found: dict[str, list[Message]] = defaultdict(list)
    for message in records.plain(party, "movement.transshipped"):
        for box in named(message, "container"):
            found[box].append(message)
    return found


def _of_list(boxes: Sequence[str], signed: int, lifted: Mapping[str, list[Message]]) -> Iterator[Message]:
    """What was lifted over after the signing within days and is on the list as a whole; each once."""
    seen: set[str] = set()
    for box in boxes:
        for message in lifted.get(box, ()):
            within = 0 <= at(message) - signed < 4 * DAY
            if within and message.record["id"] not in seen and set(named(message, "container")) <= set(boxes):
                seen.add(message.record["id"])
                yield message


def _stations(crossing: str, side: str, party: str) -> tuple[railnet.Station, railnet.Station]:
    """The delivering and the receiving station, by the side on which ``party`` is."""
    border = railnet.crossings()[crossing]
    ours = border.a if set(border.a.managers) & set(PARTIES[party].managers) else border.b
    other = border.b if ours is border.a else border.a
    gives, takes = (ours, other) if side == "DELIVERING" else (other, ours)
    return railnet.stations()[gives.station], railnet.stations()[takes.station]


def _widens(gives: railnet.Station, takes: railnet.Station) -> bool:
    """Whether boxes are lifted to wagons of 1520 mm, of which the lists have a column."""
    crossing = railnet.crossings()[railnet.crossing_of_pair()[gives.id, takes.id]]
    side = crossing.a if crossing.a.station == takes.id else crossing.b
    return crossing.gauge_change and side.gauge == 1520


def _both(station: railnet.Station) -> str:
    names = [name for name in (station.names.zh, station.names.ru) if name] or [station.names.en]
    return " ".join(names) + (f" ({station.esr})" if station.esr else "")


def _russian(station: railnet.Station) -> str:
    return (station.names.ru or station.names.en) + (f" ({station.esr})" if station.esr else "")
