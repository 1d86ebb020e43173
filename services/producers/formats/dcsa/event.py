"""One Track & Trace event: key, version, originating party, time, place and objects.

Source: DCSA Track & Trace standard 3.0; events of 2.x are converted to it by ``document``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.identifiers import note_key
from schemas.identifiers.form import MalformedIdentifier
from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.dcsa.document import Item
from services.producers.formats.instants import Instant
from services.producers.formats.messages import (
    Notes,
    declaration_hint,
    doubts,
    identity,
    remarks_at,
    time_fields,
)
from services.producers.formats.model import EventDraft, Position, Remark

FORMAT = "dcsa"
_CLASSIFIERS = ("ACT", "EST", "PLN")


@dataclass(frozen=True, slots=True)
class Event:
    """An event: ``key`` names all its versions, ``updated`` is when this version was made."""

    item: Item
    key: str
    updated: Instant
    notes: Notes
    remarks: list[Remark] = field(default_factory=list)

    @property
    def retracted(self) -> bool:
        """Whether this version retracts the event; raises Refusal for a value that is not boolean."""
        found = self.item.find("isRetracted")
        if found is not None and not isinstance(found, bool):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"isRetracted is {str(found)[:20]!r}, neither true nor false.",
                self.at("isRetracted"),
                "Write true or false, without quotes.",
            )
        return found is True

    def id(self, *record: str) -> str:
        """The id of a record of this version: without ``record`` the event itself, else a record that comes with it, by name."""
        return version_id(self.key, self.updated.micros, *record)

    def instant(self, name: str) -> Instant:
        """The instant in the field ``name``; raises Refusal where it is missing or none."""
        text = self.item.require(name)
        zone = instants.zone_of(self.notes.settings, FORMAT, name)
        return instants.read(text, zone, f"{self.item.pointer}/{name}")

    def at(self, path: str) -> str:
        """The pointer of a field."""
        return f"{self.item.pointer}/{path}"

    def interpret(self, path: str, label: str, meaning: str, certainty: str = "read") -> None:
        """Note what a code was taken for."""
        self.notes.interpret(self.at(path), label, meaning, certainty)


def version_id(key: str, updated_micros: int, *record: str) -> str:
    """The id of one record of one version of an event."""
    return identity(key, f"{updated_micros}", *record)


def read(item: Item, notes: Notes) -> Event:
    """The key and version of ``item``; raises Refusal where it has none."""
    party = "eventRouting/originatingParty"
    named = [item.text(f"{party}/{name}") for name in ("partyCode", "codeListProvider", "codeListName")]
    key = identity(FORMAT, *named, item.require("eventID"))
    name = "eventUpdatedDateTime" if item.text("eventUpdatedDateTime") else "eventCreatedDateTime"
    if not item.text(name):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The event does not tell when it was made.",
            f"{item.pointer}/eventUpdatedDateTime",
            "Send eventUpdatedDateTime: a second version of the event is known by it.",
        )
    zone = instants.zone_of(notes.settings, FORMAT, name)
    updated = instants.read(item.text(name), zone, f"{item.pointer}/{name}")
    notes.interpret(f"{item.pointer}/{name}", name, "time of the event")
    return Event(item, key, updated, notes, [*remarks_at(f"{item.pointer}/{name}", *updated.remarks)])


def milestone(event: Event, kind: str, objects: list[dict[str, str]], **fields: Any) -> EventDraft:
    """The event ``kind`` (``movement.departed``) with its time and classifier; fields without a value are left out."""
    classifier = event.item.require("eventClassification/eventClassifierCode")
    if classifier not in _CLASSIFIERS:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The classifier {classifier[:20]!r} is none of ACT, EST, PLN.",
            event.at("eventClassification/eventClassifierCode"),
            "Send one of the three.",
        )
    happened = event.instant("eventDateTime")
    event.remarks.extend(remarks_at(event.at("eventDateTime"), *happened.remarks))
    data = {
        **time_fields(happened, classifier),
        "objects": objects,
        **{name: value for name, value in fields.items() if value not in (None, "", [])},
    }
    where = Position(path=event.item.pointer)
    return EventDraft(
        where, event.id(), f"cre.{kind}.v1", event.updated.text, data, None, tuple(event.remarks)
    )


def place(event: Event) -> str:
    """The place of the event: a declared facility, else its UN/LOCODE; "" where it has neither."""
    item, notes = event.item, event.notes
    code = item.text("eventLocation/facility/facilityCode")
    if code:
        label = f"facility {item.text('eventLocation/facility/facilityCodeListProvider')}:{code}"
        chosen = notes.choice(label)
        if chosen is not None:
            event.interpret("eventLocation/facility", label, chosen, "choice")
            return chosen
        event.interpret("eventLocation/facility", label, "not declared: the UN/LOCODE counts", "own")
    locode = item.text("eventLocation/UNLocationCode").upper().replace(" ", "")
    if not locode:
        return ""
    chosen = notes.choice(locode)
    if chosen is not None:
        event.interpret("eventLocation/UNLocationCode", locode, chosen, "choice")
        return chosen
    event.remarks.extend(doubts(event.at("eventLocation/UNLocationCode"), "place", f"locode:{locode}"))
    event.interpret("eventLocation/UNLocationCode", "UNLocationCode", "place")
    return f"locode:{locode}"


def require_place(event: Event) -> str:
    """The place of the event; raises Refusal where it has none."""
    found = place(event)
    if not found:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The event tells no UN/LOCODE and no declared facility.",
            event.at("eventLocation/UNLocationCode"),
            f"Send UNLocationCode. {declaration_hint(FORMAT, 'facility SMDG:ADT', 'its place')}",
        )
    return found


def cargo(event: Event) -> list[dict[str, str]]:
    """The container, else the bookings and rail notes that the event is about; raises Refusal where there is none."""
    box = event.item.text("equipmentDetails/equipmentReference")
    if box:
        pointer = event.at("equipmentDetails/equipmentReference")
        event.remarks.extend(doubts(pointer, "container", box))
        event.interpret("equipmentDetails/equipmentReference", "equipmentReference", "container")
        return [{"kind": "container", "id": box}]
    return document_objects(event)


def document_objects(event: Event) -> list[dict[str, str]]:
    """The bookings and rail notes that the event is about; raises Refusal where there is none."""
    found = dict.fromkeys(_documents(event))
    if not found:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The event names no container, booking or rail consignment note.",
            event.at("shipmentDetails/documentReference"),
            "Send equipmentReference where a container is meant, or a document reference of type BKG.",
        )
    return [{"kind": kind, "id": id} for kind, id in found]


def _documents(event: Event) -> Iterator[tuple[str, str]]:
    item = event.item
    first = item.find("shipmentDetails/documentReference")
    documents = (
        [Item(first, event.at("shipmentDetails/documentReference"))] if isinstance(first, dict) else []
    )
    documents += (
        item.items("shipmentDetails/additionalDocumentReferences") if item.find("shipmentDetails") else ()
    )
    for document in documents:
        kind, reference = document.text("typeCode"), document.text("reference")
        if kind == "BKG" and reference:
            code = item.text("eventRouting/originatingParty/partyCode")
            party = event.notes.choice(code) or event.notes.settings.party
            event.notes.interpret(
                document.pointer,
                f"BKG of {code}",
                f"booking of {party}",
                "choice" if event.notes.choice(code) else "own",
            )
            yield "booking", f"{party}/{reference}"
        elif kind == "TRD" and reference.count("/") == 4:
            try:
                yield "note", note_key.split(reference).text
            except MalformedIdentifier as malformed:
                event.remarks.extend(remarks_at(document.pointer, f"{malformed}"))
        else:
            event.notes.interpret(
                document.pointer, f"document reference {kind}", "no object of an event: not read"
            )
