"""Events over HTTP: posted as CloudEvents signed by the partner's own key, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.envelope import Envelope, event_id
from schemas.remarks import EventRemark
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.cloudevents import outcomes
from services.api.cloudevents.handle import Handle
from services.api.cloudevents.offer import Misfit, Offer
from services.api.cloudevents.outcomes import Outcome
from services.api.cloudevents.publisher import Unavailable
from services.api.conformance.evidence import record
from services.api.events.delivery import HANDLE, forced, results_of, send
from services.api.events.request import offers_of, owns, preferences, wait_of
from services.api.events.results import answered, misfit, named, nothing_forwarded, remarks_on, result
from services.api.events.verification import admit_sender, verified
from services.api.problems import Problem
from services.api.responses.events import BODY, FINAL, EventResult, EventResults
from services.api.router import Routes
from services.api.sandbox.forced import event_fate
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored

routes = Routes("events")


@routes.post(
    "/v1/events",
    Needs(Scope.EVENTS_WRITE, foreign="own"),
    idempotent=False,
    transaction=False,
    answers=EventResults,
    status=202,
    problems=(
        "bad-request",
        "unsupported-media-type",
        "content-too-large",
        "event-refused",
        "broker-unavailable",
    ),
    extra={
        "requestBody": BODY,
        "responses": {"200": {"description": "The outcomes of all are final.", "content": FINAL}},
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "description": "wait=5: answer with the final outcomes if there are any within so many seconds (at most "
                "10); handling=strict: forward nothing where one event of a batch has not the form of one.",
            }
        ],
    },
)
def post_events(call: Call) -> Answer:
    """Post events.

    Structured, batch or binary CloudEvents, each signed by the caller's own key exactly as on Kafka; the bytes that the
    signature covers are forwarded as they are. 202: the broker has acknowledged every event that was forwarded, each with
    a handle. 200: the outcomes of all are final (asked with Prefer: wait). The same event may be sent again at any time.
    What cannot be verified (key, signature, source) is refused at once and not forwarded; too much of it is answered with 429.
    What is doubtful about an event that goes on (a check digit, an unknown place, a fact in the future) stands in its remarks.
    """
    wanted = preferences(call.request.headers.getlist("prefer"))
    admit_sender(call)
    brought, single = offers_of(call)
    offers = verified(call, brought)
    record(call, brought, offers)
    call.context.metrics.events_refused(each.refusal for each in offers if isinstance(each, Misfit))
    results = [misfit(each) if isinstance(each, Misfit) else None for each in offers]
    good = [each for each in offers if isinstance(each, Offer)]
    strict = wanted.get("handling", "").lower() == "strict"
    applied = ["handling=strict"] if strict else []
    if not good or (strict and len(good) < len(offers)):
        left_alone = [each or {**named(offers[n]), "outcome": None} for n, each in enumerate(results)]
        raise nothing_forwarded(left_alone, single)
    real = [each for each in good if event_fate(call, each.envelope.id) is None]
    placed = send(call, real) if real else []
    sent = iter(results_of(call, real, placed, wait_of(wanted)))
    outcomes_of_good = iter([forced(call, each, wait_of(wanted)) or next(sent) for each in good])
    body = [each if each is not None else next(outcomes_of_good) for each in results]
    if None in placed:
        raise Problem(
            "broker-unavailable",
            "Not every event was acknowledged.",
            headers={"retry-after": str(Unavailable.retry_after)},
            results=body,
        )
    if wait_of(wanted):
        applied.append(f"wait={wait_of(wanted):.0f}")
    return answered(body, single, applied)


@routes.get(
    "/v1/events",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=EventResult,
    problems=("not-found",),
)
def event_by_name(call: Call, source: str, id: str) -> Answer:
    """What became of the caller's own event of that source and id, whichever way it was published."""
    if not owns(call, source):
        raise Problem("not-found")
    fate = event_fate(call, id) or outcomes.fate_of(call.session, event_id(source, id), call.party.code)
    if fate is None:
        raise Problem(
            "not-found", "Nothing of it is known yet, or its signature was not good: ask by its handle."
        )
    stored = event_reader.events_by_id(call.session, [event_id(source, id)])
    return Answer(result({"source": source, "id": id}, fate, None, _remarks(stored)))


@routes.get(
    "/v1/events/{handle}",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=EventResult,
    problems=("not-found",),
)
def event_by_handle(call: Call, handle: str) -> Answer:
    """What became of an event that the caller posted, by the handle that it was given."""
    try:
        place = str(call.context.seal.place(HANDLE, call.party.code, handle))
        fate = event_fate(call, place)
        if fate is not None:
            return Answer(result({"source": None, "id": place}, fate, handle))
        found = Handle.of(place)
    except ValueError:
        raise Problem("not-found") from None
    stored = event_reader.events_by_id(call.session, [found.identity])
    name = _stored_name(call, stored)
    (fate,) = outcomes.fates(call.session, [found], call.party.code)
    if name is None and fate.outcome is Outcome.UNKNOWN:
        raise Problem("not-found")
    same = [each for each in stored if each.content == found.content]
    return Answer(result(name or {"source": None, "id": None}, fate, handle, _remarks(same)))


def _stored_name(call: Call, stored: Sequence[Stored]) -> dict[str, Any] | None:
    """Source and id of the ``stored`` event, None where none is; Problem not-found where it is somebody else's."""
    if not stored:
        return None
    envelope = Envelope.from_headers(stored[0].headers)
    if not owns(call, envelope.source):
        raise Problem("not-found")
    return {"source": envelope.source, "id": envelope.id}


def _remarks(stored: Sequence[Stored]) -> tuple[EventRemark, ...]:
    """The remarks on the first content of an event that is stored."""
    return remarks_on(Envelope.from_headers(stored[0].headers), stored[0].payload) if stored else ()
