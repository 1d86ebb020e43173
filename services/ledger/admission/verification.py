"""Verification of the publisher before the payload is parsed: caps, headers, key, source, topic, signature, clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from schemas.envelope import (
    SIGNATURE_HEADER,
    Envelope,
    content_digest,
    event_id,
    read_headers,
    require_payload,
)
from schemas.envelope import signed_bytes as bytes_to_sign
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros
from schemas.schemes import PublicKey
from schemas.signature_header import SignatureHeader, parse_header
from schemas.signing import Verifier, require_verified_scheme, verify
from services.ledger.admission.model import AdmissionSettings, Headers, Record, Refused, Verified
from services.ledger.registry.party import Key, KeyState, Party, key_state
from services.ledger.registry.registry import Registry

_AT_SIGNATURE = f"header:{SIGNATURE_HEADER}"
SignatureCheck = Callable[[SignatureHeader, PublicKey, bytes], None]


def verify_record(
    record: Record, registry: Registry, settings: AdmissionSettings, check: SignatureCheck = verify
) -> Verified | Refused:
    """Verify the publisher of ``record``; pure, and never parses the payload.

    ``check`` verifies the signature: ``schemas.signing.verify`` or a caching ``Verifier.verify``. Costs about 60
    microseconds for one Ed25519 signature and 15 otherwise. Only a fault of this program raises.
    """
    try:
        return _verify(record, registry, settings, check)
    except Refusal as refusal:
        return Refused.of(record, refusal, attributed_to(record, registry))


def verify_many(
    records: Iterable[Record], registry: Registry, settings: AdmissionSettings, verifier: Verifier
) -> list[Verified | Refused]:
    """Verify a batch in order; events of one signed batch cost one signature together.

    Suited to a thread of its own: the curve arithmetic, most of the time, releases the interpreter's lock.
    ``verifier`` outlives the batch and may be shared by threads.
    """
    check = verifier.verify
    return [verify_record(record, registry, settings, check) for record in records]


def attributed_to(record: Record, registry: Registry, party: Party | None = None) -> str:
    """The code of the sole writer of the record's topic, else of ``party``, which signed it, else the topic."""
    writer = registry.writer(record.topic) or party
    return record.topic if writer is None else writer.code


def _verify(
    record: Record, registry: Registry, settings: AdmissionSettings, check: SignatureCheck
) -> Verified | Refused:
    payload = require_payload(record.value)
    _require_small(record.headers, settings)
    envelope, value = read_headers(record.headers)
    header = parse_header(value)
    key = _key(header, registry)
    signed = bytes_to_sign(settings.network, envelope, payload)
    check(header, key.public, signed)
    _require_window(key, record)
    party = _owner(envelope, key, registry, record.appended)
    event = event_id(envelope.source, envelope.id)
    try:
        _require_topic(record, party, settings)
        _require_clock(envelope, record, settings)
    except (
        Refusal
    ) as refusal:  # proven to be of the party: it finds the letter by its event, whoever owns the topic
        return Refused.of(record, refusal, attributed_to(record, registry, party), event)
    return Verified(record, envelope, party, key, event, content_digest(signed), payload)


def _require_small(headers: Headers, settings: AdmissionSettings) -> None:
    if len(headers) > settings.max_headers:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The record has {len(headers):,} headers, more than {settings.max_headers}.",
            "headers",
            "Send the headers of the signing specification only.",
        )
    size = 0
    for name, value in headers:
        size += len(name) + (0 if value is None else len(value))
    if size > settings.max_header_bytes:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The headers have {size:,} bytes, more than {settings.max_header_bytes:,}.",
            "headers",
            "Send the headers of the signing specification only.",
        )


