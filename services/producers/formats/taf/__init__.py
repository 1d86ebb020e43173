"""TAF TSI messages of European railways: TrainRunningInformation, TrainRunningForecast and TrainComposition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from schemas.reasons import Refusal
from services.producers.formats import markup
from services.producers.formats import messages as envelopes
from services.producers.formats.markup import Node
from services.producers.formats.messages import Notes, require_not_cancelled, unknown, validated
from services.producers.formats.model import Format, Position, ReadOutcome, Record, Settings, Unread
from services.producers.formats.taf import composition, head, train_running
from services.producers.formats.taf.head import Head

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


_Reader = Callable[[Node, bytes, Head, Notes], Iterator[tuple[tuple[str, ...], Record]]]
_MESSAGES: dict[str, tuple[str, _Reader]] = {
    "TrainRunningInformationMessage": ("4005", train_running.records),
    "TrainRunningForecastMessage": ("4004", train_running.records),
    "TrainCompositionMessage": ("3003", composition.records),
}


def recognise(raw: bytes) -> int:
    """How sure it is, 0 to 100, that ``raw`` is one of the three messages, bare or in an envelope; never raises."""
    return envelopes.recognise(raw, _MESSAGES)


def read(raw: bytes, settings: Settings) -> ReadOutcome:
    """Read the messages in ``raw``, up to 8 MiB; raises Refusal where the file as a whole cannot be read."""
    messages = envelopes.find(markup.read(raw), _MESSAGES)
    notes = Notes(head.FORMAT, settings)
    records = tuple(chain.from_iterable(_message(message, raw, notes) for message in messages))
    return ReadOutcome(head.FORMAT, tuple(notes.interpretations), iter(records), tuple(notes.remarks))


def _message(message: Node, raw: bytes, notes: Notes) -> Iterator[Record]:
    number, reader = _MESSAGES[envelopes.named(message, _MESSAGES)]
    notes.interpret(message.path, message.name, f"message {number}")
    notes.remarks.extend(unknown(message, VOCABULARY))
    try:
        require_not_cancelled(message)
        message_head = head.read(message, number, notes)
        yield from map(validated, head.by_status(message_head, reader(message, raw, message_head, notes)))
    except Refusal as refusal:
        yield Unread(Position(path=message.path), refusal)


FORMATS: tuple[Format, ...] = (
    Format(
        head.FORMAT,
        "TAF TSI messages 4005, 4004 and 3003 (running, forecast, composition), schemas 3.5 and sector 2.3",
        recognise,
        read,
    ),
)
