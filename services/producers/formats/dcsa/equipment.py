"""Equipment events: what happens to a container at gates, on wagons and vessels, with seals and before customs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from schemas.identifiers import wagon as wagons
from schemas.identifiers.form import MalformedIdentifier
from schemas.reasons import Reason, Refusal
from services.producers.formats.collector import remarked
from services.producers.formats.dcsa.codes import MODE, chosen, code_of, jurisdiction, unclear
from services.producers.formats.dcsa.event import Event, cargo, milestone, place, require_place
from services.producers.formats.model import Record, Said, Where

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


def records(event: Event) -> Iterator[Record]:
    """What an equipment event says; raises Refusal where it is unclear or lacks a place."""
    code = code_of(event, "equipment")
    declared = chosen(event, "equipment", code)
    if declared is not None:
        yield declared
        return
    kind, certainty, fields = CODES.get(code, _unknown)(event, code)
    event.take("eventClassification/equipmentEventTypeCode", f"EQUIPMENT {code}", kind, certainty)
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
    """Whether the box was empty; one that says nothing of it is laden. Raises Refusal for a code that is not known."""
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
    """The release by customs to the procedure that the type of movement tells, as (event, certainty, fields)."""
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
