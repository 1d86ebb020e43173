"""Requests about cargo: may it be released, re-consigned, transferred? Allowed or not, and never who holds what in it."""

from __future__ import annotations

from schemas.events.base import Role
from services.api.banking.asked import Disposal, things
from services.api.banking.deciding import decided, idempotency
from services.api.calls import Answer, Call
from services.api.needs import Needs, Scope
from services.api.problems import MEDIA_TYPE, Problem
from services.api.routing import Routes
from services.processors.financing.asking import UNKNOWN, Ask, reply
from services.processors.financing.rulings import Action

routes = Routes("cargo")
PARTIES = frozenset(
    {Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.TERMINAL}
)


@routes.post(
    "/v1/cargo-requests", Needs(Scope.EVENTS_WRITE, PARTIES, "absent"), problems=("not-found", "conflict")
)
def ask_for_cargo(call: Call, body: Disposal) -> Answer:
    """Ask whether cargo may be released to somebody, re-consigned or transferred. The answer is a recorded decision:
    ``allowed`` or not. While somebody holds a pledge with a release block it is not, whoever that is.
    """
    ask = Ask(Action(body.action), call.party.code, idempotency(call))
    on = things(body.consignments)
    ruling = decided(call, ask, on)
    if reply(ruling) == UNKNOWN:
        return Answer(Problem("not-found").document(), 404, {"content-type": MEDIA_TYPE})
    for thing in on:
        call.reads("consignment", thing.key)
    told = reply(ruling)
    return Answer(
        {
            "action": body.action,
            "allowed": ruling.done,
            "guard": told.guard or None,
            "satisfied_by": told.satisfied_by or None,
            "number": told.number,
        }
    )
