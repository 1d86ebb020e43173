"""Evaluation of verified events: type, role of the publisher, payload, facts and remarks; and admission of single records."""

from __future__ import annotations

import binascii
import hashlib

from schemas.events.base import EventSpec, Milestone, Payload
from schemas.events.catalogue import CATALOGUE
from schemas.events.correction import Corrected
from schemas.events.customs_whole import WholeRelay, unpacked
from schemas.events.decode import decode_payload
from schemas.jurisdiction import require_jurisdiction
from schemas.legibility import require_legible
from schemas.reasons import Reason, Refusal
from schemas.remarks import remarks_of
from schemas.signing import verify
from services.domain.interpretation import Attribution, interpret
from services.ledger.admission.model import (
    COUNTRIES_SINCE,
    LEGIBLE_SINCE,
    RULES,
    AdmissionSettings,
    Admitted,
    Record,
    Refused,
    Verified,
)
from services.ledger.admission.verification import SignatureCheck, attributed_to, verify_record
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry


def evaluate(verified: Verified, registry: Registry, rules: int = RULES) -> Admitted | Refused:
    """The event with its facts, or the refusal; pure. ``rules`` is the version of the rules under which it was admitted.

    Only what the publisher can correct becomes a refusal. Any other exception is a fault of this program and propagates:
    the batch is then bisected, and the event that fails alone becomes a dead letter INTERNAL_ERROR.
    """
    try:
        return _evaluate(verified, rules)
    except Refusal as refusal:
        return Refused.of(
            verified.record, refusal, attributed_to(verified.record, registry, verified.party), verified.event
        )


def _evaluate(verified: Verified, rules: int) -> Admitted:
    envelope, party = verified.envelope, verified.party
    model = CATALOGUE.get(envelope.type)
    if model is not None:  # else the decoder says whether the type or its version is unknown
        _require_role(model.spec, party, "header:ce_type")
    payload = decode_payload(envelope.type, verified.payload)
    if rules >= LEGIBLE_SINCE:
        require_legible(envelope, verified.payload)
    if rules >= COUNTRIES_SINCE:
        require_jurisdiction(payload)
    _require_whole(payload, party)
    statement = Attribution(verified.event, envelope.source, party.publisher, envelope.published_micros)
    facts = interpret(statement, verified.content, payload)
    return Admitted(verified, payload, facts, remarks_of(payload, statement.published))


def _require_whole(payload: Payload, party: Party) -> None:
    """Check the publisher's role and the relayed message, of the payload and of the replacement in a correction."""
    if isinstance(payload, Corrected):
        replacement = payload.replacement.payload
        _require_role(replacement.spec, party, "/replacement/type")
        _require_relay(replacement, "/replacement/data")
    else:
        _require_relay(payload, "")


def _require_role(spec: EventSpec, party: Party, pointer: str) -> None:
    if party.roles.isdisjoint(spec.publishers):
        raise Refusal(
            Reason.ROLE_NOT_ALLOWED,
            f"{party.code} is {_listed(party.roles)}; {spec.type} is said by {_listed(spec.publishers)}.",
            pointer,
            "Let the party that may say it publish it, or have the role registered.",
        )


def _listed(roles: frozenset[str]) -> str:
    return ", ".join(sorted(roles))


def _require_relay(payload: Payload, at: str) -> None:
    """Check that the relayed message of an authority matches its digest."""
    relay = payload.relay if isinstance(payload, Milestone) else None
    if relay is None:
        return
    try:
        message = binascii.a2b_base64(relay.message_b64, strict_mode=True)
    except binascii.Error as problem:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The relayed message is not base64: {problem}.",
            f"{at}/relay/message_b64",
            "Enclose the authority's message in padded standard base64.",
        ) from None
    if isinstance(relay, WholeRelay):
        message = _unpacked(message, relay, at)
    if hashlib.sha256(message).hexdigest() != relay.message_sha256:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The digest is not that of the relayed message.",
            f"{at}/relay/message_sha256",
            "Give SHA-256 over the message's own bytes, in lower hex.",
        )


def _unpacked(message: bytes, relay: WholeRelay, at: str) -> bytes:
    try:
        if relay.packing == "GZIP":
            return unpacked(message, relay.message_length)
        if len(message) != relay.message_length:
            raise ValueError(f"it does not hold {relay.message_length} bytes")
    except ValueError as problem:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The relayed message cannot be had: {problem}.",
            f"{at}/relay/message_b64",
            "Pack the authority's message by gzip, and give the length that it has unpacked.",
        ) from None
    return message


def admit(
    record: Record, registry: Registry, settings: AdmissionSettings, check: SignatureCheck = verify
) -> Admitted | Refused:
    """Admit one record: the event with its facts, or the refusal with reason, pointer and remedy.

    Pure: the same record, registry and settings give the same result on every machine, at any time. Verification comes
    before parsing. Whatever a publisher can send becomes a refusal; an exception is a fault of this program.
    """
    verified = verify_record(record, registry, settings, check)
    return verified if isinstance(verified, Refused) else evaluate(verified, registry)
