"""Requests about cargo: may it be released, re-consigned, transferred? Allowed or not, and never who holds what in it."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events.base import Role
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call, PendingDecision
from services.api.financing import representation
from services.api.financing.decisions import idempotency
from services.api.problems import MEDIA_TYPE, Problem
from services.api.requests.financing import Disposal
from services.api.responses.financing import CargoDecision
from services.api.router import Routes
from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.requests import UNKNOWN, DecisionRequest, reply

routes = Routes("cargo")
PARTIES = frozenset(
    {Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.TERMINAL}
)


@routes.post(
    "/v1/cargo-requests",
    Needs(Scope.EVENTS_WRITE, PARTIES, "absent"),
    answers=CargoDecision,
    problems=("not-found", "conflict"),
    decision=True,
)
def ask_for_cargo(call: Call, body: Disposal) -> PendingDecision:
    """Ask whether cargo may be released to somebody, re-consigned or transferred. The answer is a recorded decision:
    ``allowed`` or not. While somebody holds a pledge with a release block it is not, whoever that is: nor for another
    consignment that names a box, a note or a declaration of the pledged goods, which ``shares`` then says. Goods that were given
    back while the rest stays pledged are allowed where nothing else is named.
    """
    on = body.about()
    ask = DecisionRequest(Action(body.action), call.party.code, idempotency(call), about=on)
    return PendingDecision(ask, on, lambda ruling: _answered(call, ruling, ask.action, on))


def _answered(call: Call, ruling: Decision, action: Action, on: Sequence[Thing]) -> Answer:
    given = reply(ruling)
    if given == UNKNOWN:
        return Answer(Problem("not-found").document(), 404, {"content-type": MEDIA_TYPE})
    for thing in on:
        call.reads(thing.kind.wire, thing.key)
    return Answer(
        {
            "action": str(action),
            "allowed": ruling.done,
            "guard": given.guard or None,
            "satisfied_by": given.satisfied_by or None,
            "shares": representation.shared(given.shares),
            "goods": representation.shared(given.goods),
            "number": None if given.number is None else call.shown(given.number),
        }
    )
