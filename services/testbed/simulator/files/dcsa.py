"""DCSA Track & Trace 3.0: what a forwarder's system sends in a day, one request of JSON events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from schemas import railnet
from services.testbed.simulator.files.file_formats import local
from services.testbed.simulator.files.office_records import OfficeRecords, PartnerFile, at, only
from services.testbed.simulator.reports import Message, moment
from services.testbed.simulator.world import DAY

FORMAT = "dcsa"
FORWARDERS = ("hansa", "sinolink")
_CODES: Mapping[str, tuple[str, str, tuple[str, ...]]] = MappingProxyType(
    {
        "movement.gated_out": ("EQUIPMENT", "GTOT", ("place",)),
        "movement.stuffed": ("EQUIPMENT", "STUF", ("seals",)),
        "movement.booked": ("SHIPMENT", "RECE", ()),
    }
)
"""By event: DCSA's type and code, and the fields of the record that it carries besides time and object."""


def files(records: OfficeRecords) -> Iterator[PartnerFile]:
    """The events of each day; bookings only where the forwarder gave them their number."""
    for party in FORWARDERS:
        days: dict[int, list[tuple[str, Message]]] = defaultdict(list)
        for what in _CODES:
            for message in records.plain(party, what):
                booking = only(message, "booking")
                if booking.startswith(f"{party}/") or only(message, "container"):
                    days[message.sent // DAY].append((what, message))
        for day, found in sorted(days.items()):
            events = [event(party, what, message) for what, message in found]
            facts = tuple(
                records.take(message, "classifier", "happened", "objects", *_CODES[what][2])
                for what, message in found
            )
            name = f"events-{local(party, day * DAY):%Y-%m-%d}.json"
            content = orjson.dumps({"events": events}, option=orjson.OPT_INDENT_2)
            yield PartnerFile(max(m.sent for _, m in found), party, FORMAT, name, content, facts)


def event(party: str, what: str, message: Message) -> dict[str, Any]:
    """One event as ``party`` sends it."""
    kind, code, _ = _CODES[what]
    data = message.record["data"]
    body: dict[str, Any] = {
        "eventRouting": {
            "originatingParty": {
                "partyCode": f"SIM-{party.upper()}",
                "codeListProvider": "ZZZ",
                "codeListName": "SIMULATED",
                "partyFunction": "FW",
            }
        },
        "eventID": f"evt-{message.record['id']}",
        "eventDateTime": _utc(at(message)),
        "eventUpdatedDateTime": message.record["time"],
        "eventClassification": {
            "eventTypeCode": kind,
            "eventClassifierCode": data["classifier"],
            f"{kind.lower()}EventTypeCode": code,
        },
    }
    if place := data.get("place"):
        station = railnet.stations()[place.removeprefix("railnet:")]
        body["eventLocation"] = {"locationName": station.names.en, "UNLocationCode": station.locode}
    if box := only(message, "container"):
        body["equipmentDetails"] = {
            "equipmentReference": box,
            "ISOEquipmentCode": "45G1",
            "emptyIndicatorCode": "LADEN",
            "movementType": "IMPORT" if code == "GTOT" else "EXPORT",
        }
        if seals := data.get("seals"):
            body["equipmentDetails"]["seals"] = [{"number": seal, "source": "SHI"} for seal in seals]
    else:
        reference = only(message, "booking").partition("/")[2]
        body["shipmentDetails"] = {"documentReference": {"typeCode": "BKG", "reference": reference}}
    return body


def _utc(happened: int) -> str:
    return f"{moment(happened):%Y-%m-%dT%H:%M:%S}Z"
