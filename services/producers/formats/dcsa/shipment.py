"""Shipment events: what becomes of a booking, of an arrival notice and of customs clearance."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.reasons import Reason, Refusal
from services.producers.formats.dcsa import equipment
from services.producers.formats.dcsa.codes import code_of, jurisdiction
from services.producers.formats.dcsa.event import Event, cargo, milestone, papers, place
from services.producers.formats.model import Record

BOOKING = {
    **dict.fromkeys(("RECE", "REQS", "SUBM"), ("movement.booked", {})),
    "CONF": ("movement.booking_confirmed", {}),
    **dict.fromkeys(("REJE", "DECL"), ("movement.booking_rejected", {"reason": "OTHER"})),
    **dict.fromkeys(("CANC", "CACF"), ("movement.booking_cancelled", {"reason": "OTHER"})),
}


def records(event: Event) -> Iterator[Record]:
    """What a shipment event says; raises Refusal where its document and code make no event."""
    code = code_of(event, "shipment")
    document = event.item.require("shipmentDetails/documentReference/typeCode")
    label = f"SHIPMENT {document} {code}"
    if document == "BKG" and code in BOOKING:
        kind, fields = BOOKING[code]
        event.take("eventClassification/shipmentEventTypeCode", label, kind)
        yield milestone(event, kind, papers(event), **fields)
    elif document == "ARN" and code == "ISSU":
        event.take("eventClassification/shipmentEventTypeCode", label, "document.arrival_notice_issued")
        reference = event.item.text("shipmentDetails/documentReference/reference")
        yield milestone(event, "document.arrival_notice_issued", cargo(event), document_id=reference)
    elif document == "CUC" and code in ("HOLD", "RELS"):
        yield from _cleared(event, code, label)
    else:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"{label} makes no event here.",
            event.at("eventClassification/shipmentEventTypeCode"),
            "Bookings (BKG), arrival notices (ARN) and customs clearance (CUC) are read; publish the rest yourself.",
        )


def _cleared(event: Event, code: str, label: str) -> Iterator[Record]:
    if code == "HOLD":
        event.take("eventClassification/shipmentEventTypeCode", label, "customs.held", "own")
        yield milestone(
            event,
            "customs.held",
            cargo(event),
            jurisdiction=jurisdiction(event),
            place=place(event),
            reason="OTHER",
        )
        return
    kind, certainty, fields = equipment.released(event, "RELS")
    event.take("eventClassification/shipmentEventTypeCode", label, kind, certainty)
    yield milestone(event, kind, cargo(event), place=place(event), **fields)
