"""At the actual office of destination: 043 unloading permitted, 044 unloading remarks, 025 goods released."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.messages import chunks, declaration_hint, remarks_at, time_fields
from services.producers.formats.model import EventDraft, PassedOver, Position, Record, Remark, Unread
from services.producers.formats.ncts.message import (
    FORMAT,
    Message,
    by_mrn,
    containers,
    covers,
    jurisdiction,
    milestones,
)

_SEALS_AT_MOST = 16
_RELEASED = {"1": "full release", "3": "partial release, the movement is closed"}
_PARTIAL, _NOT_RELEASED = "2", "4"
_YES, _NO = {"1", "true"}, {"0", "false"}


def unloading_permitted(message: Message) -> Iterator[Record]:
    """043: customs permits the trader at destination to unload; so the goods have been presented there."""
    remarks: list[Remark] = []
    declaration = by_mrn(message, remarks)
    boxes = containers(message, remarks)
    territory = jurisdiction(message, declaration)
    yield from milestones(
        message, "unloading_permitted", message.prepared, territory, (declaration,), boxes, remarks=remarks
    )
    yield from covers(message, declaration)


def unloaded(message: Message) -> Iterator[Record]:
    """044: what the trader at destination found while unloading: its own claim, about containers and seals."""
    remarks: list[Remark] = []
    by_mrn(message, remarks)
    at = message.node.require("UnloadingRemark/unloadingDate")
    instant = instants.read_day(at.text, message.zone_of(at.name), at.path, message.prepared)
    completion = message.node.require("UnloadingRemark/unloadingCompletion").text
    seals = message.node.value("UnloadingRemark/stateOfSeals")
    boxes = containers(message, remarks)
    if message.node.value("UnloadingRemark/conform") in _NO:
        remarks += remarks_at(
            message.at("UnloadingRemark/conform"),
            "The goods do not conform to the declaration; the differences are not read.",
            remedy="Publish customs.inspection_finding or movement.damaged yourself.",
        )
    if completion not in _YES and seals not in _NO:
        yield PassedOver(Position(path=message.at("UnloadingRemark")), "Unloading is not complete.")
        return
    if not boxes:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The message names no container, so nobody's cargo.",
            message.at("Consignment/TransportEquipment"),
            "Publish movement.unloaded with the containers of the unloading permission (043).",
        )
    place = _place(message)
    if completion in _YES:
        yield from _movement(message, "unloaded", instant, place, boxes, remarks)
    if seals in _NO:
        given = _seals(message)
        fields: dict[str, Any] = {"cause": "FOUND_BROKEN", "seals": given}
        yield from _movement(message, "seal_broken", instant, place, boxes, remarks, **fields)
    elif seals and seals not in _YES:
        refusal = Refusal(
            Reason.INVALID_SCHEMA,
            f"stateOfSeals {seals[:20]!r} is neither 0 nor 1.",
            message.at("UnloadingRemark/stateOfSeals"),
            "Send 1 where the seals are in order, else 0.",
        )
        yield Unread(Position(path=message.at("UnloadingRemark/stateOfSeals")), refusal)


def _place(message: Message) -> str:
    office = message.node.require("CustomsOfficeOfDestinationActual/referenceNumber")
    place = message.notes.choice(office.text)
    if place is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"It is not declared at which place the office {office.text[:20]} has goods unloaded.",
            office.path,
            declaration_hint(FORMAT, office.text[:20], "its place, such as locode:DEDUI"),
        )
    message.notes.interpret(office.path, f"office {office.text}", place, "choice")
    return place


def _seals(message: Message) -> list[str]:
    consignment = message.node.find("Consignment")
    equipment = consignment.all("TransportEquipment") if consignment is not None else ()
    found = (seal.value("identifier") for unit in equipment for seal in unit.all("Seal"))
    return list(dict.fromkeys(seal for seal in found if seal))[:_SEALS_AT_MOST]


def _movement(
    message: Message,
    kind: str,
    instant: instants.Instant,
    place: str,
    boxes: tuple[str, ...],
    remarks: list[Remark],
    **fields: Any,
) -> Iterator[EventDraft]:
    all_remarks = (*remarks, *remarks_at(message.at("UnloadingRemark/unloadingDate"), *instant.remarks))
    for part, some in enumerate(chunks(boxes), start=1):
        data = {
            **time_fields(instant),
            "place": place,
            "objects": [{"kind": "container", "id": box} for box in some],
            **fields,
        }
        where, identity = Position(path=message.at("UnloadingRemark")), message.id(kind, f"{part}")
        yield EventDraft(
            where, identity, f"cre.movement.{kind}.v1", message.prepared.text, data, None, all_remarks
        )


def released(message: Message) -> Iterator[Record]:
    """025: customs at destination released the goods from transit, or did not."""
    remarks: list[Remark] = []
    declaration = by_mrn(message, remarks)
    territory = jurisdiction(message, declaration)
    at = message.node.require("TransitOperation/releaseDate")
    instant = instants.read_day(at.text, message.zone_of(at.name), at.path, message.prepared)
    indicator = message.node.require("TransitOperation/releaseIndicator")
    code = indicator.text
    if code in _RELEASED:
        message.notes.interpret(indicator.path, f"releaseIndicator {code}", _RELEASED[code])
        if code == "3":
            remarks += remarks_at(indicator.path, "Some of the goods were not released.")
        yield from milestones(message, "transit_closed", instant, territory, (declaration,), remarks=remarks)
    elif code == _NOT_RELEASED:
        message.notes.interpret(indicator.path, f"releaseIndicator {code}", "no release: held")
        yield from milestones(
            message, "held", instant, territory, (declaration,), remarks=remarks, reason="OTHER"
        )
    else:
        why = "releases only some of the goods" if code == _PARTIAL else "is not known"
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"releaseIndicator {code[:20]!r} {why}.",
            indicator.path,
            "Publish customs.released for the containers or notes that were released.",
        )
