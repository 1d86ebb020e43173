"""Conformance of a partner's publisher, in the networks that have a sandbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.conformance import cases, evaluation
from services.api.conformance.evidence import evidence, runs_of
from services.api.problems import Problem
from services.api.responses.conformance import ConformanceCases, ConformanceOutcome
from services.api.router import Routes
from services.api.sandbox.table import NETWORKS

routes = Routes("sandbox")
_OWN = Needs(Scope.EVENTS_READ, foreign="own")


@routes.get("/v1/sandbox/conformance", _OWN, answers=ConformanceCases, problems=("not-found",))
def conformance_cases(
    call: Call,
    run: Annotated[
        str,
        Query(
            max_length=32,
            pattern=f"^{cases.RUN.pattern}$",
            description="A name of yours; a new one begins anew.",
        ),
    ] = "1",
) -> Answer:
    """The cases of a conformance run: what to send, and how.

    Each event has its id, type, time, subject and payload but for the salt; `instruction` says how it is sent where not as it stands. Of
    what is refused the reason is not given here: the publisher reads it in the outcome and repeats it in the remark of the case's last
    event. The same at every call. In a network without a sandbox it is absent.
    """
    source, found = _cases(call, run)
    body = {"run": run, "network": call.context.settings.network, "party": call.party.code, "source": source}
    return Answer({**body, "runs": runs_of(call.session, call.party.code), "cases": list(cases.plain(found))})


@routes.get("/v1/sandbox/conformance/{run}", _OWN, answers=ConformanceOutcome, problems=("not-found",))
def conformance_outcome(call: Call, run: str) -> Answer:
    """What is right and wrong about the caller's publisher, from what has arrived of a run so far.

    Cases may be sent in any order, over HTTP or to the caller's own topic, and the run may be looked at any time.
    """
    if not cases.RUN.fullmatch(run):
        raise Problem("not-found")
    _, found = _cases(call, run)
    judged = evaluation.verdicts(found, evidence(call.session, call.party, run, found))
    return Answer({"run": run, "party": call.party.code, **evaluation.plain(judged)})


def _cases(call: Call, run: str) -> tuple[str, list[cases.Case]]:
    party = call.party
    if call.context.settings.network not in NETWORKS or not party.sources:
        raise Problem("not-found")
    source = min(party.sources)
    return source, cases.cases_of(party.code, party.roles, source, run)
