"""Delivery of posted events to the broker, and waiting for their outcomes."""

from __future__ import annotations

import time

from services.api.calls import Call
from services.api.cloudevents import outcomes
from services.api.cloudevents.handle import Handle
from services.api.cloudevents.offer import Offer
from services.api.cloudevents.outcomes import Fate, Outcome
from services.api.cloudevents.publisher import Placed, Unavailable
from services.api.events.results import Result, named, remarks_on, result
from services.api.problems import Problem
from services.api.sandbox.forced import event_fate

HANDLE = "event"
"""The purpose under which handles are sealed for their party."""
_LOOK_EVERY = 0.05
_PENDING = Fate(Outcome.PENDING)


def send(call: Call, good: list[Offer]) -> list[Placed | None]:
    """Send ``good``; None for each that was not acknowledged. Problem broker-unavailable where nothing was sent."""
    publisher, tracing = call.context.publisher, call.request.state.tracing
    span = tracing.child(
        f"send {publisher.topic}",
        "PRODUCER",
        {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": publisher.topic,
            "messaging.batch.message_count": len(good),
        },
    )
    failed = "not sent"
    try:
        placed = publisher.send(good, tracing.carried if span is None else span.context)
        failed = "not acknowledged" if None in placed else ""
        return placed
    except Unavailable:
        raise Problem(
            "broker-unavailable",
            "Nothing was forwarded.",
            headers={"retry-after": str(Unavailable.retry_after)},
            results=[],
        ) from None
    finally:
        if span is not None:
            span.end(failed=failed)


def results_of(call: Call, good: list[Offer], placed: list[Placed | None], wait: float) -> list[Result]:
    """The results of what was sent, after waiting up to ``wait`` seconds for their outcomes; in their order."""
    handles = [
        None if place is None else Handle(each.identity, each.content, each.letter, *place)
        for each, place in zip(good, placed, strict=True)
    ]
    asked = [each for each in handles if each is not None]
    known = dict(zip(asked, _wait(call, asked, wait), strict=True)) if wait else {}
    return [
        {**named(each), "outcome": None}
        if handle is None
        else result(
            named(each),
            known.get(handle, _PENDING),
            _sealed(call, handle),
            remarks_on(each.envelope, each.payload),
        )
        for each, handle in zip(good, handles, strict=True)
    ]


def forced(call: Call, offered: Offer, wait: float) -> Result | None:
    """What the sandbox tenant forces by the event's id."""
    fate = event_fate(call, offered.envelope.id)
    if fate is None:
        return None
    handle = call.context.seal.cursor(HANDLE, call.party.code, offered.envelope.id)
    return result(named(offered), fate if wait else _PENDING, handle)


def _sealed(call: Call, handle: Handle) -> str:
    return call.context.seal.cursor(HANDLE, call.party.code, handle.text())


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
