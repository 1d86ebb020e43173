"""Natural lists (натурный лист ДУ-1) of 1520 railways: the wagons of a train, as text in CP1251, on Moscow time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from schemas import railnet
from services.testbed.simulator.files.delimited import delimited
from services.testbed.simulator.files.published_records import Fact, PartnerFile, Told, at, only
from services.testbed.simulator.files.trains import Composed, composed
from services.testbed.simulator.reports import moment

FORMAT = "natural_list"
RAILWAYS = ("bch", "ktz", "rzd")
WORKING = ZoneInfo("Europe/Moscow")
"""The clock of these lists, also in Kazakhstan."""
_TARE, _LOAD = 22.5, 18.0  # t, of a flat wagon and of a box


def files(told: Told) -> Iterator[PartnerFile]:
    """The list of every train whose departure from where it was made up was told once and rightly."""
    trains = composed(told.kept)
    for railway in RAILWAYS:
        for message in told.plain(railway, "movement.departed"):
            train = trains.get(only(message, "train"))
            if train is None or at(message) != train.left:
                continue
            left = moment(train.left).astimezone(WORKING)
            place = f"railnet:{train.station}"
            if message.record["data"]["place"] != place or f"{left:%Y-%m-%d}" != train.day:
                continue
            wagons = [wagon for wagon, _ in train.wagons]
            since = {"from": left.isoformat(), "place": place}
            facts = (
                told.take(message, "classifier", "happened", "place", "objects"),
                Fact("link.train_composed", {**since, "train": train.key, "wagons": wagons}),
            )
            content = natural_list(train, left, told.random(FORMAT, train.key))
            name = f"DU1-{train.day}-{train.number}.csv"
            yield PartnerFile(message.sent, railway, FORMAT, name, content, facts)


def natural_list(train: Composed, left: datetime, random: Random) -> bytes:
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


def _part(train: Composed) -> int:
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
