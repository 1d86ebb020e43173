"""Consignments: where they are, what holds them, and who said so."""

from __future__ import annotations

from services.api.calls import Answer, Call
from services.api.needs import Needs, Scope
from services.api.problems import Problem
from services.api.routing import Routes
from services.core.objects import consignment as consignment_thing
from services.query.rendering import plain
from services.query.views import consignments_of, told_of

routes = Routes("consignments")


@routes.get("/v1/consignments/{founder}/{reference}", Needs(Scope.EVENTS_READ), problems=("not-found",))
def consignment(call: Call, founder: str, reference: str) -> Answer:
    """A consignment as the caller may see it."""
    found = consignments_of(call.session, [consignment_thing(founder, reference)])
    told = told_of(call.session, found[0], call.now, call.registry) if found else None
    if told is None or call.party.code not in told.view.engaged:
        raise Problem("not-found")
    body = plain(told)
    call.reads("consignment", body["consignment"], told.view.engaged)
    return Answer(body, etag={**body, "as_of": None})
