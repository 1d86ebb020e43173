"""Events that the platform signed itself: by a key of its own, valid then, over the bytes as stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.envelope import Envelope, read_headers, signed_bytes
from schemas.events.base import Payload
from schemas.events.vocabulary import Role
from schemas.reasons import Refusal
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.domain.facts import Micros
from services.ledger.admission.raw_bytes import unframe
from services.ledger.registry.party import KeyState, key_state
from services.ledger.registry.registry import Registry

Note = Callable[[str, object, object], None]
"""Takes down (field, stored, expected)."""


def signed_by_platform(
    headers: bytes,
    payload: bytes,
    at: Micros,
    model: type[Payload],
    registry: Registry,
    network: str,
    note: Note,
) -> tuple[Envelope, dict[str, Any]] | None:
    """The envelope and what the event says, where the platform signed it; what is wrong with it goes to ``note``."""
    try:
        envelope, signature = read_headers(unframe(headers))
        header = parse_header(signature)
    except (ValueError, Refusal) as problem:
        note("headers", problem, "the attributes and signature of an event")
        return None
    key = registry.key(header.key_id)
    party = None if key is None else registry.party(key.party)
    if key is None or party is None or Role.PLATFORM not in party.roles:
        note("signature", f"by key {header.key_id}", "by a registered key of the platform")
        return None
    state = key_state(key, at)
    if state is not KeyState.VALID:
        note("at", f"a moment at which key {key.key_id} is {state}", "a moment of its validity")
    try:
        verify(header, key.public, signed_bytes(network, envelope, payload))
    except Refusal as refusal:
        note("payload, headers or signature", refusal.reason, "what was signed")
        return None
    try:
        model.model_validate_json(payload)
    except ValidationError as problem:
        note("payload", problem.errors()[0]["msg"], f"what {model.spec.type} may say")
        return None
    said: dict[str, Any] = orjson.loads(payload)
    return envelope, said
