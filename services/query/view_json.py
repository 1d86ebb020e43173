"""A view as JSON-ready data, in a stable form."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import Episode
from schemas.events.correction import Corrected
from schemas.rfc3339 import format_micros
from services.domain.claim_groups import Answers
from services.domain.facts import FOREVER, Claim, EventId, Link, Restriction, counts
from services.domain.objects import Thing
from services.domain.rules import rules
from services.domain.view import (
    Arrival,
    Box,
    ClaimStatus,
    DeadEvent,
    HandoverView,
    LinkDispute,
    OpenException,
    Position,
    View,
)
from services.query.stored_events import SourcedEvents
from services.query.views import SourcedView


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
        "disputed_links": [_disputed_link(source, dispute) for dispute in view.disputed_links],
        "exceptions": [_exception(source, exception) for exception in view.exceptions],
        "handovers": [_handover(handover) for handover in view.handovers],
        "route": None if view.route is None else [place_name(place) for place in view.route.places],
        "restrictions": [_restriction(each, "IN_FORCE") for each in view.restrictions],
        "announced_restrictions": [_restriction(each, "ANNOUNCED") for each in view.announced_restrictions],
        "past_restrictions": [
            _restriction(each, "PAST" if each.end is not None and each.end <= source.as_of else "PASSED")
            for each in view.past_restrictions
        ],
        "overdue": [claim_json(source.sources, claim) for claim in view.overdue],
        "silent": view.silent,
        "flagged": sorted(source.sources.named(event)["id"] for event in view.flagged),
        "equivocating": sorted(source.sources.named(event)["id"] for event in view.equivocating),
        "not_live": [_dead(source, event) for event in view.not_live],
        "quarantined": [
            event_json(source.sources, each) for each in source.sources.quarantined(_things(view))
        ],
        "timeline": [_arrival(source, arrival) for arrival in view.arrivals],
    }


@lru_cache(maxsize=4_096)
def place_name(place: str) -> str:
    """A place's English name with its code; "" stays empty."""
    station = railnet.resolve(place) if place else None
    return place if station is None else f"{station.names.en} ({place.removeprefix('railnet:')})"


def _things(view: View) -> set[Thing]:
    """What the consignment and its facts are called by."""
    return {
        *view.members,
        *(box.container for box in view.boxes),
        *(arrival.claim.thing for arrival in view.arrivals),
    }


def _dead(source: SourcedView, dead: DeadEvent) -> dict[str, Any]:
    """An event that does not count: why, what took it back, and what it said; of an equivocating one each variant's own."""
    sources = source.sources
    described = event_json(sources, dead.event)
    if described["variants"]:
        stated = {each.stored.content.hex(): each.facts.claims for each in sources.variants(dead.event)}
        for variant in described["variants"]:
            own = [claim for claim in dead.claims if claim in stated[variant["digest"]]]
            variant["claims"] = [claim_json(sources, claim) for claim in own]
    return {
        **described,
        "reason": str(dead.reason),
        "withdrawn_by": [event_json(sources, event) for event in dead.withdrawn_by],
        "claims": [claim_json(sources, claim) for claim in dead.claims],
    }


def event_json(sources: SourcedEvents, event: EventId) -> dict[str, Any]:
    """An event without what it states: its name, publisher and time, and its variants where there are several."""
    found = sources.variants(event)
    if not found:
        return {"event": sources.named(event), "type": None, "by": None, "published": None, "variants": []}
    variants = [
        {
            "type": each.attributes.type.removeprefix("cre.").rpartition(".")[0],
            "by": each.party.code,
            "published": format_micros(each.attributes.published),
            "digest": each.stored.content.hex(),
        }
        for each in found
    ]
    first = {name: value for name, value in variants[0].items() if name != "digest"}
    return {"event": sources.named(event), **first, "variants": variants if len(variants) > 1 else []}


def claim_json(sources: SourcedEvents, claim: Claim) -> dict[str, Any]:
    """A claim with its publisher, assurance and event."""
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
        "event": sources.named(claim.event),
        "corrects": _corrected(sources, claim.event),
    }


def _corrected(sources: SourcedEvents, event: EventId) -> dict[str, str] | None:
    """The event that this one was published instead of: of the same source, whether it was read or not."""
    found = sources.variants(event)
    stated = found[0].payload if found else None
    if not isinstance(stated, Corrected):
        return None
    return {"source": found[0].attributes.source, "id": stated.target}


def _position(source: SourcedView, position: Position | None) -> dict[str, Any] | None:
    if position is None:
        return None
    return {**claim_json(source.sources, position.claim), "via_disputed_link": position.via_disputed_link}


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
        "answers": [claim_json(source.sources, claim) for claim in answers.current],
    }


def _disputed_link(source: SourcedView, dispute: LinkDispute) -> dict[str, Any]:
    return {
        "object": str(dispute.thing),
        "from": format_micros(dispute.since),
        "to": None if dispute.until >= FOREVER else format_micros(dispute.until),
        "sides": [
            {
                **link_json(side.link),
                "published": format_micros(side.link.published),
                "event": source.sources.named(side.link.event),
                "ours": side.ours,
                "counts": side.counted,
            }
            for side in dispute.sides
        ],
    }


def link_json(link: Link) -> dict[str, Any]:
    """A link as its publisher states it."""
    return {
        "kind": link.kind.name,
        "left": str(link.left),
        "right": str(link.right),
        "from": format_micros(link.start),
        "to": None if link.end is None else format_micros(link.end),
        "by": link.publisher,
    }


def _exception(source: SourcedView, exception: OpenException) -> dict[str, Any]:
    spec = catalogue.by_number(exception.claim.milestone)
    return {
        "kind": Episode(exception.episode).name,
        "object": str(exception.thing),
        "jurisdiction": exception.jurisdiction,
        "owner": None if spec.owner is None else str(spec.owner),
        "since": claim_json(source.sources, exception.claim),
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


def _restriction(restriction: Restriction, state: str) -> dict[str, Any]:
    """``to`` is the known end, null while nobody has named one; PASSED is in force behind the cargo."""
    return {
        "state": state,
        "kind": restriction.kind,
        "place": restriction.place,
        "place_name": place_name(restriction.place),
        "direction": restriction.direction,
        "commodities": list(restriction.commodities),
        "from": format_micros(restriction.start),
        "to": None if restriction.end is None else format_micros(restriction.end),
        "by": restriction.publisher,
    }


def _unengaged(source: SourcedView, arrival: Arrival) -> str | None:
    """Why an UNENGAGED claim does not count: its publisher, or that of a link on its way, is nobody's party here.

    The word by which a carrier ends the assignment that it stated itself has that effect, and no other.
    """
    if arrival.status is not ClaimStatus.UNENGAGED:
        return None
    if arrival.ends:
        return "ENDS_OWN_LINK_ONLY"
    speaks = counts(arrival.claim, source.view.engaged)
    return "LINK_BY_NO_PARTY" if speaks else "PUBLISHER_NO_PARTY"


def _arrival(source: SourcedView, arrival: Arrival) -> dict[str, Any]:
    return {
        **claim_json(source.sources, arrival.claim),
        "standing": str(arrival.status),
        "because": _unengaged(source, arrival),
        "via_disputed_link": arrival.via_disputed_link,
        "by_train": arrival.by_train,
    }
