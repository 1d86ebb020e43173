"""TAF TSI messages of the European part: composition (3003), running information (4005) and forecast (4004) of trains.

The form is that of schema 3.5 (Regulation (EU) 2021/541). Company codes are invented, as the companies are, and so are the
location codes of stations that have none here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from schemas import railnet
from services.testbed.simulator.files.file_formats import Element, floor, local, xml_message
from services.testbed.simulator.files.office_records import (
    Fact,
    OfficeRecords,
    PartnerFile,
    TrainConsist,
    at,
    objects,
    only,
    what_of,
)
from services.testbed.simulator.reports import Message
from services.testbed.simulator.world import HOUR, MINUTE, SECOND

FORMAT = "taf"
RAILWAYS = ("db", "pkp")
GRACE_HOURS = 1
"""How long after the booked arrival a train still counts as composed; railways declare it to their reader."""
_NAMESPACE = "http://www.era.europa.eu/schemes/TAFTSI/3.5"
_CODES = {"pkp": "9S51", "db": "9S80"}
_LEAVES_ORIGIN = "02"
_TARE_T, _LOAD_T, _LENGTH_M = 20, 22, 20  # of every wagon and box of this world
_RUNS = {
    "movement.arrived": "03",
    "movement.departed": "04",
    "movement.position_reported": "05",
    "movement.arrived_at_destination": "01",
}
"""What a train does, as TrainLocationStatus: arrival, departure and run-through on the way, arrival at its end."""


@cache
def locations() -> Mapping[str, str]:
    """The location code of every station of the two countries, invented where railnet has none."""
    found = {}
    for number, station in enumerate(sorted(railnet.stations().values(), key=lambda each: each.id)):
        if station.country in ("PL", "DE"):
            found[station.id] = station.plc or f"{station.country}{99_000 + number:05}"
    return MappingProxyType(found)


def files(records: OfficeRecords) -> Iterator[PartnerFile]:
    """A composition for every train that keeps together, then what was published once and rightly of its run, and forecasts."""
    trains = records.trains
    contested = {(h.what, h.place, ref) for _, h in records.played.publication.disputed for ref in h.about}
    for railway in RAILWAYS:
        runs: dict[str, list[Message]] = {}
        for what in _RUNS:
            for message in records.plain(railway, what):
                key = only(message, "train")
                place = message.record["data"].get("place", "")
                if key in trains and (what, place, ("train", key)) not in contested:
                    runs.setdefault(key, []).append(message)
        for key, messages in sorted(runs.items()):
            if len({start for start, loader in trains[key].loaded if loader == railway}) <= 1:
                yield from _of_train(records, trains[key], sorted(messages, key=at))


def _of_train(records: OfficeRecords, train: TrainConsist, messages: list[Message]) -> Iterator[PartnerFile]:
    """The life of one train by messages; its wagons count from when its own railway loaded them."""
    own = {start for start, loader in train.loaded if loader == train.railway}
    since = own.pop() if own else train.made
    arrives = at(messages[-1])
    held = {
        "from": local(train.railway, since).isoformat(),
        "to": local(train.railway, arrives + GRACE_HOURS * HOUR).isoformat(),
        "place": f"railnet:{train.station}",
    }
    wagons = [wagon for wagon, _ in train.wagons]
    facts = [Fact("link.train_composed", {**held, "train": name, "wagons": wagons}) for name in names(train)]
    facts += [
        Fact("link.wagon_loaded", {**held, "wagon": wagon, "containers": list(boxes)})
        for wagon, boxes in train.wagons
    ]
    begins = {"place": held["place"]}
    whole = f"{train.railway}/{train.number}/{local(train.railway, since):%Y-%m-%d}/{held['place']}"
    facts.append(Fact("link.trains_same", {"trains": [*names(train), whole], **begins}))
    last = messages[-1].record["data"]["place"].removeprefix("railnet:")
    sent = train.made + 20 * MINUTE
    content = composition(train, since, arrives, last, sent)
    yield _file(train, "3003", sent, content, facts)
    about = {"objects": objects("train", names(train)[:1])}
    random = records.random(FORMAT, train.key)
    if random.random() < 0.7:
        expected = floor(arrives + random.randrange(-180, 40) * MINUTE, 1)
        made = min(expected, train.left + 5 * MINUTE)
        place = messages[-1].record["data"]["place"]
        details = {
            "classifier": "EST",
            "happened": local(train.railway, expected).isoformat(),
            "place": place,
            **about,
        }
        kind = "movement.arrived"
        content = running("4004", train, kind, last, expected, made)
        yield _file(train, "4004", made, content, [Fact(kind, details)])
    for message in messages:
        data: Mapping[str, Any] = message.record["data"]
        what = what_of(message)
        fields = ("classifier", "happened", "place", *(("delay_minutes",) if "delay_minutes" in data else ()))
        fact = records.take(message, *fields)
        station = data["place"].removeprefix("railnet:")
        made = at(message) + 30 * SECOND
        content = running("4005", train, what, station, at(message), made, data.get("delay_minutes"))
        facts = [Fact(fact.what, {**fact.data, **about})]
        status = _status(train, what, station)
        if status == _LEAVES_ORIGIN:
            facts.append(Fact("link.trains_same", {"trains": [*names(train), train.key], **begins}))
        yield _file(train, "4005", message.sent, content, facts, f"-{made // SECOND}-{status}")


def _file(
    train: TrainConsist, number: str, sent: int, content: bytes, facts: list[Fact], more: str = ""
) -> PartnerFile:
    name = f"{number}-{train.day}-{train.number}{more}.xml"
    return PartnerFile(sent, train.railway, FORMAT, name, content, tuple(facts))


def names(train: TrainConsist) -> tuple[str, str]:
    """What messages call ``train``: its identifier (TR), and its number with the day of the booked handover."""
    company, core = _CODES[train.railway], f"SIM{train.number:0>9}"
    return f"{company}/{core}-00-{train.day[:4]}/{train.day}", f"{train.railway}/{train.number}/{train.day}"


def aliases(trains: Iterable[TrainConsist]) -> dict[str, str]:
    """By each name that messages have for a train of theirs: the train as everybody else knows it."""
    return {name: train.key for train in trains if train.railway in RAILWAYS for name in names(train)}


def composition(train: TrainConsist, since: int, arrives: int, last: str, made: int) -> bytes:
    """Message 3003: which wagons stand in ``train`` and which containers on each, until it ``arrives`` at ``last``."""
    message = _message("TrainCompositionMessage", "3003", train, made)
    _named(message, train)
    part = message.add("TrainCompositionJourneySection")
    journey = part.add("JourneySection")
    _place(journey.add("JourneySectionOrigin"), train.station, local(train.railway, since).isoformat())
    _place(journey.add("JourneySectionDestination"), last, local(train.railway, arrives).isoformat())
    responsible = journey.add("ResponsibilityActualSection")
    responsible.add("ResponsibleRU", _CODES[train.railway])
    responsible.add("ResponsibleIM", _CODES[train.railway])
    technical = part.add("TrainRunningData").add("TrainRunningTechData")
    count, loads = len(train.wagons), len(train.boxes)
    for name, value in (
        ("TrainType", "2"),
        ("TrainWeight", f"{count * _TARE_T + loads * _LOAD_T}"),
        ("TrainLength", f"{count * _LENGTH_M}"),
        ("NumberOfVehicles", f"{count}"),
    ):
        technical.add(name, value)
    part.add("LivestockOrPeopleIndicator", "0")
    for position, (number, boxes) in enumerate(train.wagons, start=1):
        wagon = part.add("WagonData")
        wagon.add("WagonNumberFreight", number.removeprefix("UIC/"))
        wagon.add("WagonTrainPosition", str(position))
        wagon.add("WagonOperationalData").add("BrakeType", "10")
        frame = wagon.add("WagonTechData")
        frame.add("LengthOverBuffers", f"{_LENGTH_M * 100}")
        frame.add("WagonNumberOfAxles", "4")
        frame.add("WagonWeightEmpty", f"{_TARE_T * 1_000}")
        for box in boxes:
            load = wagon.add("IntermodalTransportData")
            load.add("TypeOfLoadUnit", "01")
            load.add("LoadUnitNumber", box)
    return message.content()


def running(
    number: str,
    train: TrainConsist,
    what: str,
    station: str,
    happened: int,
    made: int,
    delay: int | None = None,
) -> bytes:
    """Message 4005: that ``train`` did ``what`` at ``station``; as 4004, when it is expected to."""
    kind = "TrainRunningInformationMessage" if number == "4005" else "TrainRunningForecastMessage"
    status = _status(train, what, station)
    message = _message(kind, number, train, made, f"-{locations()[station]}-{status}")
    _named(message.add("TrainOperationalIdentification"), train, wrapped=True)
    _number(message, train)
    report = message.add("TrainLocationReport")
    _place(report.add("Location"), station)
    report.add("LocationDateTime", local(train.railway, happened).isoformat())
    report.add("TrainLocationStatus", status)
    if delay is not None:
        booked = local(train.railway, happened - delay * MINUTE).isoformat()
        report.add("BookedLocationDateTime", booked)
        report.add("TrainDelay").add("AgainstBooked", f"{delay:+05d}")
    return message.content()


def _status(train: TrainConsist, what: str, station: str) -> str:
    return _LEAVES_ORIGIN if what == "movement.departed" and station == train.station else _RUNS[what]


def _message(name: str, number: str, train: TrainConsist, made: int, more: str = "") -> Element:
    root = xml_message(name, _NAMESPACE, {None: _NAMESPACE}, inside=_NAMESPACE)
    head = root.add("MessageHeader")
    reference = head.add("MessageReference")
    reference.add("MessageType", number)
    reference.add("MessageTypeVersion", "3.5.2.0")
    reference.add("MessageIdentifier", f"sim-{number}-{train.day}-{train.number}-{made // SECOND}{more}")
    reference.add("MessageDateTime", local(train.railway, made).isoformat())
    head.add("Sender", _CODES[train.railway])
    head.add("Recipient", "9S00")
    root.add("MessageStatus", "1")
    return root


def _named(parent: Element, train: TrainConsist, *, wrapped: bool = False) -> None:
    identifier = parent.add("TransportOperationalIdentifiers")
    for name, value in (
        ("ObjectType", "TR"),
        ("Company", _CODES[train.railway]),
        ("Core", f"SIM{train.number:0>9}"),
        ("Variant", "00"),
        ("TimetableYear", train.day[:4]),
        ("StartDate", train.day),
    ):
        identifier.add(name, value)
    if not wrapped:
        _number(parent, train)


def _number(parent: Element, train: TrainConsist) -> None:
    number = parent.add("OperationalTrainNumberIdentifier")
    number.add("OperationalTrainNumber", train.number)
    number.add("ScheduledTimeAtHandover", f"{train.day}T12:00:00")


def _place(parent: Element, station: str, booked: str = "") -> None:
    code = locations()[station]
    parent.add("CountryCodeISO", code[:2])
    parent.add("LocationPrimaryCode", code[2:])
    if booked:
        parent.add("BookedLocationDateTime", booked)
