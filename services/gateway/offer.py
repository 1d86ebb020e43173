"""One event as a caller offers it, and as it goes to Kafka: headers and payload exactly as signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from schemas.envelope import (
    HEADERS,
    SIGNATURE_HEADER,
    Envelope,
    content_digest,
    event_id,
    require_payload,
    signed_bytes,
)
from schemas.legibility import require_legible_attributes
from schemas.reasons import Reason, Refusal
from schemas.signature_header import parse_header
from schemas.trace_context import CE_TRACEPARENT, TraceContext
from services.ledger.admission.raw_bytes import digest
from services.producers.unsigned_event import partition_key

MAX_EVENTS: Final = 1_000
"""Events of one request."""
_REQUIRED = ("specversion", "source", "id", "type", "time")


@dataclass(frozen=True, slots=True)
class Offer:
    """An event with the form of one: whether it is admitted, admission says."""

    envelope: Envelope
    headers: tuple[tuple[str, bytes], ...]
    payload: bytes
    identity: bytes
    content: bytes
    letter: bytes  # by which it is known among the dead letters, should it be refused
    key: bytes

    @property
    def traced(self) -> bool:
        """Whether it carries a trace context of its own."""
        return self.headers[-1][0] == CE_TRACEPARENT


@dataclass(frozen=True, slots=True)
class Misfit:
    """What has not the form of a signed event; ``source`` and ``id`` as far as they could be read."""

    refusal: Refusal
    source: str = ""
    id: str = ""


def offer(
    network: str,
    attributes: Mapping[str, str],
    signature: str | None,
    payload: bytes | None,
    trace: object = None,
) -> Offer:
    """The event of ``attributes`` (CloudEvents names), its signature header and its payload bytes; raises Refusal.

    Refused is what can never become an event, whoever looks at it when: missing or malformed attributes, no signature or
    one that cannot be read, no payload or one of more than 64 KiB. ``trace`` is the event's own trace context as it was
    given: it goes on with the event, and is left out where it is none.
    """
    for name in _REQUIRED:
        if name not in attributes:
            raise Refusal(
                Reason.MISSING_HEADER,
                f"The attribute {name} is missing.",
                f"header:{HEADERS[name]}",
                "Give every required attribute of CloudEvents, and time.",
            )
    envelope = Envelope(**{name: attributes[name] for name in HEADERS if name in attributes})
    require_legible_attributes(envelope)
    if signature is None:
        raise Refusal(
            Reason.UNSIGNED,
            "The event carries no signature.",
            f"header:{SIGNATURE_HEADER}",
            "Sign it with your own key; the signing specification is published with worked vectors.",
        )
    try:
        header = signature.encode("ascii")
    except UnicodeEncodeError:
        raise Refusal(
            Reason.MALFORMED_SIGNATURE, "It holds characters outside ASCII.", f"header:{SIGNATURE_HEADER}"
        ) from None
    parse_header(header)
    value = require_payload(payload)
    headers = (*envelope.to_headers(), (SIGNATURE_HEADER, header))
    context = TraceContext.of(trace) if isinstance(trace, str) else None
    if context is not None:
        headers = (*headers, (CE_TRACEPARENT, context.text().encode()))
    return Offer(
        envelope,
        headers,
        value,
        event_id(envelope.source, envelope.id),
        content_digest(signed_bytes(network, envelope, value)),
        digest(headers, value),
        _key(value),
    )


def _key(payload: bytes) -> bytes:
    """The Kafka key that the publisher's own client would take; "" where the payload is none of ours: speed, not sense."""
    try:
        data = orjson.loads(payload)
        return partition_key(data) if isinstance(data, dict) else b""
    except (orjson.JSONDecodeError, TypeError, UnicodeEncodeError):
        return b""
