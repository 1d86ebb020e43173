"""The trace context that a publisher gives its events: its caller's, or one of its own where spans are sent.

The context goes into the spool with the event, so that a repetition carries the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope, content_digest, event_id, signed_bytes
from schemas.events.decode import decode_payload
from schemas.legibility import require_legible
from schemas.signing import derive_salt
from schemas.trace_context import TRACEPARENT, TraceContext
from services.producers.formats import native_lines
from services.producers.formats.model import Where
from services.producers.profile import Profile
from services.producers.spool import Message
from services.telemetry.tracing import Spans

# The published time is the record's own, never the clock of this machine, and the salt is derived from the partner's
# secret and the record, so reading a file twice gives equal events.

CONTENT_TYPE = "application/json"
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


def build(line: bytes, profile: Profile) -> Unsigned:
    """The event of one native line under ``profile``; raises Refusal with a pointer into the line."""
    said = native_lines.record(line, Where())
    return assemble(profile, said.id, said.type, said.time, said.data, said.subject)


def assemble(
    profile: Profile,
    identity: str,
    type_: str,
    time: str,
    data: Mapping[str, Any],
    subject: str | None = None,
) -> Unsigned:
    """The unsigned event of one record; validates it exactly as admission will. Raises Refusal."""
    envelope = Envelope("1.0", identity, profile.source, type_, time, subject, CONTENT_TYPE)
    salted = {"salt": derive_salt(profile.salt_secret, profile.source, identity), **data}
    payload = orjson.dumps(salted)
    decode_payload(type_, payload)
    require_legible(envelope, payload)
    return Unsigned(envelope, payload, signed_bytes(profile.network, envelope, payload), partition_key(data))


def message_of(event: Unsigned, signature: str, topic: str, trace: TraceContext | None = None) -> Message:
    """The Kafka message of a signed event; ``trace`` goes with it and is not signed."""
    headers = (*event.envelope.to_headers(), (SIGNATURE_HEADER, signature.encode()))
    if trace is not None:
        headers = (*headers, (TRACEPARENT, trace.text().encode()))
    return Message(event.identity, event.digest, topic, event.key, headers, event.payload)


def partition_key(data: Mapping[str, Any]) -> bytes:
    """The Kafka key of a payload: train first, then box, so that facts that fold together travel together."""
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


Traced = Callable[[Unsigned], TraceContext | None]
"""Gives the context of an event that is being made."""


def untraced(_event: Unsigned) -> None:
    """No context: the ordinary case."""
    return


def traced(spans: Spans | None, environment: Mapping[str, str]) -> Traced:
    """Contexts as ``environment`` asks for them: TRACEPARENT names the caller's, as a shell's tools pass it on.

    Without ``spans`` every event carries just that. With them each event gets a span of its own, in the caller's trace or in
    one of its own, and a context where that trace is kept.
    """
    given = TraceContext.of(environment.get("TRACEPARENT", ""))
    if spans is None:
        return untraced if given is None else lambda _event: given
    making = spans

    def begun(event: Unsigned) -> TraceContext | None:
        envelope = event.envelope
        told = {
            "messaging.system": "kafka",
            "messaging.operation.name": "create",
            "messaging.operation.type": "create",
            "cloudevents.event_source": envelope.source,
            "cloudevents.event_id": envelope.id,
            "cloudevents.event_type": envelope.type,
        }
        span = making.begin(f"create {envelope.type}", "PRODUCER", given, told)
        span.end()
        return span.context if span.context.sampled or given is not None else None

    return begun
