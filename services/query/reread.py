"""From a stored event back to its facts: the same reading as at admission, without proving the signature again."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope
from schemas.reasons import Refusal
from services.admission.model import Admitted, Record, Refused, Verified
from services.admission.reading import read
from services.core.facts import Facts
from services.registry.registry import Registry
from services.storage.reading import Stored


class Unreadable(Exception):
    """A stored event that its own bytes no longer support: damage, or a change of code that broke the past."""


@dataclass(frozen=True, slots=True)
class Reread:
    """A stored event, read again."""

    stored: Stored
    admitted: Admitted

    @property
    def facts(self) -> Facts:
        return self.admitted.facts


def reread(stored: Stored, registry: Registry) -> Reread:
    """Read ``stored`` under its party as it was admitted by, found in the newest ``registry``; raises Unreadable, naming the event."""
    where = f"event {stored.no} ({stored.topic}[{stored.partition}]@{stored.offset})"
    record = Record(
        stored.topic,
        stored.partition,
        stored.offset,
        stored.append_us // 1_000,
        stored.headers,
        stored.payload,
    )
    try:
        envelope = Envelope.from_headers(stored.headers)
    except Refusal as refusal:
        raise Unreadable(f"{where}: {refusal.detail}") from None
    key = registry.key(stored.key_id)
    party = None if key is None else registry.party(key.party)
    if key is None or party is None:
        raise Unreadable(f"{where}: its key {stored.key_id} is not registered")
    then = party.at(stored.append_us, stored.registry_version)
    verified = Verified(record, envelope, then, key, stored.id, stored.content, stored.payload)
    outcome = read(verified, registry)
    if isinstance(outcome, Refused):
        raise Unreadable(f"{where}: {outcome.reason} at {outcome.pointer or '/'}: {outcome.detail}")
    return Reread(stored, outcome)
