"""One stored message judged once more from its bytes: who said it, what it is called, whether it was rightly admitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.envelope import Envelope, content_digest, event_id, signed_bytes
from schemas.reasons import Reason, Refusal
from schemas.signing import Verifier
from services.audit.fsck.finding import Damage, Notebook
from services.domain.facts import Facts
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import AdmissionSettings, Headers, Record, Refused
from services.ledger.admission.raw_bytes import unframe
from services.ledger.admission.verification import verify_record
from services.ledger.registry.party import is_quarantined
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.term_numbers import key_text

FETCH = "the log, while it holds the record, or a backup"
_RESTORE = f"Restore the row of lianyun.body from {FETCH}; its signature tells the right bytes."


class Body(NamedTuple):
    """A row of lianyun.body with its topic's name."""

    no: int
    appended: int
    offset: int
    key_id: int
    id: bytes
    content: bytes
    registry: int
    rules: int
    part: int
    headers: bytes
    payload: bytes
    topic: str | None
    topic_no: int

    @property
    def where(self) -> str:
        """How findings name it."""
        return f"event {self.no} ({self.topic}[{self.part}]@{self.offset})"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bytes say: the facts (None where they can no longer be read) and who said it (a party's code, "" unknown)."""

    facts: Facts | None
    publisher: str
    quarantined: bool = False


class Rejudging:
    """Judges stored messages by the registry of the version that each was admitted by; for one process."""

    def __init__(self, history: RegistryHistory, settings: AdmissionSettings, notebook: Notebook) -> None:
        self._history = history
        self._settings = settings
        self._newest = history.newest()
        self._verifier = Verifier()
        self._notebook = notebook

    def judge(self, body: Body) -> Judgement:
        """Judge ``body`` and put down what is wrong; about 0.1 ms, less for events signed in batches."""
        publisher = self.publisher(body)
        quarantined = self._quarantined(body)
        registry = self._registry(body, publisher)
        headers = self._headers(body, publisher)
        if headers is None:
            return Judgement(None, publisher, quarantined)
        sound = self._identity(body, headers, publisher)
        facts = None if registry is None else self._admit(body, headers, registry, publisher, sound)
        return Judgement(facts, publisher, quarantined)

    def publisher(self, body: Body) -> str:
        """The code of the party whose key is said to have signed, "" where no such key is known."""
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
        """Whether id and content are the digests of the bytes; a difference is put down under the field that shows it."""
        try:
            envelope = Envelope.from_headers(headers)
        except Refusal:
            return True  # the admission says it better
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
        self._notebook.add(kind, body.where, field, stored, expected, remedy, publisher)


_QUESTION = (
    "Compare lianyun.body and lianyun.registry_event with a backup: one of them was changed, "
    "or the release in use reads this event otherwise."
)
_UNPROVEN = frozenset(
    {Reason.BAD_SIGNATURE, Reason.MALFORMED_SIGNATURE, Reason.UNSIGNED, Reason.SCHEME_MISMATCH}
)


def _field_of(refused: Refused, sound: bool) -> str:
    """The column at fault: where the content is still what its digest says, the signature itself was changed."""
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
