"""Stored messages verified again from their bytes: partners' events as admission does, and events that the platform signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.envelope import Envelope, content_digest, event_id, read_headers, signed_bytes
from schemas.events.base import Payload
from schemas.events.vocabulary import Role
from schemas.reasons import Reason, Refusal
from schemas.signature_header import parse_header
from schemas.signing import Verifier, verify
from services.audit.report import Damage, Findings
from services.audit.stored_events import Body
from services.domain.facts import Facts, Micros
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import AdmissionSettings, Headers, Record, Refused
from services.ledger.admission.raw_bytes import unframe
from services.ledger.admission.verification import verify_record
from services.ledger.registry.party import KeyState, is_quarantined, key_state
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.term_numbers import key_text

FETCH = "the log, while it holds the record, or a backup"
_RESTORE = f"Restore the row of lianyun.body from {FETCH}; its signature tells the right bytes."


@dataclass(frozen=True, slots=True)
class Verification:
    """The facts of a message (None where they can no longer be read) and its publisher (a party's code, "" unknown)."""

    facts: Facts | None
    publisher: str
    quarantined: bool = False


class EventVerifier:
    """Admits stored messages again, by the registry of the version that each was admitted by; for one process."""

    def __init__(self, history: RegistryHistory, settings: AdmissionSettings, findings: Findings) -> None:
        self._history = history
        self._settings = settings
        self._newest = history.newest()
        self._verifier = Verifier()
        self._findings = findings

    def verify(self, body: Body) -> Verification:
        """Prove signature, identity and admission of ``body``, with a finding for each fault; about 0.1 ms, less for events signed in batches."""
        publisher = self.publisher(body)
        quarantined = self._quarantined(body)
        registry = self._registry(body, publisher)
        headers = self._headers(body, publisher)
        if headers is None:
            return Verification(None, publisher, quarantined)
        sound = self._identity(body, headers, publisher)
        facts = None if registry is None else self._admit(body, headers, registry, publisher, sound)
        return Verification(facts, publisher, quarantined)

    def publisher(self, body: Body) -> str:
        """The code of the party whose key is named as the signing one, "" where no such key is known."""
        key = self._newest.key(key_text(body.key_id))
        return "" if key is None else key.party

    def _quarantined(self, body: Body) -> bool:
        key = self._newest.key(key_text(body.key_id))
        return key is not None and is_quarantined(key, body.appended)

    def _registry(self, body: Body, publisher: str) -> Registry | None:
        try:
            return self._history.at(body.registry)
        except (LookupError, RegistryError):
            known = f"0 to {self._history.version}"
            remedy = "Restore the row of lianyun.body, or the missing registry events, from a backup."
            self._note(Damage.ADMISSION, body, "registry", body.registry, known, remedy, publisher)
            return None

    def _headers(self, body: Body, publisher: str) -> Headers | None:
        try:
            return unframe(body.headers)
        except ValueError as problem:
            self._note(Damage.SIGNATURE, body, "headers", problem, "framed headers", _RESTORE, publisher)
            return None

    def _identity(self, body: Body, headers: Headers, publisher: str) -> bool:
        """Whether id and content are the digests of the bytes; a finding names the field that differs."""
        try:
            envelope = Envelope.from_headers(headers)
        except Refusal:
            return True  # admission reports it
        named = event_id(envelope.source, envelope.id)
        content = content_digest(signed_bytes(self._settings.network, envelope, body.payload))
        if named != body.id:
            self._note(Damage.IDENTITY, body, "id", body.id, named, _RESTORE, publisher)
        if content != body.content:
            self._note(Damage.IDENTITY, body, "content", body.content, content, _RESTORE, publisher)
        return named == body.id and content == body.content

    def _admit(
        self, body: Body, headers: Headers, registry: Registry, publisher: str, sound: bool
    ) -> Facts | None:
        record = Record(
            body.topic or "", body.part, body.offset, body.appended // 1_000, headers, body.payload
        )
        verified = verify_record(record, registry, self._settings, self._verifier.verify)
        if isinstance(verified, Refused):
            field = _field_of(verified, sound)
            kind = Damage.SIGNATURE if verified.reason in _UNPROVEN else Damage.ADMISSION
            stored = f"{verified.reason}: {verified.detail}"
            remedy = _RESTORE if kind is Damage.SIGNATURE else _QUESTION
            self._note(kind, body, field, stored, "admitted", remedy, publisher)
            return None
        if verified.key.key_id != key_text(body.key_id):
            stored, expected = key_text(body.key_id), verified.key.key_id
            self._note(Damage.ADMISSION, body, "key_id", stored, expected, _RESTORE, verified.party.code)
        outcome = evaluate(verified, registry, body.rules)
        if isinstance(outcome, Refused):
            stored = f"{outcome.reason} at {outcome.pointer or '/'}: {outcome.detail}"
            self._note(Damage.ADMISSION, body, "payload", stored, "admitted", _QUESTION, publisher)
            return None
        return outcome.facts

    def _note(
        self, kind: Damage, body: Body, field: str, stored: Any, expected: Any, remedy: str, publisher: str
    ) -> None:
        self._findings.add(kind, body.where, field, stored, expected, remedy, publisher)


_QUESTION = (
    "Compare lianyun.body and lianyun.registry_event with a backup: one of them was changed, "
    "or the release in use reads this event otherwise."
)
_UNPROVEN = frozenset(
    {Reason.BAD_SIGNATURE, Reason.MALFORMED_SIGNATURE, Reason.UNSIGNED, Reason.SCHEME_MISMATCH}
)


def _field_of(refused: Refused, sound: bool) -> str:
    """The column at fault: where the content still has its digest, the signature itself was changed."""
    match refused.reason:
        case Reason.BAD_SIGNATURE:
            return "signature" if sound else "payload or headers"
        case Reason.MALFORMED_SIGNATURE | Reason.UNSIGNED | Reason.SCHEME_MISMATCH:
            return "signature"
        case Reason.CLOCK_SKEW | Reason.KEY_EXPIRED | Reason.KEY_NOT_YET_VALID | Reason.KEY_REVOKED:
            return "appended"
        case Reason.WRONG_TOPIC:
            return "topic"
        case Reason.UNKNOWN_KEY:
            return "key_id"
        case _:
            return "headers"


Note = Callable[[str, object, object], None]
"""Adds a finding of (field, stored, expected)."""


def signed_by_platform(
    headers: bytes,
    payload: bytes,
    at: Micros,
    model: type[Payload],
    registry: Registry,
    network: str,
    note: Note,
) -> tuple[Envelope, dict[str, Any]] | None:
    """The envelope and the payload of an event that the platform signed; None, and a ``note``, where that is not proven."""
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
    content: dict[str, Any] = orjson.loads(payload)
    return envelope, content
