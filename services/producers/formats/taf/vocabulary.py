"""The elements of the three messages in both schemas (3.5 and sector 2.3), as far as they are looked into."""

from __future__ import annotations

_PLACE = "CountryCodeISO LocationPrimaryCode PrimaryLocationName LocationSubsidiaryIdentification"
_RUNNING = (
    "MessageHeader MessageStatus TrainOperationalIdentification OperationalTrainNumberIdentifier ReferenceOTN "
    "ResponsibleRU TrainLocationReport TransferPoint TransfereeIM"
)
_ELEMENTS = {
    "TrainRunningInformationMessage": _RUNNING,
    "TrainRunningForecastMessage": _RUNNING,
    "TrainCompositionMessage": (
        "MessageHeader MessageStatus TransportOperationalIdentifiers TrainOperationalIdentification "
        "OperationalTrainNumberIdentifier OperationalTrainNumber ReferenceOTN TransferPoint TransfereeIM "
        "TrainCompositionJourneySection"
    ),
    "MessageHeader": (
        "MessageReference MessageRoutingID SenderReference Sender MessageDateTimeCreated Recipient"
    ),
    "MessageReference": "MessageType MessageTypeVersion MessageIdentifier MessageDateTime",
    "TrainOperationalIdentification": "TransportOperationalIdentifiers RelatedTransportOperationalIdentifiers",
    "TransportOperationalIdentifiers": "ObjectType Company Core Variant TimetableYear StartDate",
    "OperationalTrainNumberIdentifier": (
        "OperationalTrainNumber ScheduledTimeAtHandover ScheduledDateTimeAtTransfer"
    ),
    "ReferenceOTN": "OperationalTrainNumberIdentifier",
    "TrainLocationReport": (
        "Location LocationDateTime TrainLocationStatus BookedLocationDateTime ReferencedLocationDateTime TrainDelay "
        "GeoLocalisationOnNetwork"
    ),
    "TrainDelay": "AgainstBooked AgainstReferenced",
    "Location": _PLACE,
    "TransferPoint": _PLACE,
    "JourneySectionOrigin": f"{_PLACE} BookedLocationDateTime",
    "JourneySectionDestination": f"{_PLACE} BookedLocationDateTime",
    "TrainCompositionJourneySection": (
        "JourneySection TrainRunningData LocoIdent LivestockOrPeopleIndicator WagonData"
    ),
    "JourneySection": (
        "JourneySectionOrigin JourneySectionDestination ResponsibilityActualSection ResponsibilityNextSection"
    ),
    "ResponsibilityActualSection": "ResponsibleRU ResponsibleIM",
    "WagonData": (
        "WagonNumberFreight WagonTrainPosition WagonOperationalData WagonTechData IntermodalTransportData"
    ),
    "IntermodalTransportData": "TypeOfLoadUnit LoadUnitNumber DangerousGoodsIndication",
}
VOCABULARY = {name: frozenset(children.split()) for name, children in _ELEMENTS.items()}
"""The known children of each element; what stands in an element that is not here is not looked into."""
