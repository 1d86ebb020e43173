"""Small messages of each kind, written by hand with invented data; the keyword arguments are what tests vary."""

from __future__ import annotations

import json
from typing import Any

NAMESPACE = "http://www.era.europa.eu/schemes/TAFTSI/3.5"
SECTOR = "http://taf-jsg.info/schemes"
BOXES = ("QZXU4011130", "QZXU4012501", "XJQU7300214")
WAGONS = ("315145560019", "315145560191")
MRN = "26PL301010NU5G7BJ6"
NOTE = "SMGS/CN/XAY/200020/2026"


def head(number: str, status: str, created: str, identifier: str, sender: str = "9Z02") -> str:
    return f"""<MessageHeader><MessageReference><MessageType>{number}</MessageType>
      <MessageTypeVersion>3.5.2.0</MessageTypeVersion><MessageIdentifier>{identifier}</MessageIdentifier>
      <MessageDateTime>{created}</MessageDateTime></MessageReference>
      <SenderReference>ref-1</SenderReference>
      <Sender t:CI_InstanceNumber="01">{sender}</Sender><Recipient t:CI_InstanceNumber="01">9Z01</Recipient>
    </MessageHeader><MessageStatus>{status}</MessageStatus>"""


TR = """<TransportOperationalIdentifiers><ObjectType>TR</ObjectType><Company>9Z01</Company><Core>-DEMO4530120</Core>
  <Variant>00</Variant><TimetableYear>2026</TimetableYear><StartDate>2026-03-12</StartDate>
</TransportOperationalIdentifiers>"""
NUMBER = """<OperationalTrainNumberIdentifier><OperationalTrainNumber>45301</OperationalTrainNumber>
  <ScheduledTimeAtHandover>2026-03-12T06:30:00+01:00</ScheduledTimeAtHandover></OperationalTrainNumberIdentifier>"""
BARE_NUMBER = """<OperationalTrainNumberIdentifier><OperationalTrainNumber>45301</OperationalTrainNumber>
</OperationalTrainNumberIdentifier>"""


def report(
    status: str = "04",
    at: str = "2026-03-12T06:41:00+01:00",
    country: str = "PL",
    code: str = "2580",
    extra: str = "<BookedLocationDateTime>2026-03-12T06:30:00+01:00</BookedLocationDateTime>",
) -> str:
    return f"""<TrainLocationReport><Location><CountryCodeISO>{country}</CountryCodeISO>
      <LocationPrimaryCode>{code}</LocationPrimaryCode></Location><LocationDateTime>{at}</LocationDateTime>
      <TrainLocationStatus>{status}</TrainLocationStatus>{extra}</TrainLocationReport>"""


def running(
    *reports: str,
    forecast: bool = False,
    status: str = "1",
    created: str = "2026-03-12T06:42:00+01:00",
    identifier: str = "m-1",
    train: str = f"<TrainOperationalIdentification>{TR}</TrainOperationalIdentification>{NUMBER}",
    after: str = "",
    namespace: str = NAMESPACE,
) -> bytes:
    name = "TrainRunningForecastMessage" if forecast else "TrainRunningInformationMessage"
    number = "4004" if forecast else "4005"
    body = "".join(reports or (report(),))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{namespace}" xmlns:t="{namespace}">'
        f"{head(number, status, created, identifier)}{train}{body}{after}</{name}>"
    ).encode()


def unit(number: str, kind: str = "01") -> str:
    return (
        f"<IntermodalTransportData><TypeOfLoadUnit>{kind}</TypeOfLoadUnit>"
        f"<LoadUnitNumber>{number}</LoadUnitNumber></IntermodalTransportData>"
    )


def wagon(number: str, position: int, *units: str) -> str:
    return (
        f"<WagonData><WagonNumberFreight>{number}</WagonNumberFreight>"
        f"<WagonTrainPosition>{position}</WagonTrainPosition>{''.join(units)}</WagonData>"
    )


