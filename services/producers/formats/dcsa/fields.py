"""The fields of a Track & Trace 3.0 event; what is not among them is remarked, because it was not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.producers.formats.collector import turning
from services.producers.formats.dcsa.document import Item
from services.producers.formats.model import Remarked, Where

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


def require_unturned(item: Item) -> None:
    """Raise Refusal where an unknown field of the event, of 2.x or 3.0, speaks of cancellation, deletion or a test."""
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
            refusal = None if name in known or member is None else turning(name, str(member), where[:200])
            if refusal is not None:
                raise refusal


def unknown(item: Item) -> Iterator[Remarked]:
    """A remark for each field of the event that the standard does not have, at most 20."""
    told = 0
    for path, names in _FIELDS.items():
        found = item.find(path) if path else item.value
        known = names.split()
        for name in found if isinstance(found, dict) else ():
            if name not in known and told < _AT_MOST:
                told += 1
                below = f"{path}/{name}" if path else name
                yield Remarked(
                    Where(path=f"{item.pointer}/{below[:120]}"),
                    f"The field {name[:60]} is not known here and was not read.",
                    "If it matters, tell the operator of the platform which version it is from.",
                )
