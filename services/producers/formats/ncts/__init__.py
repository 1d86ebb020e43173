"""EU NCTS phase 5: the life of one transit declaration, from lodging (015) to write-off (045)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

from schemas.reasons import Reason, Refusal
from services.producers.formats import markup, messages
from services.producers.formats.markup import Node
from services.producers.formats.messages import Notes, require_not_cancelled, unknown, validated
from services.producers.formats.model import Format, Position, ReadOutcome, Record, Settings, Unread
from services.producers.formats.ncts import departure, destination, message
from services.producers.formats.ncts.message import Message

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


_MESSAGES: dict[str, Callable[[Message], Iterator[Record]]] = {
    "015": departure.lodged,
    "028": departure.accepted,
    "060": departure.controlled,
    "051": departure.refused,
    "029": departure.released,
    "045": departure.written_off,
    "043": destination.unloading_permitted,
    "044": destination.unloaded,
    "025": destination.released,
}
_NAMES = tuple(f"CC{number}C" for number in _MESSAGES)
_OTHER = re.compile(r"(?:CC|IE)([0-9]{3})([A-Z]?)", re.IGNORECASE)


def recognise(raw: bytes) -> int:
    """How sure it is, 0 to 100, that ``raw`` is NCTS: one of the nine messages, or another one; never raises."""
    sure = messages.recognise(raw, _NAMES)
    return sure or (70 if _OTHER.fullmatch(markup.root_name(raw)) else 0)


def read(raw: bytes, settings: Settings) -> ReadOutcome:
    """Read the messages in ``raw``, up to 8 MiB; raises Refusal where the file as a whole cannot be read."""
    root = markup.read(raw)
    other = _OTHER.fullmatch(root.name)
    if other is not None and root.name.upper() not in _NAMES:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"{root.name} is "
            + ("of phase 4" if other[2].upper() in ("A", "B") else "a message that makes no event here")
            + ".",
            root.path,
            f"The messages that are read, of phase 5: {', '.join(_NAMES)}.",
        )
    notes = Notes(message.FORMAT, settings)
    found = messages.find(root, _NAMES)
    records = tuple(chain.from_iterable(_message(node, raw, notes) for node in found))
    return ReadOutcome(message.FORMAT, tuple(notes.interpretations), iter(records), tuple(notes.remarks))


def _message(node: Node, raw: bytes, notes: Notes) -> Iterator[Record]:
    number = messages.named(node, _NAMES)[2:5]
    notes.interpret(node.path, node.name, f"message {number}")
    notes.remarks.extend(unknown(node, VOCABULARY))
    try:
        require_not_cancelled(node)
        yield from map(validated, _MESSAGES[number](message.read(node, number, raw, notes)))
    except Refusal as refusal:
        yield Unread(Position(path=node.path), refusal)


FORMATS: tuple[Format, ...] = (
    Format(
        message.FORMAT,
        "EU customs transit (NCTS phase 5) messages 015, 025, 028, 029, 043, 044, 045, 051, 060",
        recognise,
        read,
    ),
)
