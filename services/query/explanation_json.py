"""What is known of an object that reaches no consignment, as JSON-ready data."""

from __future__ import annotations

from typing import Any

from schemas.rfc3339 import format_micros
from services.domain.explanations import Obstacle, Unreached
from services.domain.facts import Founding, Link, PlannedRoute
from services.query.explanations import ExplainedObject
from services.query.stored_events import SourcedEvents
from services.query.view_json import claim_json, event_json, link_json, place_name


def explanation_json(found: ExplainedObject) -> dict[str, Any]:
    """The object with the reasons why it, and each fact about it, reaches no consignment; ``counts`` is false for what is not live."""
    return {
        "object": str(found.thing),
        "because": [_obstacle(found.sources, each) for each in found.obstacles],
        "facts": [_fact(found, each) for each in found.unreached],
        "links": [_link(found, link) for link in found.links],
        "foundings": [_founding(found, founding) for founding in found.foundings],
        "routes": [_route(found, route) for route in found.routes],
        "quarantined": [event_json(found.sources, each) for each in found.sources.quarantined({found.thing})],
    }


def _fact(found: ExplainedObject, unreached: Unreached) -> dict[str, Any]:
    return {
        **claim_json(found.sources, unreached.claim),
        "counts": found.ways.liveness.live(unreached.claim.event),
        "because": [_obstacle(found.sources, each) for each in unreached.obstacles],
    }


def _obstacle(sources: SourcedEvents, obstacle: Obstacle) -> dict[str, Any]:
    return {
        "reason": str(obstacle.reason),
        "object": str(obstacle.thing),
        "at": None if obstacle.at is None else format_micros(obstacle.at),
        "said": None if obstacle.event is None else event_json(sources, obstacle.event),
        "assignment": None if obstacle.link is None else link_json(obstacle.link),
        "ended_by": None if obstacle.ended_by is None else event_json(sources, obstacle.ended_by),
        "withdrawn_by": [event_json(sources, event) for event in obstacle.withdrawn_by],
    }


def _link(found: ExplainedObject, link: Link) -> dict[str, Any]:
    return {**link_json(link), "event": found.sources.named(link.event), **_state(found, link.event)}


def _founding(found: ExplainedObject, founding: Founding) -> dict[str, Any]:
    return {
        "consignment": founding.consignment.key,
        **event_json(found.sources, founding.event),
        **_state(found, founding.event),
    }


def _route(found: ExplainedObject, route: PlannedRoute) -> dict[str, Any]:
    return {
        "places": [place_name(place) for place in route.places],
        **event_json(found.sources, route.event),
        **_state(found, route.event),
    }


def _state(found: ExplainedObject, event: bytes) -> dict[str, Any]:
    reason = found.ways.liveness.reason(event)
    return {
        "counts": reason is None,
        "reason": None if reason is None else str(reason),
        "withdrawn_by": [event_json(found.sources, each) for each in found.ways.withdrawn_by(event)],
    }
