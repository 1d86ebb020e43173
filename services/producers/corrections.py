"""A record that was published and then changed: the correction that says so under an id of its own.

Publishing new content under a used id would be equivocation and make both void. The correction's id is derived from
the record's and its new content, so reading the mended file again makes the same correction; it points to what stood
before, so a second mistake mends the first correction and nothing comes back by accident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from schemas.signing import derive_salt
from services.producers.formats.model import Said, Where
from services.producers.profile import Profile
from services.producers.spool import Message
from services.producers.unsigned_event import Unsigned, assemble

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


def correction(profile: Profile, standing: Message, said: Said, event: Unsigned) -> Unsigned:
    """The event that replaces what ``standing`` says by ``said``, whose own event would have been ``event``.

    Raises Refusal where the record cannot be replaced so: a correction or a retraction in native form is corrected by
    a new record of its publisher.
    """
    identity = derived_id(event)
    before_type, before = _said_by(standing)
    body = {
        "target": _header(standing, "ce_id"),
        "reason": _reason(before, said.data) if before_type == said.type else "OTHER",
        "replacement": {
            "type": said.type,
            "data": {
                "salt": derive_salt(profile.salt_secret, profile.source, f"{identity}#replacement"),
                **said.data,
            },
        },
    }
    made = assemble(profile, identity, CORRECTED, said.time, body, said.subject)
    return replace(made, key=event.key)


def derived_id(event: Unsigned) -> str:
    """The id of the correction that says ``event``: its own id, cut to fit, and the mark of its content."""
    name = event.envelope.id.encode()
    start = name[:_LONGEST].decode(errors="ignore")
    return f"{start}~{hashlib.sha256(name + event.digest).hexdigest()[:16]}"


def _said_by(message: Message) -> tuple[str, Mapping[str, Any]]:
    """The type and the data that ``message`` states, itself or as a correction."""
    type_, data = _header(message, "ce_type"), orjson.loads(message.value)
    if type_ == CORRECTED:
        return str(data["replacement"]["type"]), data["replacement"]["data"]
    return type_, data


def _header(message: Message, name: str) -> str:
    return dict(message.headers)[name].decode()


def _reason(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Why, as far as the two contents tell; the same for the same two, always."""
    plain = orjson.loads(orjson.dumps(dict(after)))
    names = {name for name in {*before, *plain} - {"salt"} if before.get(name) != plain.get(name)}
    if names and not names & before.keys():
        return "INCOMPLETE"
    reasons = {_REASONS.get(name, "OTHER") for name in names}
    return reasons.pop() if len(reasons) == 1 else "OTHER"


# Only for lists whose partner declared that each edition is the full list. An event of an earlier edition is retracted with
# all corrections that were made of it, because retracting a correction alone would revive what it had put aside.

RETRACTED = "cre.correction.retracted.v1"


@dataclass(frozen=True, slots=True)
class Back:
    """One retraction: the record that says it, its event, and the identity of the event that it takes back."""

    said: Said
    event: Unsigned
    target: bytes


def retractions(
    profile: Profile, latest: Said, stale: Sequence[tuple[bytes, Sequence[Message]]]
) -> Iterator[Back]:
    """What takes back the events of earlier editions: ``stale`` holds each with its corrections.

    ``latest`` is a record of the edition that counts from now on. The same editions give the same retractions.
    """
    for identity, messages in stale:
        for message in messages:
            target = dict(message.headers)["ce_id"].decode()
            mark = hashlib.sha256(f"{latest.time}/{target}".encode()).hexdigest()[:16]
            said = Said(
                Where(),
                f"{latest.edition[:150]}/taken-back/{mark}",
                RETRACTED,
                latest.time,
                {"target": target, "reason": "OTHER"},
            )
            event = assemble(profile, said.id, said.type, said.time, said.data)
            yield Back(said, replace(event, key=message.key), identity)
