"""A view as plain data: the stable JSON that programs read and that the terminal shows."""

from __future__ import annotations

from typing import Any

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import Episode
from schemas.rfc3339 import format_micros
from services.domain.claim_groups import Answers
from services.domain.facts import FOREVER, Claim, Restriction
from services.domain.restrictions import ends
from services.domain.rules import rules
from services.domain.view import Arrival, Box, HandoverView, OpenException, Position
from services.query.views import Told, Waiting


def plain(told: Told) -> dict[str, Any]:
    """The view as JSON-ready data, with who said what and how sure, in a fixed order of keys."""
    view = told.view
    return {
        "consignment": view.consignment.key,
        "members": sorted(member.key for member in view.members),
        "as_of": format_micros(told.as_of),
        "founded_by": sorted(view.founders),
        "engaged": sorted(view.engaged),
        "movement": _position(told, view.movement),
        "boxes": [_box(told, box) for box in view.boxes],
        "boxes_behind": view.behind,
        "customs": {code: _position(told, position) for code, position in view.customs},
        "document": _position(told, view.document),
        "disputes": [_dispute(told, answers) for answers in view.disputes],
        "exceptions": [_exception(told, exception) for exception in view.exceptions],
        "handovers": [_handover(handover) for handover in view.handovers],
        "route": None if view.route is None else [place_name(place) for place in view.route.places],
        "restrictions": [_restriction(restriction) for restriction in view.restrictions],
        "overdue": [_claim(told, claim) for claim in view.overdue],
        "silent": view.silent,
        "flagged": sorted(_named(told, event)["id"] for event in view.flagged),
        "equivocating": sorted(_named(told, event)["id"] for event in view.equivocating),
        "timeline": [_arrival(told, arrival) for arrival in view.arrivals],
    }


def plain_waiting(waiting: Waiting) -> dict[str, Any]:
    """What is known of a thing that belongs to no consignment, as JSON-ready data; ``counts`` is false for what was withdrawn."""
    return {
        "object": str(waiting.thing),
        "facts": [
            {**_claim(waiting, claim), "counts": waiting.liveness.live(claim.event)}
            for claim in waiting.claims
        ],
        "links": [
            {
                "kind": link.kind.name,
                "left": str(link.left),
                "right": str(link.right),
                "from": format_micros(link.start),
                "to": None if link.end is None else format_micros(link.end),
                "by": link.publisher,
                "event": _named(waiting, link.event),
                "counts": waiting.liveness.live(link.event),
            }
            for link in waiting.links
        ],
    }


def place_name(place: str) -> str:
    """A place as people know it, with its code; "" stays empty."""
    station = railnet.resolve(place) if place else None
    return place if station is None else f"{station.names.en} ({place.removeprefix('railnet:')})"


def _named(told: Told | Waiting, event: bytes) -> dict[str, str]:
    found = told.events.get(event)
    if found is None:
        return {"source": "", "id": event.hex()}
    return {"source": found.admitted.envelope.source, "id": found.admitted.envelope.id}


def _claim(told: Told | Waiting, claim: Claim) -> dict[str, Any]:
    rule = rules()[claim.milestone]
    return {
        "milestone": catalogue.by_number(claim.milestone).name,
        "phase": rule.phase,
        "classifier": str(claim.classifier),
        "happened": format_micros(claim.happened),
        "place": claim.place,
        "place_name": place_name(claim.place),
        "object": str(claim.thing),
        "jurisdiction": claim.jurisdiction,
        "occurrence": claim.occurrence,
        "by": claim.publisher,
        "assurance": claim.assurance.name,
        "published": format_micros(claim.published),
        "event": _named(told, claim.event),
    }


def _position(told: Told, position: Position | None) -> dict[str, Any] | None:
    if position is None:
        return None
    return {**_claim(told, position.claim), "via_disputed_link": position.via_disputed_link}


def _box(told: Told, box: Box) -> dict[str, Any]:
    return {
        "container": box.container.key,
        "holds_cargo": box.holds_cargo,
        "counted": box.counted,
        "position": _position(told, box.position),
    }


def _dispute(told: Told, answers: Answers) -> dict[str, Any]:
    asked = answers.question
    return {
        "milestone": catalogue.by_number(asked.milestone).name,
        "classifier": str(asked.classifier),
        "object": str(asked.thing),
        "place": asked.place,
        "place_name": place_name(asked.place),
        "jurisdiction": asked.jurisdiction,
        "spread_seconds": answers.spread() // 1_000_000,
        "tolerance_seconds": (rules()[asked.milestone].tolerance or 0) // 1_000_000,
        "answers": [_claim(told, claim) for claim in answers.current],
    }


def _exception(told: Told, exception: OpenException) -> dict[str, Any]:
    spec = catalogue.by_number(exception.claim.milestone)
    return {
        "kind": Episode(exception.episode).name,
        "object": str(exception.thing),
        "jurisdiction": exception.jurisdiction,
        "owner": None if spec.owner is None else str(spec.owner),
        "since": _claim(told, exception.claim),
    }


def _handover(handover: HandoverView) -> dict[str, Any]:
    return {
        "place": handover.place,
        "place_name": place_name(handover.place),
        "occurrence": handover.occurrence,
        "state": str(handover.state),
        "delivering": list(handover.delivering),
        "receiving": list(handover.receiving),
        "missing": sorted(handover.missing),
        "surplus": sorted(handover.surplus),
        "announced_only": sorted(handover.announced_only),
        "unannounced": sorted(handover.unannounced),
        "unmatched": handover.unmatched,
        "trains": [train.key for train in handover.trains],
    }


def _restriction(restriction: Restriction) -> dict[str, Any]:
    end = ends(restriction, ())
    return {
        "kind": restriction.kind,
        "place": restriction.place,
        "place_name": place_name(restriction.place),
        "direction": restriction.direction,
        "commodities": list(restriction.commodities),
        "from": format_micros(restriction.start),
        "to": None if end == FOREVER else format_micros(end),
        "by": restriction.publisher,
    }


def _arrival(told: Told, arrival: Arrival) -> dict[str, Any]:
    return {
        **_claim(told, arrival.claim),
        "standing": str(arrival.standing),
        "via_disputed_link": arrival.via_disputed_link,
        "by_train": arrival.by_train,
    }
