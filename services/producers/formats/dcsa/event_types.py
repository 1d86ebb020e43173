"""The events that a Track & Trace event yields, by its type; an ambiguous code needs a declared choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from schemas.identifiers import wagon as wagons
from schemas.identifiers.form import MalformedIdentifier
from schemas.reasons import Reason, Refusal
from services.producers.formats.dcsa.event import (
    FORMAT,
    Event,
    cargo,
    document_objects,
    milestone,
    place,
    require_place,
)
from services.producers.formats.messages import declaration_hint, remarks_at
from services.producers.formats.model import EventDraft, Position, Record

CHOOSABLE = (
    "movement.arrived",
    "movement.arrived_at_destination",
    "movement.available",
    "movement.delivered",
    "movement.departed",
    "movement.discharged_from_vessel",
    "movement.empty_released",
    "movement.empty_returned",
    "movement.gated_in",
    "movement.gated_out",
    "movement.loaded_on_vessel",
    "movement.loaded_on_wagon",
    "movement.stuffed",
    "movement.unloaded",
    "customs.inspection_passed",
    "customs.selected_for_inspection",
    "customs.hold_lifted",
)
"""What a code may be declared to mean: types that need nothing but time, place and cargo."""
MODE = "transportDetails/transportCall/modeOfTransport"


def code_of(event: Event, name: str) -> str:
    """The code of an event of that kind (transport, equipment, shipment); raises Refusal where it is missing."""
    return event.item.require(f"eventClassification/{name}EventTypeCode")


def unclear(event: Event, name: str, code: str, why: str) -> Refusal:
    """The refusal of a ``code`` that yields no event, with the declaration that settles it."""
    return Refusal(
        Reason.INVALID_SCHEMA,
        f"{code[:20]} {why}.",
        event.at(f"eventClassification/{name}EventTypeCode"),
        declaration_hint(FORMAT, code[:20], f"one of {', '.join(CHOOSABLE)}"),
    )


def chosen(event: Event, name: str, code: str) -> EventDraft | None:
    """The event that the partner declared ``code`` to be, None where nothing is declared."""
    kind = event.notes.choice(code)
    if kind is None:
        return None
    if kind not in CHOOSABLE:
        raise unclear(event, name, code, f"is declared as {kind[:40]!r}, which it cannot mean")
    event.interpret(f"eventClassification/{name}EventTypeCode", code, kind, "choice")
    where: dict[str, Any] = {"place": require_place(event)}
    if kind.startswith("customs."):
        where["jurisdiction"] = jurisdiction(event)
    return milestone(event, kind, cargo(event), **where)


def jurisdiction(event: Event) -> str:
    """The country of the event's UN/LOCODE; raises Refusal where there is none."""
    return event.item.require(
        "eventLocation/UNLocationCode", "Send the UN/LOCODE, whose country is that of the customs."
    )[:2].upper()


LINK = "wagon_loaded"
"""The name of the link that comes with a loading on a rail car."""
_LOADED = {
    "RAIL": "movement.loaded_on_wagon",
    "VESSEL": "movement.loaded_on_vessel",
    "BARGE": "movement.loaded_on_vessel",
}
_DISCHARGED = {
    "RAIL": "movement.unloaded",
    "VESSEL": "movement.discharged_from_vessel",
    "BARGE": "movement.discharged_from_vessel",
}
_RELEASED_TO = {"EXPORT": "EXPORT", "IMPORT": "IMPORT", "TRANSSHIPMENT": "TRANSIT"}
_SEAL = re.compile(r"[0-9A-Za-z][0-9A-Za-z /.-]{0,19}")
_IMO = re.compile(r"[0-9]{7}")


def equipment_records(event: Event) -> Iterator[Record]:
    """The records of an equipment event; raises Refusal where it is ambiguous or lacks a place."""
    code = code_of(event, "equipment")
    declared = chosen(event, "equipment", code)
    if declared is not None:
        yield declared
        return
    kind, certainty, fields = CODES.get(code, _unknown)(event, code)
    event.interpret("eventClassification/equipmentEventTypeCode", f"EQUIPMENT {code}", kind, certainty)
    where = (
        place(event) if kind.startswith("customs.") or kind == "movement.stuffed" else require_place(event)
    )
    yield milestone(event, kind, cargo(event), place=where, **fields)
    if kind == "movement.loaded_on_wagon":
        yield from _wagon(event, where)


