"""CloudEvents in JSON, single or in batches: each event's attributes, and its payload as the very bytes of the body.

The payload is what was signed, so it is cut out of the body as it stands there (``data``), or decoded (``data_base64``);
nothing is written anew. The signature stands in the extension ``lianyunsignature``. Source: CloudEvents JSON format 1.0.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from schemas.envelope import HEADERS
from schemas.reasons import Reason, Refusal
from schemas.trace_context import TRACEPARENT
from services.api.cloudevents.offer import MAX_EVENTS, Misfit, Offer, offer

SIGNATURE: Final = "lianyunsignature"
_SPACE = re.compile(r"[ \t\n\r]*")
POINTERS = {f"header:{header}": f"/{name}" for name, header in HEADERS.items()} | {
    "header:lianyun-signature": f"/{SIGNATURE}"
}


class BadBody(ValueError):
    """The body as a whole cannot be read; the text says where and why."""


class TooMany(ValueError):
    """The batch has more events than one request may bring."""


def _no_constant(text: str) -> NoReturn:
    raise BadBody(f"{text} is no JSON value")


def _number(_text: str) -> int:
    """Numbers are not looked at here; one of a million digits is not worked out either."""
    return 0


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=_number, parse_float=_number)


def read_event(body: bytes, network: str) -> Offer | Misfit:
    """The event of a structured request. Raises BadBody where the body is no JSON object."""
    text = _text(body)
    members, end = _members(text, _skip(text, 0))
    _require_end(text, end)
    return _read(text, members, network)


def read_batch(body: bytes, network: str) -> list[Offer | Misfit]:
    """The events of a batch, each with its event or why it is none, in their order. Raises BadBody and TooMany."""
    text = _text(body)
    return [_read(text, members, network) for members in _elements(text)]


Members = list[tuple[str, Any, int, int]]


def _elements(text: str) -> Iterator[Members]:
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise BadBody("a batch is a JSON array of events")
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        _require_end(text, at + 1)
        return
    for count in range(1, MAX_EVENTS + 2):
        if count > MAX_EVENTS:
            raise TooMany
        members, at = _members(text, at)
        yield members
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            _require_end(text, at + 1)
            return
        if text[at : at + 1] != ",":
            raise BadBody(f"a comma or the end of the array is missing at character {at}")
        at = _skip(text, at + 1)


def _members(text: str, at: int) -> tuple[Members, int]:
    """The members of the object at ``at``, each with the span of its value, and where the object ends."""
    if text[at : at + 1] != "{":
        raise BadBody(f"an event is a JSON object; there is none at character {at}")
    found: Members = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise BadBody(f"a member's name is missing at character {at}")
        name, at = _value(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise BadBody(f"a colon is missing at character {at}")
        start = _skip(text, at + 1)
        value, end = _value(text, start)
        found.append((name, value, start, end))
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return found, at + 1
        if text[at : at + 1] != ",":
            raise BadBody(f"a comma or the end of the object is missing at character {at}")
        at = _skip(text, at + 1)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except BadBody:
        raise
    except RecursionError:
        raise BadBody(f"the value at character {at} is nested too deep") from None
    except ValueError as problem:
        where = problem.pos if isinstance(problem, json.JSONDecodeError) else at
        raise BadBody(f"there is no JSON value at character {where}") from None


def _read(text: str, members: Members, network: str) -> Offer | Misfit:
    event: dict[str, Any] = {}
    twice = ""
    for name, value, *_ in members:
        twice = name if name in event else twice
        event[name] = value
    source, id_ = (event[name] if isinstance(event.get(name), str) else "" for name in ("source", "id"))
    try:
        if twice:
            raise Refusal(
                Reason.DUPLICATE_HEADER,
                f"The member {twice[:64]!r} occurs more than once.",
                f"/{twice[:64]}",
                "Give each once: which of two counts would be a guess.",
            )
        attributes = {name: _string(name, event[name]) for name in HEADERS if event.get(name) is not None}
        signature = event.get(SIGNATURE)
        payload = _payload(text, members, event)
        return offer(
            network,
            attributes,
            None if signature is None else _string(SIGNATURE, signature),
            payload,
            event.get(TRACEPARENT),
        )
    except Refusal as refusal:
        placed = POINTERS.get(refusal.pointer, refusal.pointer)
        return Misfit(refusal.at(placed), _shown(source), _shown(id_))


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Refusal(Reason.INVALID_HEADER, f"The attribute {name} is no string.", f"/{name}")
    return value


def _payload(text: str, members: Members, event: dict[str, Any]) -> bytes | None:
    if "data" in event and "data_base64" in event:
        raise Refusal(
            Reason.INVALID_HEADER, "Both data and data_base64 are given.", "/data_base64", "Give one of them."
        )
    if "data_base64" in event:
        try:
            return binascii.a2b_base64(_string("data_base64", event["data_base64"]), strict_mode=True)
        except (binascii.Error, ValueError):
            raise Refusal(
                Reason.INVALID_HEADER, "It is not padded standard base64.", "/data_base64"
            ) from None
    return next((text[start:end].encode() for name, _, start, end in members if name == "data"), None)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise BadBody(f"it is not UTF-8 at byte {problem.start}") from None


def _shown(text: str) -> str:
    """``text`` as it can be written into an answer."""
    return text[:256].encode("utf-8", "replace").decode()


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _require_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise BadBody(f"something follows the end at character {at}")
