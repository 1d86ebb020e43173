"""Track & Trace JSON as objects with JSON pointers: strict parsing, known fields, and 2.x events in the shape of 3.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import strict_json
from schemas.reasons import Reason, Refusal
from services.producers.formats.messages import cancellation
from services.producers.formats.model import Position, Remark
from services.producers.formats.text import decode

MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """A JSON object and its pointer; a field is reached by names joined by slashes."""

    value: Mapping[str, Any]
    pointer: str

    def find(self, path: str) -> Any:
        """The value at ``path``, None where a name is missing or null; raises Refusal where the way is no object."""
        found: Any = self.value
        walked = self.pointer
        for name in path.split("/"):
            if not isinstance(found, dict | Mapping):
                raise Refusal(
                    Reason.INVALID_SCHEMA, "An object is expected here.", walked, "Write a JSON object."
                )
            found = found.get(name)
            walked += f"/{name}"
            if found is None:
                return None
        return found

    def text(self, path: str) -> str:
        """The text at ``path`` without outer blanks, "" where there is none; raises Refusal where it is no text."""
        found = self.find(path)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "Text is expected here.",
                f"{self.pointer}/{path}",
                "Write a JSON string.",
            )
        return " ".join(found.split())

    def require(self, path: str, remedy: str = "") -> str:
        """The text at ``path``; raises Refusal where it is missing or empty."""
        found = self.text(path)
        if not found:
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"{path.rsplit('/', 1)[-1]} is missing.",
                f"{self.pointer}/{path}",
                remedy or "Send the event with this field.",
            )
        return found

    def items(self, path: str) -> tuple[Item, ...]:
        """The objects of the array at ``path``; raises Refusal where it is no array of objects."""
        found = self.find(path)
        return () if found is None else objects(found, f"{self.pointer}/{path}")


def objects(value: object, pointer: str) -> tuple[Item, ...]:
    """The objects of an array; raises Refusal where it is none."""
    if not isinstance(value, list):
        raise Refusal(Reason.INVALID_SCHEMA, "An array is expected here.", pointer, "Write a JSON array.")
    found = []
    for index, member in enumerate(value):
        if not isinstance(member, dict):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "An object is expected here.",
                f"{pointer}/{index}",
                "Write a JSON object.",
            )
        found.append(Item(member, f"{pointer}/{index}"))
    return tuple(found)


def loads(raw: bytes) -> object:
    """The JSON value in ``raw``, up to 8 MiB; raises Refusal (UNREADABLE_FILE, INVALID_JSON, TOO_LARGE) with its place."""
    if len(raw) > MAX_BYTES:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has {len(raw)} bytes, more than {MAX_BYTES}.",
            remedy="Send fewer events a file.",
        )
    if not raw.strip():
        raise Refusal(Reason.UNREADABLE_FILE, "The file is empty.", remedy="Send the file again.")
    # A mark is forgiven in a partner's file, and UTF-16 is read: what is signed later is written anew.
    return strict_json.loads(decode(raw).lstrip("\ufeff").encode(), max_bytes=2 * MAX_BYTES)


_FIELDS = {
    "": (
        "eventRouting eventID isRetracted eventDateTime eventUpdatedDateTime eventCreatedDateTime eventLocation "
        "eventClassification shipmentDetails transportDetails equipmentDetails iotDetails reeferDetails"
    ),
    "eventLocation": "locationName facilityTypeCode address UNLocationCode facility geoCoordinate",
    "eventClassification": (
        "eventTypeCode eventClassifierCode shipmentEventTypeCode transportEventTypeCode equipmentEventTypeCode "
        "iotEventTypeCode reeferEventTypeCode"
    ),
    "equipmentDetails": "equipmentReference ISOEquipmentCode emptyIndicatorCode movementType seals",
    "shipmentDetails": (
        "documentReference additionalDocumentReferences documentReferenceReplacements shipmentReferences "
        "shipmentReferenceReplacements shipmentLocationType reason priceCalculationDate"
    ),
    "transportDetails": "delayReasonCodes changeRemark transportCall",
    "transportDetails/transportCall": (
        "transportCallReference transportCallSequenceNumber modeOfTransport portVisitReference serviceCodeOrReference "
        "exportVoyageNumberOrReference importVoyageNumberOrReference vesselTransport railTransport truckTransport"
    ),
    "transportDetails/transportCall/railTransport": "railCarReference railServiceReference departureID",
}
_AT_MOST = 20


def require_not_cancelled(item: Item) -> None:
    """Raise Refusal where an unknown field of the event, of 2.x or 3.0, indicates cancellation, deletion or a test."""
    known = {name for names in _FIELDS.values() for name in names.split()}
    pending: list[tuple[str, object]] = [(item.pointer, item.value)]
    while pending:
        pointer, value = pending.pop()
        if isinstance(value, list):
            pending += [(f"{pointer}/{index}", member) for index, member in enumerate(value)]
        for name, member in value.items() if isinstance(value, Mapping) else ():
            where = f"{pointer}/{name}"
            if isinstance(member, list | Mapping):
                pending.append((where, member))
            refusal = (
                None if name in known or member is None else cancellation(name, str(member), where[:200])
            )
            if refusal is not None:
                raise refusal


def unknown(item: Item) -> Iterator[Remark]:
    """A remark for each field of the event that the standard does not have, at most 20."""
    count = 0
    for path, names in _FIELDS.items():
        found = item.find(path) if path else item.value
        known = names.split()
        for name in found if isinstance(found, dict) else ():
            if name not in known and count < _AT_MOST:
                count += 1
                below = f"{path}/{name}" if path else name
                yield Remark(
                    Position(path=f"{item.pointer}/{below[:120]}"),
                    f"The field {name[:60]} is not known here and was not read.",
                    "If it matters, tell the operator of the platform which version it is from.",
                )


_SEALS = {"sealNumber": "number", "sealSource": "source", "sealType": "type"}


def is_version_2(item: Item) -> bool:
    """Whether the event is of 2.x."""
    return "eventClassification" not in item.value and "eventType" in item.value


def as_version_3(item: Item) -> Item:
    """The same event in the shape of 3.0; fields that are not read are omitted."""
    value = item.value
    call = value.get("transportCall")
    call = call if isinstance(call, dict) else {}
    place = value.get("eventLocation") or call.get("location") or {}
    place = place if isinstance(place, dict) else {}
    vessel = call.get("vessel")
    references = value.get("documentReferences")
    documents = [
        {"typeCode": one.get("documentReferenceType"), "reference": one.get("documentReferenceValue")}
        for one in (references if isinstance(references, list) else [])
        if isinstance(one, dict)
    ]
    own = {"typeCode": value.get("documentTypeCode"), "reference": value.get("documentID")}
    shape: dict[str, Any] = {
        **{
            name: value.get(name)
            for name in ("eventID", "eventDateTime", "eventCreatedDateTime", "isRetracted")
        },
        "eventLocation": {
            "UNLocationCode": place.get("UNLocationCode") or call.get("UNLocationCode"),
            "facility": {
                "facilityCode": place.get("facilityCode") or call.get("facilityCode"),
                "facilityCodeListProvider": place.get("facilityCodeListProvider")
                or call.get("facilityCodeListProvider"),
            },
        },
        "eventClassification": {
            "eventTypeCode": value.get("eventType"),
            **{name: value.get(name) for name in value if name.endswith(("EventTypeCode", "ClassifierCode"))},
        },
        "equipmentDetails": {
            **{name: value.get(name) for name in ("equipmentReference", "emptyIndicatorCode")},
            "seals": _seals(value.get("seals")),
        },
        "shipmentDetails": {
            "documentReference": own if value.get("documentTypeCode") else None,
            "additionalDocumentReferences": documents,
        },
        "transportDetails": {
            "transportCall": {
                "modeOfTransport": call.get("modeOfTransport"),
                "vesselTransport": {
                    "vesselIMONumber": vessel.get("vesselIMONumber") if isinstance(vessel, dict) else None
                },
            }
        },
    }
    return Item(shape, item.pointer)


def _seals(value: object) -> list[Mapping[Any, Any]] | None:
    if not isinstance(value, list):
        return None
    return [
        {_SEALS.get(str(name), str(name)): value_ for name, value_ in seal.items()}
        for seal in value
        if isinstance(seal, dict)
    ]
