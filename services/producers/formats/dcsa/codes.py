"""A code of Track & Trace: where it stands, and what a partner may declare it to mean where it can mean several things."""

from __future__ import annotations

from typing import Any

from schemas.reasons import Reason, Refusal
from services.producers.formats.collector import declaring
from services.producers.formats.dcsa.event import FORMAT, Event, cargo, milestone, require_place
from services.producers.formats.model import Said

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
    """Why ``code`` makes no event, and how the partner says what it means by it."""
    return Refusal(
        Reason.INVALID_SCHEMA,
        f"{code[:20]} {why}.",
        event.at(f"eventClassification/{name}EventTypeCode"),
        declaring(FORMAT, code[:20], f"one of {', '.join(CHOOSABLE)}"),
    )


def chosen(event: Event, name: str, code: str) -> Said | None:
    """The event that the partner declared ``code`` to be, None where nothing is declared."""
    kind = event.notes.choice(code)
    if kind is None:
        return None
    if kind not in CHOOSABLE:
        raise unclear(event, name, code, f"is declared as {kind[:40]!r}, which it cannot mean")
    event.take(f"eventClassification/{name}EventTypeCode", code, kind, "choice")
    where: dict[str, Any] = {"place": require_place(event)}
    if kind.startswith("customs."):
        where["jurisdiction"] = jurisdiction(event)
    return milestone(event, kind, cargo(event), **where)


def jurisdiction(event: Event) -> str:
    """The country of the event's UN/LOCODE; raises Refusal where there is none."""
    return event.item.require(
        "eventLocation/UNLocationCode", "Send the UN/LOCODE, whose country is that of the customs."
    )[:2].upper()
