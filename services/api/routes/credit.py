"""Credit signals of a shipper, for whoever has its consent, and for itself. Without consent not even existence shows."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from schemas.events.base import Role
from services.api.banking.told import names_of
from services.api.calls import Answer, Call
from services.api.moments import moment
from services.api.needs import BANKS, SHIPPERS, Needs, Scope
from services.api.problems import Problem
from services.api.routes.financings import CREDIT_PURPOSE, Moment
from services.api.routing import Routes
from services.credit.domain.presentation import events_of, plain
from services.credit.store import records

routes = Routes("credit")


@routes.get(
    "/v1/shippers/{shipper}/credit",
    Needs(Scope.CREDIT_READ, BANKS | SHIPPERS | {Role.FORWARDER}, "absent"),
    problems=("not-found",),
)
def credit(
    call: Call,
    shipper: Annotated[str, Path(max_length=40)],
    purpose: Annotated[str, Query(max_length=40, description="The purpose of the consent.")] = CREDIT_PURPOSE,
    as_of: Moment = None,
) -> Answer:
    """A shipper's signals, score and reasons as far as its consent goes. What is given is kept as a record: given again
    unchanged it has the same number, else it names the one that it supersedes.
    """
    at = moment(as_of, "as_of", call.now)
    reader = call.party.code
    given = records.read_as(call.session, reader, purpose, shipper, call.now, at, call.registry)
    if given is None:
        raise Problem("not-found")
    named = names_of(call.session, events_of(given.record, given.disputes, given.permission))
    pairs = {event: (name["source"], name["id"]) for event, name in named.items()}
    shown = plain(given.permission, given.record, given.disputes, pairs)
    number = records.issue(call.session, reader, purpose, shipper, call.now, shown)
    call.reads("credit", shipper, (shipper,))
    record = call.shown(number)
    return Answer(
        {**shown, "position": call.shown(shown["position"]), "record": record},
        etag={**shown, "position": None, "record": record},  # read further, and found the same
    )