def _key(header: SignatureHeader, registry: Registry) -> Key:
    require_verified_scheme(header)
    key = registry.key(header.key_id)
    if key is None:
        raise Refusal(
            Reason.UNKNOWN_KEY,
            f"No key {header.key_id} is registered{' under the signatures of two administrators' if registry.signed else ''}.",
            _AT_SIGNATURE,
            "Register the public key; the event can then be redriven unchanged.",
        )
    if header.scheme is not key.scheme:
        raise Refusal(
            Reason.SCHEME_MISMATCH,
            f"The key {header.key_id} is bound to {key.scheme}, the message says {header.scheme}.",
            _AT_SIGNATURE,
            "Sign under the scheme that the key is registered for.",
        )
    return key


def _require_window(key: Key, record: Record) -> None:
    state = key_state(key, record.appended)
    if state is not KeyState.VALID:
        reason, detail, remedy = _WINDOWS[state]
        began, ended = key.not_before, key.not_after or 0
        moments = {
            "appended": record.appended,
            "began": began,
            "ended": ended,
            "revoked": key.revoked_at or 0,
        }
        shown = {name: format_micros(min(moment, _LAST)) for name, moment in moments.items()}
        raise Refusal(reason, detail.format(key_id=key.key_id, **shown), _AT_SIGNATURE, remedy)


_LAST = 4_133_980_799_000_000  # the end of 2100: a window may be said to begin or end at any number
_WINDOWS = {
    KeyState.NOT_YET_VALID: (
        Reason.KEY_NOT_YET_VALID,
        "The key {key_id} was not valid yet when the broker took the record, at {appended}: its window begins at {began}.",
        "Publish it again once the window has begun, or with the key of that time.",
    ),
    KeyState.EXPIRED: (
        Reason.KEY_EXPIRED,
        "The key {key_id} was no longer valid when the broker took the record, at {appended}: its window ended at {ended}.",
        "Sign and publish the event again with the present key.",
    ),
    KeyState.REVOKED: (
        Reason.KEY_REVOKED,
        "The key {key_id} was revoked at {revoked}, before the broker took the record, at {appended}.",
        "Sign and publish the event again with the present key.",
    ),
    KeyState.COMPROMISED: (
        Reason.KEY_REVOKED,
        "The key {key_id} counts as compromised since before the broker took the record.",
        "Sign and publish the event again with a new key.",
    ),
}


def _owner(envelope: Envelope, key: Key, registry: Registry, appended: int) -> Party:
    """The party that signed, as it was when the broker took the record."""
    owner = registry.owner(envelope.source)
    if owner is not None and owner.code == key.party:
        party = owner.at(appended)
        if envelope.source in party.sources:
            return party
    raise Refusal(
        Reason.WRONG_SOURCE,
        f"The source {envelope.source[:120]!r} does not belong to {key.party}, whose key signed, "
        "when the broker took the record.",
        "header:ce_source",
        "Publish under a source that is registered for the party that signs.",
    )


def _require_topic(record: Record, party: Party, settings: AdmissionSettings) -> None:
    if record.topic in party.topics or record.topic in settings.gateway_topics:
        return
    raise Refusal(
        Reason.WRONG_TOPIC,
        f"The topic {record.topic} is not one of {party.code}, whose key signed.",
        "topic",
        "Publish to the party's own topic or through the gateway.",
    )


def _require_clock(envelope: Envelope, record: Record, settings: AdmissionSettings) -> None:
    ahead = envelope.published_micros // 1_000 - record.append_ms
    if ahead > settings.clock_ahead_ms:
        raise Refusal(
            Reason.CLOCK_SKEW,
            f"The event says it was published {_spoken(ahead)} after the broker took it; {_spoken(settings.clock_ahead_ms)} "
            "are allowed.",
            "header:ce_time",
            "Set the publisher's clock and publish a new event; the time is the source's own creation time.",
        )


_UNITS = (("years", 31_557_600_000), ("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000))


def _spoken(ms: int) -> str:
    """A time in the largest unit of which it holds two."""
    unit, size = next(((unit, size) for unit, size in _UNITS if ms >= 2 * size), ("seconds", 1_000))
    return f"{ms / size:.3g} {unit}" if ms < 100 * size else f"{ms / size:,.0f} {unit}"
