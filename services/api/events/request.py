"""The events of a request: one of three CloudEvents forms, each event of a source of the caller, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from schemas.reasons import Reason, Refusal
from services.api.calls import Call
from services.api.cloudevents import binary, structured
from services.api.cloudevents.binary import read_binary
from services.api.cloudevents.offer import MAX_EVENTS, Misfit, Offer
from services.api.cloudevents.structured import BadBody, TooMany, read_batch, read_event
from services.api.problems import Problem

SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


def offers_of(call: Call) -> tuple[list[Offer | Misfit], bool]:
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
        _stranger(call, each) if isinstance(each, Offer) and not owns(call, each.envelope.source) else each
        for each in offers
    ]


def owns(call: Call, source: str) -> bool:
    """Whether ``source`` is one that the caller's party has or had."""
    owner = call.registry.owner(source)
    return owner is not None and owner.code == call.party.code


def _stranger(call: Call, offered: Offer) -> Misfit:
    refusal = Refusal(
        Reason.WRONG_SOURCE,
        f"The source is not one of {call.party.code}.",
        "header:ce_source",
        "Publish under a source that is registered for you; nobody posts for another.",
    )
    return Misfit(placed(call, refusal), offered.envelope.source, offered.envelope.id)


def placed(call: Call, refusal: Refusal) -> Refusal:
    """``refusal`` of an event, where what is wrong with its attributes stands in the request."""
    form = binary if "ce-specversion" in call.request.headers else structured
    return refusal.at(form.POINTERS.get(refusal.pointer, refusal.pointer))


LONGEST_WAIT = 10.0


def preferences(headers: Iterable[str]) -> Mapping[str, str]:
    """The preferences of all Prefer headers by lower-case name, "" where one has no value; the first of a name counts."""
    found: dict[str, str] = {}
    for part in ",".join(headers).split(","):
        name, _, value = part.partition(";")[0].partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def wait_of(wanted: Mapping[str, str]) -> float:
    """Seconds that ``wait`` asks for, at most ten; 0 for none and for nonsense."""
    text = wanted.get("wait", "")
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
