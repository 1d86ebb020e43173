"""A list that comes out again: what an earlier edition said is taken back once a later one says everything anew.

Only for lists whose partner declared that each edition is the full list. An event of an earlier edition is retracted with
all corrections that were made of it, because retracting a correction alone would revive what it had put aside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from services.producers.formats.model import Said, Where
from services.producers.native import Unsigned, assemble
from services.producers.profile import Profile
from services.producers.spool import Message

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
