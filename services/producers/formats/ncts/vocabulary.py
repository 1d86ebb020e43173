"""The elements of the nine messages, as far as they are looked into; parties, guarantees and goods are not."""

from __future__ import annotations

_HEAD = "messageSender messageRecipient preparationDateAndTime messageIdentification messageType correlationIdentifier"
_BODY = (
    "TransitOperation Authorisation CustomsOfficeOfDeparture CustomsOfficeOfDestinationDeclared "
    "CustomsOfficeOfDestinationActual CustomsOfficeOfTransitDeclared CustomsOfficeOfExitForTransitDeclared "
    "HolderOfTheTransitProcedure Representative Guarantee Guarantor Consignment TraderAtDestination ControlResult "
    "TypeOfControls RequestedDocument UnloadingRemark CTLControl"
)
NUMBERS = ("015", "025", "028", "029", "043", "044", "045", "051", "060")
"""The messages that are read."""
_ELEMENTS = {
    "TransitOperation": (
        "LRN MRN declarationType additionalDeclarationType TIRCarnetNumber presentationOfTheGoodsDateAndTime "
        "declarationAcceptanceDate releaseDate releaseIndicator writeOffDate declarationSubmissionDateAndTime "
        "noReleaseMotivationCode noReleaseMotivationText controlNotificationDateAndTime notificationType security "
        "reducedDatasetIndicator specificCircumstanceIndicator communicationLanguageAtDeparture bindingItinerary "
        "limitDate otherThingsToReport"
    ),
    "Consignment": (
        "countryOfDispatch countryOfDestination containerIndicator inlandModeOfTransport modeOfTransportAtTheBorder "
        "grossMass referenceNumberUCR Carrier Consignor Consignee AdditionalSupplyChainActor TransportEquipment "
        "LocationOfGoods DepartureTransportMeans CountryOfRoutingOfConsignment ActiveBorderTransportMeans "
        "PlaceOfLoading PlaceOfUnloading PreviousDocument SupportingDocument TransportDocument AdditionalReference "
        "AdditionalInformation TransportCharges Incident HouseConsignment"
    ),
    "TransportEquipment": ("sequenceNumber containerIdentificationNumber numberOfSeals Seal GoodsReference"),
    "Seal": "sequenceNumber identifier",
    "TransportDocument": "sequenceNumber type referenceNumber",
    "TypeOfControls": "sequenceNumber type text",
    "ControlResult": "code date controlledBy text",
    "UnloadingRemark": "conform unloadingCompletion unloadingDate stateOfSeals unloadingRemark",
    "CustomsOfficeOfDeparture": "referenceNumber",
    "CustomsOfficeOfDestinationDeclared": "referenceNumber",
    "CustomsOfficeOfDestinationActual": "referenceNumber",
}
VOCABULARY = {name: frozenset(children.split()) for name, children in _ELEMENTS.items()} | {
    f"CC{number}C": frozenset(f"{_HEAD} {_BODY}".split()) for number in NUMBERS
}
"""The known children of each element; what stands in an element that is not here is not looked into."""
