"""Corrections of records whose content changed after publication, and retractions of what a later edition supersedes.

New content under a used id would be equivocation and void both. A correction's id is derived from the record's id and
its new content, so reading a file again yields the same correction. It targets the current version, so that no earlier
content is revived. Retractions are made only for lists declared as full editions, and cover every correction of an event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from schemas.signing import derive_salt
from services.producers.formats.model import EventDraft, Position
from services.producers.profile import Profile
from services.producers.spool import Message
from services.producers.unsigned_event import UnsignedEvent, assemble

CORRECTED = "cre.correction.corrected.v1"
_LONGEST = 200
_REASONS = {
    "happened": "WRONG_TIME",
    "happened_as_written": "WRONG_TIME",
    "from": "WRONG_TIME",
    "to": "WRONG_TIME",
    "place": "WRONG_PLACE",
    "objects": "WRONG_OBJECT",
    "classifier": "WRONG_CLASSIFIER",
}


def correction(profile: Profile, current: Message, draft: EventDraft, event: UnsignedEvent) -> UnsignedEvent:
    """The event that replaces the content of ``current`` by ``draft``, whose own event would have been ``event``.

    Raises Refusal for a native correction or retraction: these are corrected by a new record of their publisher.
    """
    identity = derived_id(event)
    before_type, before = _statement(current)
    body = {
        "target": _header(current, "ce_id"),
        "reason": _reason(before, draft.data) if before_type == draft.type else "OTHER",
        "replacement": {
            "type": draft.type,
            "data": {
                "salt": derive_salt(profile.salt_secret, profile.source, f"{identity}#replacement"),
                **draft.data,
            },
        },
    }
    made = assemble(profile, identity, CORRECTED, draft.time, body, draft.subject)
    return replace(made, key=event.key)


def derived_id(event: UnsignedEvent) -> str:
    """The id of the correction that carries the content of ``event``: its own id, truncated, and a digest of its content."""
    name = event.envelope.id.encode()
    start = name[:_LONGEST].decode(errors="ignore")
    return f"{start}~{hashlib.sha256(name + event.digest).hexdigest()[:16]}"


def _statement(message: Message) -> tuple[str, Mapping[str, Any]]:
    """The type and data that ``message`` states, directly or as a correction."""
    type_, data = _header(message, "ce_type"), orjson.loads(message.value)
    if type_ == CORRECTED:
        return str(data["replacement"]["type"]), data["replacement"]["data"]
    return type_, data


def _header(message: Message, name: str) -> str:
    return dict(message.headers)[name].decode()


def _reason(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The reason for the correction, as a pure function of the two contents."""
    plain = orjson.loads(orjson.dumps(dict(after)))
    names = {name for name in {*before, *plain} - {"salt"} if before.get(name) != plain.get(name)}
    if names and not names & before.keys():
        return "INCOMPLETE"
    reasons = {_REASONS.get(name, "OTHER") for name in names}
    return reasons.pop() if len(reasons) == 1 else "OTHER"


RETRACTED = "cre.correction.retracted.v1"


@dataclass(frozen=True, slots=True)
class Retraction:
    """One retraction: its draft, its event, and the identity of the event that it retracts."""

    draft: EventDraft
    event: UnsignedEvent
    target: bytes


def retractions(
    profile: Profile, latest: EventDraft, stale: Sequence[tuple[bytes, Sequence[Message]]]
) -> Iterator[Retraction]:
    """The retractions of events of earlier editions; ``stale`` holds each event with its corrections.

    ``latest`` is a record of the current edition. The same editions yield the same retractions.
    """
    for identity, messages in stale:
        for message in messages:
            target = dict(message.headers)["ce_id"].decode()
            mark = hashlib.sha256(f"{latest.time}/{target}".encode()).hexdigest()[:16]
            draft = EventDraft(
                Position(),
                f"{latest.edition[:150]}/taken-back/{mark}",
                RETRACTED,
                latest.time,
                {"target": target, "reason": "OTHER"},
            )
            event = assemble(profile, draft.id, draft.type, draft.time, draft.data)
            yield Retraction(draft, replace(event, key=message.key), identity)
