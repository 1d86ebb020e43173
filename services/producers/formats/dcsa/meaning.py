"""What the codes of Track & Trace mean as events; a code that can mean several things waits for the partner's choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from schemas.identifiers import wagon as wagons
from schemas.identifiers.form import MalformedIdentifier
from schemas.reasons import Reason, Refusal
from services.producers.formats.dcsa.event import Event, cargo, milestone, papers, place, require_place
from services.producers.formats.gathering import remarked
from services.producers.formats.model import Record, Said, Where

CHOOSABLE = (
    *(
        f"movement.{kind}"
        for kind in ("arrived", "arrived_at_destination", "available", "delivered", "departed")
    ),
    *(
        f"movement.{kind}"
        for kind in ("discharged_from_vessel", "empty_released", "empty_returned", "gated_in")
    ),
    *(
        f"movement.{kind}"
        for kind in ("gated_out", "loaded_on_vessel", "loaded_on_wagon", "stuffed", "unloaded")
    ),
    "customs.inspection_passed",
    "customs.selected_for_inspection",
    "customs.hold_lifted",
)
"""What a code may be declared to mean: types that need nothing but time, place and cargo."""
LINK = "wagon_loaded"
"""The name of the link that comes with a loading on a rail car."""
_MODE = "transportDetails/transportCall/modeOfTransport"
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
_BOOKING = {
    **dict.fromkeys(("RECE", "REQS", "SUBM"), ("movement.booked", {})),
    "CONF": ("movement.booking_confirmed", {}),
    **dict.fromkeys(("REJE", "DECL"), ("movement.booking_rejected", {"reason": "OTHER"})),
    **dict.fromkeys(("CANC", "CACF"), ("movement.booking_cancelled", {"reason": "OTHER"})),
}
_SEAL = re.compile(r"[0-9A-Za-z][0-9A-Za-z /.-]{0,19}")
_IMO = re.compile(r"[0-9]{7}")


def records(event: Event) -> Iterator[Record]:
    """What the event says; raises Refusal with its place and remedy where that is nothing."""
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


def _code(event: Event, name: str) -> str:
    return event.item.require(f"eventClassification/{name}EventTypeCode")


def _unclear(event: Event, name: str, code: str, why: str) -> Refusal:
    return Refusal(
        Reason.INVALID_SCHEMA,
        f"{code[:20]} {why}.",
        event.at(f"eventClassification/{name}EventTypeCode"),
        f"Declare what you mean by it: choices.dcsa.{code[:20]} = one of {', '.join(CHOOSABLE)}.",
    )


def _chosen(event: Event, name: str, code: str) -> Said | None:
    """The event that the partner declared ``code`` to be, None where nothing is declared."""
    kind = event.notes.choice(code)
    if kind is None:
        return None
    if kind not in CHOOSABLE:
        raise _unclear(event, name, code, f"is declared as {kind[:40]!r}, which it cannot mean")
    event.take(f"eventClassification/{name}EventTypeCode", code, kind, "choice")
    where: dict[str, Any] = {"place": require_place(event)}
    if kind.startswith("customs."):
        where["jurisdiction"] = _jurisdiction(event)
    return milestone(event, kind, cargo(event), **where)


def _transport(event: Event) -> Iterator[Record]:
    code = _code(event, "transport")
    kind = {"ARRI": "movement.arrived", "DEPA": "movement.departed"}.get(code)
    chosen = _chosen(event, "transport", code)
    if chosen is not None:
        yield chosen
        return
    if kind is None:
        raise _unclear(event, "transport", code, "is not known")
    mode = event.item.text(_MODE)
    label = f"TRANSPORT {code} {mode}".rstrip()
    event.take("eventClassification/transportEventTypeCode", label, kind, "read" if mode == "RAIL" else "own")
    if event.item.text("transportDetails/transportCall/railTransport/departureID"):
        event.take(
            "transportDetails/transportCall/railTransport/departureID",
            "railTransport/departureID",
            "names no train by company, number, day and origin: not read",
        )
    yield milestone(event, kind, cargo(event), place=require_place(event))


def _equipment(event: Event) -> Iterator[Record]:
    code = _code(event, "equipment")
    chosen = _chosen(event, "equipment", code)
    if chosen is not None:
        yield chosen
        return
    kind, certainty, fields = _EQUIPMENT.get(code, _unknown)(event, code)
    event.take("eventClassification/equipmentEventTypeCode", f"EQUIPMENT {code}", kind, certainty)
    where = (
        place(event) if kind.startswith("customs.") or kind == "movement.stuffed" else require_place(event)
    )
    yield milestone(event, kind, cargo(event), place=where, **fields)
    if kind == "movement.loaded_on_wagon":
        yield from _wagon(event, where)


_Meaning = tuple[str, str, dict[str, Any]]


def _unknown(event: Event, code: str) -> _Meaning:
    raise _unclear(event, "equipment", code, "has no type of event here, or may mean several")


def _moved(by_mode: dict[str, str]) -> Callable[[Event, str], _Meaning]:
    def meaning(event: Event, code: str) -> _Meaning:
        mode = event.item.text(_MODE)
        kind = by_mode.get(mode)
        if kind is None:
            raise _unclear(
                event, "equipment", code, f"does not tell rail from sea (mode of transport {mode!r})"
            )
        vessel = event.item.text("transportDetails/transportCall/vesselTransport/vesselIMONumber")
        fields = {"vessel_imo": vessel} if "vessel" in kind and _IMO.fullmatch(vessel) else {}
        return kind, "read", fields

    return meaning


def _gate_in(event: Event, _code: str) -> _Meaning:
    if event.item.text("equipmentDetails/emptyIndicatorCode") == "EMPTY":
        return "movement.empty_returned", "own", {}
    return "movement.gated_in", "read", {"seals": _seals(event)}


def _gate_out(event: Event, _code: str) -> _Meaning:
    if event.item.text("equipmentDetails/emptyIndicatorCode") == "EMPTY":
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
        raise _unclear(event, "equipment", code, "names no new seal")
    return "movement.resealed", "read", {"seals": seals}


def _selected(method: str) -> Callable[[Event, str], _Meaning]:
    def meaning(event: Event, _code: str) -> _Meaning:
        return (
            "customs.selected_for_inspection",
            "read",
            {"jurisdiction": _jurisdiction(event), "method": method},
        )

    return meaning


def _released(event: Event, code: str) -> _Meaning:
    procedure = _RELEASED_TO.get(event.item.text("equipmentDetails/movementType"))
    if procedure is None:
        raise _unclear(event, "equipment", code, "does not tell export from import (movementType)")
    return "customs.released", "read", {"jurisdiction": _jurisdiction(event), "procedure": procedure}


def _jurisdiction(event: Event) -> str:
    return event.item.require(
        "eventLocation/UNLocationCode", "Send the UN/LOCODE, whose country is that of the customs."
    )[:2].upper()


def _seals(event: Event) -> list[str]:
    if event.item.find("equipmentDetails") is None:
        return []
    found = []
    for seal in event.item.items("equipmentDetails/seals"):
        number = seal.text("number")
        if _SEAL.fullmatch(number):
            found.append(number)
        else:
            event.remarks.extend(remarked(f"{seal.pointer}/number", f"The seal {number[:40]!r} is not read."))
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
    event.take(path, "railCarReference", "wagon")
    boxes = [named["id"] for named in cargo(event) if named["kind"] == "container"]
    if boxes:
        data = {
            "wagon": wagon,
            "containers": boxes,
            "from": event.zone_text("eventDateTime").text,
            "place": where,
        }
        yield Said(
            Where(path=event.item.pointer),
            event.id(LINK),
            "cre.link.wagon_loaded.v1",
            event.updated.text,
            data,
        )


_EQUIPMENT: dict[str, Callable[[Event, str], _Meaning]] = {
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
    "CUSR": _released,
}


def _shipment(event: Event) -> Iterator[Record]:
    code = _code(event, "shipment")
    document = event.item.require("shipmentDetails/documentReference/typeCode")
    label = f"SHIPMENT {document} {code}"
    if document == "BKG" and code in _BOOKING:
        kind, fields = _BOOKING[code]
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
            jurisdiction=_jurisdiction(event),
            place=place(event),
            reason="OTHER",
        )
        return
    kind, certainty, fields = _released(event, "RELS")
    event.take("eventClassification/shipmentEventTypeCode", label, kind, certainty)
    yield milestone(event, kind, cargo(event), place=place(event), **fields)


_BY_TYPE: dict[str, Callable[[Event], Iterator[Record]]] = {
    "TRANSPORT": _transport,
    "EQUIPMENT": _equipment,
    "SHIPMENT": _shipment,
}
