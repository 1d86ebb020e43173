"""A view as JSON-ready data, in a stable form."""

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
from services.query.views import SourcedView, UnassignedObject


def view_json(source: SourcedView) -> dict[str, Any]:
    """The view in a fixed order of keys, each value with its publisher and assurance."""
    view = source.view
    return {
        "consignment": view.consignment.key,
        "members": sorted(member.key for member in view.members),
        "as_of": format_micros(source.as_of),
        "founded_by": sorted(view.founders),
        "engaged": sorted(view.engaged),
        "movement": _position(source, view.movement),
        "boxes": [_box(source, box) for box in view.boxes],
        "boxes_behind": view.behind,
        "customs": {code: _position(source, position) for code, position in view.customs},
        "document": _position(source, view.document),
        "disputes": [_dispute(source, answers) for answers in view.disputes],
        "exceptions": [_exception(source, exception) for exception in view.exceptions],
        "handovers": [_handover(handover) for handover in view.handovers],
        "route": None if view.route is None else [place_name(place) for place in view.route.places],
        "restrictions": [_restriction(restriction) for restriction in view.restrictions],
        "overdue": [_claim(source, claim) for claim in view.overdue],
        "silent": view.silent,
        "flagged": sorted(_named(source, event)["id"] for event in view.flagged),
        "equivocating": sorted(_named(source, event)["id"] for event in view.equivocating),
        "timeline": [_arrival(source, arrival) for arrival in view.arrivals],
    }


def unassigned_json(waiting: UnassignedObject) -> dict[str, Any]:
    """An object that belongs to no consignment; ``counts`` is false for what was withdrawn."""
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
    """A place's English name with its code; "" stays empty."""
    station = railnet.resolve(place) if place else None
    return place if station is None else f"{station.names.en} ({place.removeprefix('railnet:')})"


def _named(source: SourcedView | UnassignedObject, event: bytes) -> dict[str, str]:
    found = source.events.get(event)
    if found is None:
        return {"source": "", "id": event.hex()}
    return {"source": found.admitted.envelope.source, "id": found.admitted.envelope.id}


def _claim(source: SourcedView | UnassignedObject, claim: Claim) -> dict[str, Any]:
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
        "event": _named(source, claim.event),
    }


def _position(source: SourcedView, position: Position | None) -> dict[str, Any] | None:
    if position is None:
        return None
    return {**_claim(source, position.claim), "via_disputed_link": position.via_disputed_link}


def _box(source: SourcedView, box: Box) -> dict[str, Any]:
    return {
        "container": box.container.key,
        "holds_cargo": box.holds_cargo,
        "counted": box.counted,
        "position": _position(source, box.position),
    }


def _dispute(source: SourcedView, answers: Answers) -> dict[str, Any]:
    question = answers.question
    return {
        "milestone": catalogue.by_number(question.milestone).name,
        "classifier": str(question.classifier),
        "object": str(question.thing),
        "place": question.place,
        "place_name": place_name(question.place),
        "jurisdiction": question.jurisdiction,
        "spread_seconds": answers.spread() // 1_000_000,
        "tolerance_seconds": (rules()[question.milestone].tolerance or 0) // 1_000_000,
        "answers": [_claim(source, claim) for claim in answers.current],
    }


def _exception(source: SourcedView, exception: OpenException) -> dict[str, Any]:
    spec = catalogue.by_number(exception.claim.milestone)
    return {
        "kind": Episode(exception.episode).name,
        "object": str(exception.thing),
        "jurisdiction": exception.jurisdiction,
        "owner": None if spec.owner is None else str(spec.owner),
        "since": _claim(source, exception.claim),
    }


def _handover(handover: HandoverView) -> dict[str, Any]:
    return {
        "place": handover.place,
        "place_name": place_name(handover.place),
        "occurrence": handover.occurrence,
        "state": str(handover.state),
        "lists_differ": handover.differs,
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


def _arrival(source: SourcedView, arrival: Arrival) -> dict[str, Any]:
    return {
        **_claim(source, arrival.claim),
        "standing": str(arrival.status),
        "via_disputed_link": arrival.via_disputed_link,
        "by_train": arrival.by_train,
    }