def section(
    *wagons: str,
    departs: str = "2026-03-12T06:30:00+01:00",
    arrives: str = "2026-03-13T15:10:00+01:00",
    vehicles: str = "",
) -> str:
    def booked(at: str) -> str:
        return f"<BookedLocationDateTime>{at}</BookedLocationDateTime>" if at else ""

    tech = (
        f"<TrainRunningData><TrainRunningTechData><NumberOfVehicles>{vehicles}</NumberOfVehicles>"
        "</TrainRunningTechData></TrainRunningData>"
        if vehicles
        else ""
    )
    return f"""<TrainCompositionJourneySection><JourneySection>
      <JourneySectionOrigin><CountryCodeISO>PL</CountryCodeISO><LocationPrimaryCode>2580</LocationPrimaryCode>
        {booked(departs)}</JourneySectionOrigin>
      <JourneySectionDestination><CountryCodeISO>DE</CountryCodeISO><LocationPrimaryCode>99002</LocationPrimaryCode>
        {booked(arrives)}</JourneySectionDestination>
      <ResponsibilityActualSection><ResponsibleRU>9Z01</ResponsibleRU><ResponsibleIM>9Z02</ResponsibleIM>
      </ResponsibilityActualSection></JourneySection>{tech}{"".join(wagons)}</TrainCompositionJourneySection>"""


def composition(
    *sections: str,
    status: str = "1",
    created: str = "2026-03-12T05:41:10+01:00",
    identifier: str = "c-1",
    train: str = TR + NUMBER,
    namespace: str = NAMESPACE,
) -> bytes:
    plain = section(wagon(WAGONS[0], 1, unit(BOXES[0]), unit(BOXES[1])), wagon(WAGONS[1], 2, unit(BOXES[2])))
    return (
        f'<TrainCompositionMessage xmlns="{namespace}" xmlns:t="{namespace}">'
        f"{head('3003', status, created, identifier, sender='9Z01')}{train}{''.join(sections or (plain,))}"
        "</TrainCompositionMessage>"
    ).encode()


def ncts(
    number: str,
    operation: str,
    body: str = "",
    *,
    prepared: str = "2026-03-14T10:00:00",
    sender: str = "NTA.PL",
    office: str = "PL301010",
    phase: str = ' PhaseID="NCTS5.1"',
    identification: str = "id-1",
) -> bytes:
    at_destination = number in ("025", "043", "044")
    name = "CustomsOfficeOfDestinationActual" if at_destination else "CustomsOfficeOfDeparture"
    holder = "" if at_destination else HOLDER
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ncts:CC{number}C xmlns:ncts="http://ncts.dgtaxud.ec"{phase}><messageSender>{sender}</messageSender>
  <messageRecipient>DE123456789012345</messageRecipient><preparationDateAndTime>{prepared}</preparationDateAndTime>
  <messageIdentification>{identification}</messageIdentification><messageType>CC{number}C</messageType>
  <TransitOperation>{operation}</TransitOperation><{name}><referenceNumber>{office}</referenceNumber></{name}>
  {holder}{body}</ncts:CC{number}C>""".encode()


HOLDER = """<HolderOfTheTransitProcedure><identificationNumber>DE123456789012345</identificationNumber>
</HolderOfTheTransitProcedure>"""
LRN = "<LRN>HANSE2026-0001</LRN>"
DESTINATION = """<CustomsOfficeOfDestinationDeclared><referenceNumber>DE004605</referenceNumber>
</CustomsOfficeOfDestinationDeclared>"""


def goods(*boxes: str, note: str = NOTE, kind: str = "N722", seals: str = "") -> str:
    equipment = "".join(
        f"<TransportEquipment><sequenceNumber>{n}</sequenceNumber>"
        f"<containerIdentificationNumber>{box}</containerIdentificationNumber>{seals}</TransportEquipment>"
        for n, box in enumerate(boxes, start=1)
    )
    document = (
        f"<TransportDocument><sequenceNumber>1</sequenceNumber><type>{kind}</type>"
        f"<referenceNumber>{note}</referenceNumber></TransportDocument>"
        if note
        else ""
    )
    return f"""<Consignment>{equipment}{document}<HouseConsignment><ConsignmentItem><Commodity><CommodityCode>
      <harmonizedSystemSubHeadingCode>847130</harmonizedSystemSubHeadingCode></CommodityCode></Commodity>
      </ConsignmentItem></HouseConsignment></Consignment>"""


def life() -> dict[str, bytes]:
    """Every message of one declaration's life, by number, in the order in which they come."""
    mrn = f"<MRN>{MRN}</MRN>"
    return {
        "015": ncts(
            "015",
            f"{LRN}<declarationType>T1</declarationType><limitDate>2026-03-22</limitDate>",
            DESTINATION + goods(*BOXES[:2]),
            prepared="2026-03-14T08:00:00",
            sender="DE123456789012345",
        ),
        "028": ncts(
            "028",
            f"{LRN}{mrn}<declarationAcceptanceDate>2026-03-14</declarationAcceptanceDate>",
            prepared="2026-03-14T08:05:00",
        ),
        "060": ncts(
            "060",
            f"{LRN}{mrn}<controlNotificationDateAndTime>2026-03-14T09:00:00</controlNotificationDateAndTime>"
            "<notificationType>0</notificationType>",
            "<TypeOfControls><sequenceNumber>1</sequenceNumber><type>40</type></TypeOfControls>",
            prepared="2026-03-14T09:01:00",
        ),
        "029": ncts(
            "029",
            f"{LRN}{mrn}<declarationType>T1</declarationType><releaseDate>2026-03-14</releaseDate>",
            DESTINATION
            + "<ControlResult><code>A1</code><date>2026-03-14</date></ControlResult>"
            + goods(*BOXES[:2]),
            prepared="2026-03-14T11:00:00",
        ),
        "043": ncts(
            "043",
            f"{mrn}<declarationType>T1</declarationType>",
            goods(*BOXES[:2]),
            prepared="2026-03-16T07:00:00",
            sender="NTA.DE",
            office="DE004605",
        ),
        "044": ncts(
            "044",
            mrn,
            "<UnloadingRemark><conform>1</conform><unloadingCompletion>1</unloadingCompletion>"
            "<unloadingDate>2026-03-16</unloadingDate><stateOfSeals>1</stateOfSeals></UnloadingRemark>"
            + goods(*BOXES[:2], note=""),
            prepared="2026-03-16T09:30:00",
            sender="DE987654321098765",
            office="DE004605",
        ),
        "025": ncts(
            "025",
            f"{mrn}<releaseDate>2026-03-16</releaseDate><releaseIndicator>1</releaseIndicator>",
            prepared="2026-03-16T12:00:00",
            sender="NTA.DE",
            office="DE004605",
        ),
        "045": ncts("045", f"{mrn}<writeOffDate>2026-03-17</writeOffDate>", prepared="2026-03-17T06:00:00"),
    }


