"""The results of posted events: one for each, and the status of the whole."""

from __future__ import annotations

from typing import Any

from schemas.envelope import Envelope
from schemas.events.decode import decode_payload
from schemas.reasons import Refusal
from schemas.remarks import UNREACHED, EventRemark, remark, remarks_of
from services.api.calls import Answer
from services.api.cloudevents.offer import Misfit, Offer
from services.api.cloudevents.outcomes import Fate, Outcome
from services.api.problems import Problem

Result = dict[str, Any]


def answered(body: list[Result], single: bool, applied: list[str]) -> Answer:
    """The answer when all that was forwarded is acknowledged: 200 with final outcomes, else 202.

    Raises Problem event-refused for a single event that is.
    """
    final = all(each["outcome"] != Outcome.PENDING for each in body)
    headers = {"preference-applied": ", ".join(applied)} if applied else {}
    if single:
        only = body[0]
        headers["location"] = f"/v1/events/{only['handle']}"
        if only["outcome"] == Outcome.REFUSED:
            raise refused(only, headers)
    return Answer({"results": body}, 200 if final else 202, headers)


def refused(result: Result, headers: dict[str, str]) -> Problem:
    """A single event that is refused, as a problem with its reason."""
    more = {name: result[name] for name in ("reason", "remedy", "handle") if result.get(name)}
    return Problem(
        "event-refused",
        result["detail"],
        pointer=result["pointer"],
        headers=headers,
        results=[result],
        **more,
    )


def nothing_forwarded(results: list[Result], single: bool) -> Problem:
    """A request of which no event went on."""
    if single and results:
        return refused(results[0], {})
    detail = "Nothing was forwarded." if results else "The batch is empty."
    return Problem("event-refused", detail, results=results)


def misfit(found: Misfit) -> Result:
    """The result of what has not the form of an event, or is not the caller's."""
    why = found.refusal
    return result(
        named(found), Fate(Outcome.REFUSED, why.reason.value, why.detail, why.pointer, why.remedy), None
    )


def named(event: Offer | Misfit) -> Result:
    """Source and id, as far as they could be read."""
    if isinstance(event, Misfit):
        return {"source": event.source, "id": event.id}
    return {"source": event.envelope.source, "id": event.envelope.id}


def remarks_on(envelope: Envelope, payload: bytes) -> tuple[EventRemark, ...]:
    """What is remarked on an event as posted or as stored; () where it is none of ours: the workers say why."""
    try:
        return remarks_of(decode_payload(envelope.type, payload), envelope.published_micros)
    except Refusal:
        return ()


def result(name: Result, fate: Fate, handle: str | None, remarks: tuple[EventRemark, ...] = ()) -> Result:
    """The result of one event; ``remarks`` are left out of a refused one. That it reaches nobody yet is the last of them."""
    if fate.outcome is Outcome.PARKED:
        remarks = (*remarks, remark(UNREACHED, "", ""))
    shown = {**name, "outcome": str(fate.outcome), "handle": handle}
    if fate.outcome is not Outcome.REFUSED:
        return {**shown, "remarks": [each._asdict() for each in remarks]} if remarks else shown
    why = {"reason": fate.reason, "detail": fate.detail, "pointer": fate.pointer, "remedy": fate.remedy}
    return {**shown, **why}