_Meaning = tuple[str, str, dict[str, Any]]


def _unknown(event: Event, code: str) -> _Meaning:
    raise unclear(event, "equipment", code, "has no type of event here, or may mean several")


def _moved(by_mode: dict[str, str]) -> Callable[[Event, str], _Meaning]:
    def meaning(event: Event, code: str) -> _Meaning:
        mode = event.item.text(MODE)
        kind = by_mode.get(mode)
        if kind is None:
            raise unclear(
                event, "equipment", code, f"does not tell rail from sea (mode of transport {mode!r})"
            )
        vessel = event.item.text("transportDetails/transportCall/vesselTransport/vesselIMONumber")
        fields = {"vessel_imo": vessel} if "vessel" in kind and _IMO.fullmatch(vessel) else {}
        return kind, "read", fields

    return meaning


def _empty(event: Event) -> bool:
    """Whether the container was empty; laden where the event states nothing. Raises Refusal for an unknown code."""
    path = "equipmentDetails/emptyIndicatorCode"
    code = event.item.text(path)
    if code not in ("EMPTY", "LADEN", ""):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The code {code[:20]!r} is neither EMPTY nor LADEN.",
            event.at(path),
            "Send one of the two.",
        )
    return code == "EMPTY"


def _gate_in(event: Event, _code: str) -> _Meaning:
    if _empty(event):
        return "movement.empty_returned", "own", {}
    return "movement.gated_in", "read", {"seals": _seals(event)}


def _gate_out(event: Event, _code: str) -> _Meaning:
    if _empty(event):
        return "movement.empty_released", "own", {}
    return "movement.gated_out", "read", {"seals": _seals(event)}


def _available(_event: Event, _code: str) -> _Meaning:
    return "movement.available", "read", {}


def _crossed(_event: Event, _code: str) -> _Meaning:
    return "movement.position_reported", "own", {}


def _stuffed(event: Event, _code: str) -> _Meaning:
    return "movement.stuffed", "read", {"seals": _seals(event)}


def _resealed(event: Event, code: str) -> _Meaning:
    seals = _seals(event)
    if not seals:
        raise unclear(event, "equipment", code, "names no new seal")
    return "movement.resealed", "read", {"seals": seals}


def _selected(method: str) -> Callable[[Event, str], _Meaning]:
    def meaning(event: Event, _code: str) -> _Meaning:
        return (
            "customs.selected_for_inspection",
            "read",
            {"jurisdiction": jurisdiction(event), "method": method},
        )

    return meaning


def released(event: Event, code: str) -> tuple[str, str, dict[str, Any]]:
    """The release by customs to the procedure given by the type of movement, as (event, certainty, fields)."""
    procedure = _RELEASED_TO.get(event.item.text("equipmentDetails/movementType"))
    if procedure is None:
        raise unclear(event, "equipment", code, "does not tell export from import (movementType)")
    return "customs.released", "read", {"jurisdiction": jurisdiction(event), "procedure": procedure}


def _seals(event: Event) -> list[str]:
    if event.item.find("equipmentDetails") is None:
        return []
    found = []
    for seal in event.item.items("equipmentDetails/seals"):
        number = seal.text("number")
        if _SEAL.fullmatch(number):
            found.append(number)
        else:
            event.remarks.extend(
                remarks_at(f"{seal.pointer}/number", f"The seal {number[:40]!r} is not read.")
            )
    return found[:16]


def _wagon(event: Event, where: str) -> Iterator[Record]:
    path = "transportDetails/transportCall/railTransport/railCarReference"
    number = event.item.text(path)
    if not number or event.item.text("eventClassification/eventClassifierCode") != "ACT":
        return
    try:
        wagon = wagons.parse(number).text
    except MalformedIdentifier as malformed:
        event.notes.remark(event.at(path), f"The rail car is not linked: {malformed}")
        return
    event.interpret(path, "railCarReference", "wagon")
    boxes = [named["id"] for named in cargo(event) if named["kind"] == "container"]
    if boxes:
        data = {
            "wagon": wagon,
            "containers": boxes,
            "from": event.instant("eventDateTime").text,
            "place": where,
        }
        yield EventDraft(
            Position(path=event.item.pointer),
            event.id(LINK),
            "cre.link.wagon_loaded.v1",
            event.updated.text,
            data,
        )


