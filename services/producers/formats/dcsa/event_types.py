"""What a Track & Trace event says, by its type; a code that can mean several things waits for the partner's choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas.reasons import Reason, Refusal
from services.producers.formats.dcsa import equipment, shipment
from services.producers.formats.dcsa.codes import MODE, chosen, code_of, unclear
from services.producers.formats.dcsa.event import Event, cargo, milestone, require_place
from services.producers.formats.model import Record


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
    event.take("eventClassification/transportEventTypeCode", label, kind, "read" if mode == "RAIL" else "own")
    if event.item.text("transportDetails/transportCall/railTransport/departureID"):
        event.take(
            "transportDetails/transportCall/railTransport/departureID",
            "railTransport/departureID",
            "names no train by company, number, day and origin: not read",
        )
    yield milestone(event, kind, cargo(event), place=require_place(event))


_BY_TYPE: dict[str, Callable[[Event], Iterator[Record]]] = {
    "TRANSPORT": _transport,
    "EQUIPMENT": equipment.records,
    "SHIPMENT": shipment.records,
}
