"""From an event draft to an unsigned event, byte for byte the same on every machine, and its trace context.

The published time is the record's own and the salt is derived from the partner's secret and the record, so that reading a
file twice yields equal events. The trace context is spooled with the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope, content_digest, event_id, signed_bytes
from schemas.events.decode import decode_payload
from schemas.jurisdiction import require_jurisdiction
from schemas.legibility import require_legible
from schemas.remarks import EventRemark, remarks_of
from schemas.signing import derive_salt
from schemas.trace_context import TRACEPARENT, TraceContext
from services.producers.formats import native_lines
from services.producers.formats.model import EventDraft, Position
from services.producers.profile import Profile
from services.producers.spool import Message
from services.telemetry.tracing import Spans

CONTENT_TYPE = "application/json"
_KEY_ORDER = ("train", "container", "consignment", "note", "booking", "declaration", "wagon")


@dataclass(frozen=True, slots=True)
class UnsignedEvent:
    """An event ready to be signed: envelope, payload bytes, and the bytes that the signature covers."""

    envelope: Envelope
    payload: bytes
    signed: bytes
    key: bytes  # the Kafka key: speed, never correctness
    remarks: tuple[EventRemark, ...] = ()

    @property
    def identity(self) -> bytes:
        return event_id(self.envelope.source, self.envelope.id)

    @property
    def digest(self) -> bytes:
        return content_digest(self.signed)


def concealing(draft: EventDraft, profile: Profile) -> EventDraft:
    """``draft`` with the last part of its id, a digest of what it states, replaced by one that only the partner can work out.

    An id is shown to whoever may know that there is an event, and prices can be guessed against a plain digest. The same draft has the same id.
    """
    stem, _, _ = draft.id.rpartition("/")
    mark = derive_salt(profile.salt_secret, profile.source, f"id of {draft.id}")
    return replace(draft, id=f"{stem}/{mark[:16]}")


def build(line: bytes, profile: Profile) -> UnsignedEvent:
    """The event of one native line under ``profile``; raises Refusal with a pointer into the line."""
    draft = native_lines.record(line, Position())
    return assemble(profile, draft.id, draft.type, draft.time, draft.data, draft.subject)


def assemble(
    profile: Profile,
    identity: str,
    type_: str,
    time: str,
    data: Mapping[str, Any],
    subject: str | None = None,
) -> UnsignedEvent:
    """The unsigned event of one record, validated exactly as at admission. Raises Refusal."""
    envelope = Envelope("1.0", identity, profile.source, type_, time, subject, CONTENT_TYPE)
    salted = {"salt": derive_salt(profile.salt_secret, profile.source, identity), **data}
    payload = orjson.dumps(salted)
    decoded = decode_payload(type_, payload)
    require_legible(envelope, payload)
    require_jurisdiction(decoded)
    signed = signed_bytes(profile.network, envelope, payload)
    remarks = remarks_of(decoded, envelope.published_micros)
    return UnsignedEvent(envelope, payload, signed, partition_key(data), remarks)


def message_of(
    event: UnsignedEvent, signature: str, topic: str, trace: TraceContext | None = None
) -> Message:
    """The Kafka message of a signed event; ``trace`` goes with it and is not signed."""
    headers = (*event.envelope.to_headers(), (SIGNATURE_HEADER, signature.encode()))
    if trace is not None:
        headers = (*headers, (TRACEPARENT, trace.text().encode()))
    return Message(event.identity, event.digest, topic, event.key, headers, event.payload)


def partition_key(data: Mapping[str, Any]) -> bytes:
    """The Kafka key of a payload: train first, then container, so that facts that fold together share a partition."""
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


TraceSource = Callable[[UnsignedEvent], TraceContext | None]
"""Gives the context of an event that is being made."""


def no_trace(_event: UnsignedEvent) -> None:
    """No trace context, the default."""
    return


def trace_source(spans: Spans | None, environment: Mapping[str, str]) -> TraceSource:
    """The source of trace contexts that ``environment`` requests: TRACEPARENT names the caller's.

    Without ``spans`` every event carries that context. With them each event gets a span, in the caller's trace or a new one,
    and a context where that trace is sampled.
    """
    given = TraceContext.of(environment.get("TRACEPARENT", ""))
    if spans is None:
        return no_trace if given is None else lambda _event: given
    making = spans

    def begun(event: UnsignedEvent) -> TraceContext | None:
        envelope = event.envelope
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "create",
            "messaging.operation.type": "create",
            "cloudevents.event_source": envelope.source,
            "cloudevents.event_id": envelope.id,
            "cloudevents.event_type": envelope.type,
        }
        span = making.begin(f"create {envelope.type}", "PRODUCER", given, attributes)
        span.end()
        return span.context if span.context.sampled or given is not None else None

    return begun
