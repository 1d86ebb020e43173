"""Events over HTTP: posted as CloudEvents signed by the partner's own key, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, Field

from schemas.envelope import Envelope, event_id
from schemas.reasons import Reason, Refusal
from services.api.calls import Answer, Call
from services.api.needs import Needs, Scope
from services.api.preferences import preferences, wait_of
from services.api.problems import Problem
from services.api.routing import Routes
from services.api.sandbox.forcing import event_fate
from services.gateway import outcomes
from services.gateway.binary import read_binary
from services.gateway.handle import Handle
from services.gateway.offer import MAX_EVENTS, Misfit, Offer
from services.gateway.outcomes import Fate, Outcome
from services.gateway.publishing import Placed, Unavailable
from services.gateway.structured import BadBody, TooMany, read_batch, read_event
from services.storage import reading

routes = Routes("events")

SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_HANDLE = "event"
_LOOK_EVERY = 0.05
_PENDING = Fate(Outcome.PENDING)


class EventResult(BaseModel):
    """What became of one event. ``reason`` and what follows it stand with ``refused`` only."""

    source: str | None = Field(description="null by a handle, as long as the event is not stored")
    id: str | None
    outcome: Outcome | None = Field(description="null: not acknowledged, send it again")
    handle: str | None = Field(None, description="ask by it: GET /v1/events/{handle}")
    reason: str | None = None
    detail: str | None = None
    pointer: str | None = Field(
        None, description="JSON pointer into the payload or the event, or header:<name>"
    )
    remedy: str | None = None


class EventResults(BaseModel):
    """One result for each event of the request, in its order."""

    results: list[EventResult]


_BODY: Final = {
    "required": True,
    "content": {
        SINGLE: {
            "schema": {"type": "object", "description": "A CloudEvent with the extension lianyunsignature."}
        },
        BATCH: {
            "schema": {
                "type": "array",
                "items": {"type": "object"},
                "description": f"At most {MAX_EVENTS} CloudEvents, else content-too-large.",
            }
        },
        "application/json": {"schema": {"description": "The payload as signed; attributes in ce- headers."}},
    },
}


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
        "requestBody": _BODY,
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
    """
    wanted = preferences(call.request.headers.getlist("prefer"))
    offers, single = _offers(call)
    results = [_misfit(each) if isinstance(each, Misfit) else None for each in offers]
    good = [each for each in offers if isinstance(each, Offer)]
    strict = wanted.get("handling", "").lower() == "strict"
    applied = ["handling=strict"] if strict else []
    if not good or (strict and None not in results and results):
        raise _all_refused(results, single)
    if strict and len(good) < len(offers):
        raise _all_refused(
            [each or {**_named(offers[n]), "outcome": None} for n, each in enumerate(results)], single
        )
    real = [each for each in good if event_fate(call, each.envelope.id) is None]
    placed = _send(call, real) if real else []
    sent = iter(_results(call, real, placed, wait_of(wanted)))
    told = iter([_forced(call, each, wait_of(wanted)) or next(sent) for each in good])
    body = [each if each is not None else next(told) for each in results]
    if None in placed:
        raise Problem(
            "broker-unavailable",
            "Not every event was acknowledged.",
            headers={"retry-after": str(Unavailable.retry_after)},
            results=body,
        )
    if wait_of(wanted):
        applied.append(f"wait={wait_of(wanted):.0f}")
    return _answer(body, single, applied)


@routes.get(
    "/v1/events",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=EventResult,
    problems=("not-found",),
)
def event_by_name(call: Call, source: str, id: str) -> Answer:
    """What became of the caller's own event of that source and id, whichever way it was published."""
    if not _owns(call, source):
        raise Problem("not-found")
    fate = event_fate(call, id) or outcomes.fate_of(call.session, event_id(source, id), call.party.code)
    if fate is None:
        raise Problem(
            "not-found", "Nothing of it is known yet, or its signature was not good: ask by its handle."
        )
    return Answer(_told({"source": source, "id": id}, fate, None))


@routes.get(
    "/v1/events/{handle}",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=EventResult,
    problems=("not-found",),
)
def event_by_handle(call: Call, handle: str) -> Answer:
    """What became of an event that the caller posted, by the handle that it was given."""
    try:
        place = str(call.context.seal.place(_HANDLE, call.party.code, handle))
        fate = event_fate(call, place)
        if fate is not None:
            return Answer(_told({"source": None, "id": place}, fate, handle))
        found = Handle.of(place)
    except ValueError:
        raise Problem("not-found") from None
    name = _stored_name(call, found.identity)
    (fate,) = outcomes.fates(call.session, [found], call.party.code)
    if name is None and fate.outcome is Outcome.UNKNOWN:
        raise Problem("not-found")
    return Answer(_told(name or {"source": None, "id": None}, fate, handle))


def _stored_name(call: Call, identity: bytes) -> dict[str, Any] | None:
    """Source and id of the stored event, None where none is stored; Problem not-found where it is somebody else's."""
    stored = reading.events_by_id(call.session, [identity])
    if not stored:
        return None
    envelope = Envelope.from_headers(stored[0].headers)
    if not _owns(call, envelope.source):
        raise Problem("not-found")
    return {"source": envelope.source, "id": envelope.id}


