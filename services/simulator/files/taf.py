"""TAF TSI messages of the European part: composition (3003) of a train, and its running information (4005).

The form is that of schema 3.5 (Regulation (EU) 2021/541); company codes are invented, as the companies are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree

from schemas import railnet
from services.simulator.cast import CAST
from services.simulator.telling import moment

NAMESPACE = "http://www.era.europa.eu/schemes/TAFTSI/3.5"
_DEFAULT: Any = {None: NAMESPACE}  # the default namespace, which the stubs of lxml do not know
_CODES = {"pkp": "9S51", "db": "9S80"}
_STATUS = {"movement.arrived": "03", "movement.departed": "04", "movement.position_reported": "05"}
"""What a train does, as TrainLocationStatus: arrival, departure and run-through on the way."""


class Message:
    """One message under construction; ``add`` appends an element at a path and returns it."""

    def __init__(self, name: str, number: str, party: str, identifier: str, created: int) -> None:
        self.root = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap=_DEFAULT)
        self.root.append(etree.Comment(" simulated "))
        self.party = party
        head = self.add(self.root, "MessageHeader")
        reference = self.add(head, "MessageReference")
        self.add(reference, "MessageType", number)
        self.add(reference, "MessageTypeVersion", "3.5.2.0")
        self.add(reference, "MessageIdentifier", identifier)
        self.add(reference, "MessageDateTime", self.text(created))
        self.add(head, "Sender", _CODES[party])
        self.add(head, "Recipient", "9S00")
        self.add(self.root, "MessageStatus", "1")

    def add(self, parent: etree._Element, name: str, text: str = "") -> etree._Element:
        element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
        element.text = text or None
        return element

    def text(self, at: int) -> str:
        """``at`` on the sender's clock, with its offset."""
        return moment(at).astimezone(CAST[self.party].zone).isoformat()

    def train(self, parent: etree._Element, key: str) -> None:
        """The TR identifier of a train of this world."""
        _, number, day, _ = key.split("/", 3)
        train = self.add(parent, "TransportOperationalIdentifiers")
        for name, value in (
            ("ObjectType", "TR"),
            ("Company", _CODES[self.party]),
            ("Core", f"-SIM{number:0>8}"),
            ("Variant", "00"),
            ("TimetableYear", day[:4]),
            ("StartDate", day),
        ):
            self.add(train, name, value)

    def place(self, parent: etree._Element, station: railnet.Station) -> None:
        """A station by country and primary location code."""
        assert station.plc is not None
        self.add(parent, "CountryCodeISO", station.plc[:2])
        self.add(parent, "LocationPrimaryCode", station.plc[2:])

    def content(self) -> bytes:
        content: bytes = etree.tostring(self.root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
        return content


def running(party: str, train: str, what: str, station: railnet.Station, at: int, serial: int) -> bytes:
    """That ``train`` of ``party`` arrived at, left or passed ``station`` at ``at``; the station has a location code."""
    message = Message("TrainRunningInformationMessage", "4005", party, f"sim-4005-{serial:06d}", at)
    wrapped = message.add(message.root, "TrainOperationalIdentification")
    message.train(wrapped, train)
    report = message.add(message.root, "TrainLocationReport")
    message.place(message.add(report, "Location"), station)
    message.add(report, "LocationDateTime", message.text(at))
    message.add(report, "TrainLocationStatus", _STATUS[what])
    return message.content()


def composition(
    party: str,
    train: str,
    wagons: Sequence[tuple[str, Sequence[str]]],
    ends: tuple[railnet.Station, railnet.Station],
    at: int,
    serial: int,
) -> bytes:
    """Which wagons stand in ``train`` and which containers on each; both ``ends`` have location codes."""
    message = Message("TrainCompositionMessage", "3003", party, f"sim-3003-{serial:06d}", at)
    message.train(message.root, train)
    part = message.add(message.root, "TrainCompositionJourneySection")
    journey = message.add(part, "JourneySection")
    message.place(message.add(journey, "JourneySectionOrigin"), ends[0])
    message.place(message.add(journey, "JourneySectionDestination"), ends[1])
    responsible = message.add(journey, "ResponsibilityActualSection")
    message.add(responsible, "ResponsibleRU", _CODES[party])
    message.add(responsible, "ResponsibleIM", _CODES[party])
    for position, (number, boxes) in enumerate(wagons, start=1):
        wagon = message.add(part, "WagonData")
        message.add(wagon, "WagonNumberFreight", number.removeprefix("UIC/"))
        message.add(wagon, "WagonTrainPosition", str(position))
        for box in boxes:
            load = message.add(wagon, "IntermodalTransportData")
            message.add(load, "TypeOfLoadUnit", "01")
            message.add(load, "LoadUnitNumber", box)
    return message.content()


def told(what: str) -> bool:
    """Whether a running message speaks of ``what``."""
    return what in _STATUS
