"""Native records: one JSON object a line, as a partner's own system writes them, made into unsigned events.

A line is ``{"id", "type", "time", "subject"?, "data"}``. ``time`` is when the partner's system made the record, never
the clock of this machine, so reading a file twice, on two machines, gives byte-equal events. ``data`` is the payload
without its salt, which is derived from the partner's secret and the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schemas.envelope import Envelope, content_digest, event_id, signed_bytes
from schemas.events.decode import decode_payload
from schemas.reasons import Reason, Refusal
from schemas.signing import derive_salt
from schemas.strict_json import loads
from services.producers.profile import Profile

CONTENT_TYPE = "application/json"
_FIELDS = frozenset({"id", "type", "time", "subject", "data"})
_KEY_ORDER = ("train", "container", "consignment", "note", "booking", "declaration", "wagon")


@dataclass(frozen=True, slots=True)
class Unsigned:
    """An event ready to be signed: envelope, payload bytes, and the bytes that the signature covers."""

    envelope: Envelope
    payload: bytes
    signed: bytes
    key: bytes  # the Kafka key: speed, never correctness

    @property
    def identity(self) -> bytes:
        return event_id(self.envelope.source, self.envelope.id)

    @property
    def digest(self) -> bytes:
        return content_digest(self.signed)


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a file and what became of it: an event, or why it is none."""

    path: str
    number: int
    event: Unsigned | None
    refusal: Refusal | None


def read(paths: list[Path], profile: Profile) -> Iterator[Line]:
    """Yield every non-blank line of ``paths`` in order; a bad line is an outcome, not an end."""
    for path in paths:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                text = raw.strip()
                if number == 1:
                    text = text.removeprefix(b"\xef\xbb\xbf")
                if not text:
                    continue
                try:
                    yield Line(str(path), number, build(text, profile), None)
                except Refusal as refusal:
                    yield Line(str(path), number, None, refusal)


def build(line: bytes, profile: Profile) -> Unsigned:
    """The event of one native line under ``profile``; raises Refusal with a pointer into the line."""
    record = loads(line)
    if not isinstance(record, dict):
        raise _refuse("the line is not a JSON object", "", "write one JSON object a line")
    unknown = sorted(set(record) - _FIELDS)
    if unknown:
        raise _refuse(
            f"unknown field {unknown[0]!r}", f"/{unknown[0]}", f"the fields are {', '.join(sorted(_FIELDS))}"
        )
    for name in ("id", "type", "time"):
        if not isinstance(record.get(name), str):
            raise _refuse(f"{name} is missing or no text", f"/{name}", f"give {name} as a string")
    data = record.get("data")
    if not isinstance(data, dict):
        raise _refuse("data is missing or no object", "/data", "give the payload of the type as an object")
    return assemble(profile, record["id"], record["type"], record["time"], data, record.get("subject"))


def assemble(
    profile: Profile, identity: str, type_: str, time: str, data: dict[str, Any], subject: str | None = None
) -> Unsigned:
    """The unsigned event of one record; validates it exactly as admission will. Raises Refusal."""
    envelope = Envelope("1.0", identity, profile.source, type_, time, subject, CONTENT_TYPE)
    salted = {"salt": derive_salt(profile.salt_secret, profile.source, identity), **data}
    payload = orjson.dumps(salted)
    decode_payload(type_, payload)
    return Unsigned(envelope, payload, signed_bytes(profile.network, envelope, payload), _key(data))


def _key(data: dict[str, Any]) -> bytes:
    """Train first, then box: facts that fold together travel together."""
    named = {
        name: data[name]
        for name in ("train", "container", "consignment", "note")
        if isinstance(data.get(name), str)
    }
    for ref in data.get("objects", ()):
        if isinstance(ref, dict) and isinstance(ref.get("kind"), str):
            named.setdefault(ref["kind"], str(ref.get("id", "")))
    found = next((named[kind] for kind in _KEY_ORDER if kind in named), "")
    return found.encode()


def _refuse(detail: str, pointer: str, remedy: str) -> Refusal:
    return Refusal(Reason.INVALID_SCHEMA, detail, pointer, remedy)