CUSTOMS = {"NTA.PL": "kas", "NTA.DE": "zoll", "DE004605": "locode:DEDUI"}
"""Choices of a forwarder that declared both administrations and where the office has goods unloaded."""


def dcsa_event(
    kind: str = "EQUIPMENT",
    code: str = "GTIN",
    *,
    id: str = "evt-1",
    updated: str = "2026-03-01T10:05:00+08:00",
    happened: str = "2026-03-01T10:00:00+08:00",
    classifier: str = "ACT",
    place: str | None = "CNXIA",
    box: str | None = BOXES[0],
    mode: str | None = None,
    documents: tuple[tuple[str, str], ...] = (),
    **more: Any,
) -> dict[str, Any]:
    event: dict[str, Any] = {
        "eventRouting": {
            "originatingParty": {"partyCode": "EXCO", "codeListProvider": "SMDG", "codeListName": "LCL"}
        },
        "eventID": id,
        "eventDateTime": happened,
        "eventUpdatedDateTime": updated,
        "eventClassification": {
            "eventTypeCode": kind,
            "eventClassifierCode": classifier,
            f"{kind.lower()}EventTypeCode": code,
        },
    }
    if place is not None:
        event["eventLocation"] = {"UNLocationCode": place}
    if box is not None:
        event["equipmentDetails"] = {"equipmentReference": box}
    if mode is not None:
        event["transportDetails"] = {"transportCall": {"modeOfTransport": mode}}
    if documents:
        first, *others = ({"typeCode": kind, "reference": reference} for kind, reference in documents)
        event["shipmentDetails"] = {"documentReference": first, "additionalDocumentReferences": others}
    for name, value in more.items():
        old = event.get(name)
        event[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return event


def dcsa(*events: dict[str, Any]) -> bytes:
    return json.dumps({"events": list(events)}).encode()
