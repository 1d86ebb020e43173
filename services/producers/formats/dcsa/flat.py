"""Events of Track & Trace 2.x, whose fields stand side by side, in the shape of 3.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.producers.formats.dcsa.document import Item

_SEALS = {"sealNumber": "number", "sealSource": "source", "sealType": "type"}


def is_flat(item: Item) -> bool:
    """Whether the event is of 2.x."""
    return "eventClassification" not in item.value and "eventType" in item.value


def raised(item: Item) -> Item:
    """The same event in the shape of 3.0; fields that no reader looks at are left out."""
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
        {_SEALS.get(str(name), str(name)): told for name, told in seal.items()}
        for seal in value
        if isinstance(seal, dict)
    ]