def _offers(call: Call) -> tuple[list[Offer | Misfit], bool]:
    """What the request brings, and whether it is a single event."""
    network = call.context.settings.network
    media, _, parameters = call.request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    structured = media.strip().lower() in (SINGLE, BATCH)
    if structured and charset not in ("", "utf-8"):
        raise Problem("unsupported-media-type", "JSON is UTF-8.")
    try:
        if media.strip().lower() == BATCH:
            return _own(call, read_batch(call.body, network)), False
        if structured:
            return _own(call, [read_event(call.body, network)]), True
    except BadBody as problem:
        raise Problem("bad-request", f"The body cannot be read: {problem}.") from None
    except TooMany:
        raise Problem("content-too-large", f"A batch has at most {MAX_EVENTS} events.") from None
    if "ce-specversion" in call.request.headers:
        return _own(call, [read_binary(call.request.headers.raw, call.body, network)]), True
    raise Problem(
        "unsupported-media-type",
        f"Send {SINGLE}, {BATCH}, or binary mode with ce- headers.",
        headers={"accept-post": f"{SINGLE}, {BATCH}, application/json"},
    )


def _own(call: Call, offers: Sequence[Offer | Misfit]) -> list[Offer | Misfit]:
    """``offers``, where those of sources that are not the caller's are refused."""
    return [
        _stranger(call, each) if isinstance(each, Offer) and not _owns(call, each.envelope.source) else each
        for each in offers
    ]


def _owns(call: Call, source: str) -> bool:
    owner = call.registry.owner(source)
    return owner is not None and owner.code == call.party.code


def _stranger(call: Call, offered: Offer) -> Misfit:
    refusal = Refusal(
        Reason.WRONG_SOURCE,
        f"The source is not one of {call.party.code}.",
        "/source" if call.request.headers.get("ce-source") is None else "header:ce-source",
        "Publish under a source that is registered for you; nobody posts for another.",
    )
    return Misfit(refusal, offered.envelope.source, offered.envelope.id)


def _send(call: Call, good: list[Offer]) -> list[Placed | None]:
    try:
        return call.context.publisher.send(good)
    except Unavailable:
        raise Problem(
            "broker-unavailable",
            "Nothing was forwarded.",
            headers={"retry-after": str(Unavailable.retry_after)},
            results=[],
        ) from None


def _results(call: Call, good: list[Offer], placed: list[Placed | None], wait: float) -> list[dict[str, Any]]:
    handles = [
        None if place is None else Handle(each.identity, each.content, each.letter, *place)
        for each, place in zip(good, placed, strict=True)
    ]
    asked = [each for each in handles if each is not None]
    known = dict(zip(asked, _wait(call, asked, wait), strict=True)) if wait else {}
    return [
        {**_named(each), "outcome": None}
        if handle is None
        else _told(_named(each), known.get(handle, _PENDING), _sealed(call, handle))
        for each, handle in zip(good, handles, strict=True)
    ]


def _forced(call: Call, offered: Offer, wait: float) -> dict[str, Any] | None:
    """What the sandbox tenant forces by the event's id."""
    fate = event_fate(call, offered.envelope.id)
    if fate is None:
        return None
    handle = call.context.seal.cursor(_HANDLE, call.party.code, offered.envelope.id)
    return _told(_named(offered), fate if wait else _PENDING, handle)


def _sealed(call: Call, handle: Handle) -> str:
    return call.context.seal.cursor(_HANDLE, call.party.code, handle.text())


def _wait(call: Call, handles: list[Handle], seconds: float) -> list[Fate]:
    """The fates when all are final or the time is up; without waiting where too many others wait already."""
    turn = call.context.waiting.acquire(blocking=False)
    try:
        until = time.monotonic() + (seconds if turn else 0.0)
        while True:
            with call.transaction() as session:
                found = outcomes.fates(session, handles, call.party.code)
            if all(each.final for each in found) or time.monotonic() >= until:
                return found
            time.sleep(_LOOK_EVERY)
    finally:
        if turn:
            call.context.waiting.release()


def _answer(body: list[dict[str, Any]], single: bool, applied: list[str]) -> Answer:
    final = all(each["outcome"] != Outcome.PENDING for each in body)
    headers = {"preference-applied": ", ".join(applied)} if applied else {}
    if single:
        only = body[0]
        headers["location"] = f"/v1/events/{only['handle']}"
        if only["outcome"] == Outcome.REFUSED:
            raise _refused(only, headers)
    return Answer({"results": body}, 200 if final else 202, headers)


def _refused(result: dict[str, Any], headers: dict[str, str]) -> Problem:
    more = {name: result[name] for name in ("reason", "remedy", "handle") if result.get(name)}
    return Problem(
        "event-refused",
        result["detail"],
        pointer=result["pointer"],
        headers=headers,
        results=[result],
        **more,
    )


def _all_refused(results: list[dict[str, Any] | None], single: bool) -> Problem:
    told = [each for each in results if each is not None]
    if single and told:
        return _refused(told[0], {})
    detail = "Nothing was forwarded." if told else "The batch is empty."
    return Problem("event-refused", detail, results=told)


def _misfit(misfit: Misfit) -> dict[str, Any]:
    refusal = misfit.refusal
    fate = Fate(Outcome.REFUSED, refusal.reason.value, refusal.detail, refusal.pointer, refusal.remedy)
    return _told(_named(misfit), fate, None)


def _named(event: Offer | Misfit) -> dict[str, Any]:
    if isinstance(event, Misfit):
        return {"source": event.source, "id": event.id}
    return {"source": event.envelope.source, "id": event.envelope.id}


def _told(name: dict[str, Any], fate: Fate, handle: str | None) -> dict[str, Any]:
    told = {**name, "outcome": str(fate.outcome), "handle": handle}
    if fate.outcome is Outcome.REFUSED:
        told |= {
            "reason": fate.reason,
            "detail": fate.detail,
            "pointer": fate.pointer,
            "remedy": fate.remedy,
        }
    return told
