"""Stored events read again: the same reading as at admission, without verifying the signature again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from schemas.envelope import Envelope
from schemas.events.base import Payload
from schemas.events.decode import decode_admitted
from schemas.reasons import Refusal
from services.domain.facts import EventId, Facts
from services.domain.interpretation import Attribution
from services.domain.objects import Thing
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import Admitted, Record, Refused, Verified
from services.ledger.registry.party import Key, Party
from services.ledger.registry.registry import Registry
from services.ledger.storage.event_reader import Stored


class Unreadable(Exception):
    """A stored event that its own bytes do not support: damage, or a change of code that broke the past."""


@dataclass(frozen=True, slots=True)
class Reread:
    """A stored event, read again."""

    stored: Stored
    admitted: Admitted

    @property
    def facts(self) -> Facts:
        return self.admitted.facts


class SourcedEvents:
    """Events by their 16-byte ids; under one id there may be several contents, its *variants*."""

    def __init__(self, events: Iterable[Reread]) -> None:
        by_id: dict[EventId, dict[bytes, Reread]] = defaultdict(dict)
        for event in sorted(events, key=lambda each: each.stored.content):
            by_id[event.stored.id][event.stored.content] = event
        self._by_id = {
            id_: tuple(sorted(variants.values(), key=lambda each: each.stored.quarantined))
            for id_, variants in by_id.items()
        }

    @property
    def every(self) -> list[Reread]:
        """All of them."""
        return [event for variants in self._by_id.values() for event in variants]

    @property
    def ids(self) -> AbstractSet[EventId]:
        """Their ids."""
        return self._by_id.keys()

    def __getitem__(self, event: EventId) -> Reread:
        """The event under an id, of an equivocating one any variant; KeyError where it was not read."""
        return self._by_id[event][0]

    def variants(self, event: EventId) -> tuple[Reread, ...]:
        """The contents under an id, by their digests, without those in quarantine beside others; () where the event was not read."""
        found = self._by_id.get(event, ())
        return tuple(each for each in found if not each.stored.quarantined) or found

    def quarantined(self, things: Container[Thing]) -> list[EventId]:
        """The events about any of ``things`` that count as if they had never been accepted, by their ids."""
        return [
            id_
            for id_, found in sorted(self._by_id.items())
            if all(each.stored.quarantined for each in found)
            and any(_names(each.facts, things) for each in found)
        ]

    def named(self, event: EventId) -> dict[str, str]:
        """The event by its publisher's source and id; by the digest of both where it was not read."""
        found = self.variants(event)
        if not found:
            return {"source": "", "id": event.hex()}
        return {"source": found[0].admitted.envelope.source, "id": found[0].admitted.envelope.id}


def _names(facts: Facts, things: Container[Thing]) -> bool:
    return (
        any(claim.thing in things for claim in facts.claims)
        or any(link.left in things or link.right in things for link in facts.links)
        or any(founding.consignment in things for founding in facts.foundings)
    )


class DecodedEvent(NamedTuple):
    """A stored event's attribution and payload, without its facts."""

    stored: Stored
    statement: Attribution
    payload: Payload


def reread(stored: Stored, registry: Registry) -> Reread:
    """``stored`` under its party as it was admitted by, found in the newest ``registry``. Raises Unreadable, naming the event."""
    record = Record(
        stored.topic,
        stored.partition,
        stored.offset,
        stored.append_us // 1_000,
        stored.headers,
        stored.payload,
    )
    envelope, key, then = _attributed(stored, registry)
    verified = Verified(record, envelope, then, key, stored.id, stored.content, stored.payload)
    outcome = evaluate(verified, registry, stored.rule_version)
    if isinstance(outcome, Refused):
        raise Unreadable(f"{_where(stored)}: {outcome.reason} at {outcome.pointer or '/'}: {outcome.detail}")
    return Reread(stored, outcome)


def decode_stored(stored: Stored, registry: Registry) -> DecodedEvent:
    """The attribution and payload of ``stored``: half the time of ``reread`` where no facts are needed. Raises Unreadable."""
    envelope, _, then = _attributed(stored, registry)
    try:
        payload = decode_admitted(envelope.type, stored.payload)
    except (Refusal, ValueError) as problem:
        raise Unreadable(f"{_where(stored)}: {problem}") from None
    attribution = Attribution(stored.id, envelope.source, then.publisher, envelope.published_micros)
    return DecodedEvent(stored, attribution, payload)


def _attributed(stored: Stored, registry: Registry) -> tuple[Envelope, Key, Party]:
    """The attributes, the key, and the party as it was then."""
    try:
        envelope = Envelope.from_headers(stored.headers)
    except Refusal as refusal:
        raise Unreadable(f"{_where(stored)}: {refusal.detail}") from None
    key = registry.key(stored.key_id)
    party = None if key is None else registry.party(key.party)
    if key is None or party is None:
        raise Unreadable(f"{_where(stored)}: its key {stored.key_id} is not registered")
    return envelope, key, party.at(stored.append_us, stored.registry_version)


def _where(stored: Stored) -> str:
    return f"event {stored.no} ({stored.topic}[{stored.partition}]@{stored.offset})"