CODES: dict[str, Callable[[Event, str], _Meaning]] = {
    "LOAD": _moved(_LOADED),
    "DISC": _moved(_DISCHARGED),
    "GTIN": _gate_in,
    "GTOT": _gate_out,
    "AVPU": _available,
    "CROS": _crossed,
    "STUF": _stuffed,
    "RSEA": _resealed,
    "CUSI": _selected("PHYSICAL"),
    "CUSS": _selected("SCAN"),
    "CUSR": released,
}


BOOKING = {
    **dict.fromkeys(("RECE", "REQS", "SUBM"), ("movement.booked", {})),
    "CONF": ("movement.booking_confirmed", {}),
    **dict.fromkeys(("REJE", "DECL"), ("movement.booking_rejected", {"reason": "OTHER"})),
    **dict.fromkeys(("CANC", "CACF"), ("movement.booking_cancelled", {"reason": "OTHER"})),
}


def shipment_records(event: Event) -> Iterator[Record]:
    """The records of a shipment event; raises Refusal where its document and code yield no event."""
    code = code_of(event, "shipment")
    document = event.item.require("shipmentDetails/documentReference/typeCode")
    label = f"SHIPMENT {document} {code}"
    if document == "BKG" and code in BOOKING:
        kind, fields = BOOKING[code]
        event.interpret("eventClassification/shipmentEventTypeCode", label, kind)
        yield milestone(event, kind, document_objects(event), **fields)
    elif document == "ARN" and code == "ISSU":
        event.interpret("eventClassification/shipmentEventTypeCode", label, "document.arrival_notice_issued")
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
        event.interpret("eventClassification/shipmentEventTypeCode", label, "customs.held", "own")
        yield milestone(
            event,
            "customs.held",
            cargo(event),
            jurisdiction=jurisdiction(event),
            place=place(event),
            reason="OTHER",
        )
        return
    kind, certainty, fields = released(event, "RELS")
    event.interpret("eventClassification/shipmentEventTypeCode", label, kind, certainty)
    yield milestone(event, kind, cargo(event), place=place(event), **fields)


def records(event: Event) -> Iterator[Record]:
    """The records of the event; raises Refusal with its pointer and remedy where it yields none."""
    kind = event.item.require("eventClassification/eventTypeCode")
    reader = _BY_TYPE.get(kind)
    if reader is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"Events of type {kind[:20]!r} make no event here"
            + (": a reading has no limits to judge it by." if kind in ("IOT", "REEFER") else "."),
            event.at("eventClassification/eventTypeCode"),
            "Send TRANSPORT, EQUIPMENT or SHIPMENT events; publish movement.temperature_alarm yourself.",
        )
    yield from reader(event)


def _transport(event: Event) -> Iterator[Record]:
    code = code_of(event, "transport")
    kind = {"ARRI": "movement.arrived", "DEPA": "movement.departed"}.get(code)
    declared = chosen(event, "transport", code)
    if declared is not None:
        yield declared
        return
    if kind is None:
        raise unclear(event, "transport", code, "is not known")
    mode = event.item.text(MODE)
    label = f"TRANSPORT {code} {mode}".rstrip()
    event.interpret(
        "eventClassification/transportEventTypeCode", label, kind, "read" if mode == "RAIL" else "own"
    )
    if event.item.text("transportDetails/transportCall/railTransport/departureID"):
        event.interpret(
            "transportDetails/transportCall/railTransport/departureID",
            "railTransport/departureID",
            "names no train by company, number, day and origin: not read",
        )
    yield milestone(event, kind, cargo(event), place=require_place(event))


_BY_TYPE: dict[str, Callable[[Event], Iterator[Record]]] = {
    "TRANSPORT": _transport,
    "EQUIPMENT": equipment_records,
    "SHIPMENT": shipment_records,
}
