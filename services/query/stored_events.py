"""Stored events read again: the same reading as at admission, without verifying the signature again.

``reread`` judges an event once more under the rules of its admission. ``read_admitted`` gives the same facts without that, and
``RereadCache`` keeps them in the process: a view is read again and again, and a train's events concern all that it carries.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Container, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from schemas.envelope import Envelope
from schemas.events.base import Payload
from schemas.events.decode import decode_admitted
from schemas.reasons import Refusal
from services.domain.facts import EventId, Facts, GroupedFacts
from services.domain.interpretation import Attribution, grouped
from services.domain.objects import Thing
from services.domain.relevance import IndexedFacts
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import Record, Refused, Verified
from services.ledger.admission.raw_bytes import Attributes, parse_attributes
from services.ledger.registry.party import Key, Party
from services.ledger.registry.registry import Registry
from services.ledger.storage.event_reader import Stored


class Unreadable(Exception):
    """A stored event that its own bytes do not support: damage, or a change of code that broke the past."""


@dataclass(frozen=True)
class Reread:
    """A stored event, read again: who published it when, its payload, and the facts that it states.

    ``indexed`` holds its ``grouped`` facts by the objects that they name, of which those about one consignment are made.
    """

    stored: Stored
    key: Key
    party: Party
    attributes: Attributes
    payload: Payload
    grouped: GroupedFacts
    indexed: IndexedFacts = field(compare=False, repr=False)

    @property
    def statement(self) -> Attribution:
        """Who published it when."""
        return _attribution(self.stored, self.attributes, self.party)

    @property
    def envelope(self) -> Envelope:
        """The attributes as published, read from the headers."""
        return Envelope.from_headers(self.stored.headers)

    @cached_property
    def facts(self) -> Facts:
        """All facts."""
        return self.grouped.facts()


class SourcedEvents:
    """Events by their 16-byte ids; under one id there may be several contents, its *variants*."""

    def __init__(self, events: Iterable[Reread]) -> None:
        by_id: dict[EventId, dict[bytes, Reread]] = defaultdict(dict)
        for event in sorted(events, key=lambda each: each.stored.content):
            by_id[event.stored.id][event.stored.content] = event
        self._by_id = {
            id_: tuple(variants.values())
            if len(variants) == 1
            else tuple(sorted(variants.values(), key=lambda each: each.stored.quarantined))
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
        if len(found) < 2:
            return found
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
        found = self._by_id.get(event)  # those in quarantine are the last
        if found is None:
            return {"source": "", "id": event.hex()}
        attributes = found[0].attributes
        return {"source": attributes.source, "id": attributes.id}


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
    outcome = evaluate(_verified(stored, registry), registry, stored.rule_version)
    if isinstance(outcome, Refused):
        raise Unreadable(f"{_where(stored)}: {outcome.reason} at {outcome.pointer or '/'}: {outcome.detail}")
    of = outcome.envelope
    attributes = Attributes(of.source, of.id, of.type, of.published_micros)
    return _read(stored, outcome.key, outcome.party, attributes, outcome.payload)


def read_admitted(stored: Stored, registry: Registry) -> Reread:
    """The same as ``reread`` in less than half the time: what admission judged is not judged again, and no remarks are made.

    For whoever shows what was accepted; whoever looks for damage rereads. Raises Unreadable.
    """
    key, party = _signer(stored, registry)
    try:
        attributes = parse_attributes(stored.framed)
        return _read(stored, key, party, attributes, decode_admitted(attributes.type, stored.payload))
    except (Refusal, ValueError) as problem:
        raise Unreadable(f"{_where(stored)}: {problem}") from None


def _read(stored: Stored, key: Key, party: Party, attributes: Attributes, payload: Payload) -> Reread:
    stated = grouped(_attribution(stored, attributes, party), stored.content, payload)
    return Reread(stored, key, party, attributes, payload, stated, IndexedFacts(stated))


class RereadCache:
    """``read_admitted`` that reads no event twice; called with a stored event and a registry, from any thread.

    An entry serves only an event that is equal to its own in every column, the bytes as read from the database among them,
    signed by an equal key of a party of equal shape: all that reading depends on. So it never shows anything but what the
    database holds now. It keeps events of at most ``most_bytes`` of payload, in two halves: when one is full, the older is dropped. In
    memory they take about 20 times that: by default at most some 80 MB, for about 17,000 events.
    """

    def __init__(self, most_bytes: int = 4 * 1024 * 1024) -> None:
        self._half = most_bytes // 2
        self._lock = threading.Lock()
        self._bytes = 0  # in the younger half
        self._younger: dict[int, Reread] = {}
        self._older: dict[int, Reread] = {}

    def __len__(self) -> int:
        return len(self._younger) + len(self._older)

    def __call__(self, stored: Stored, registry: Registry) -> Reread:
        """``stored`` read under ``registry``. Raises Unreadable."""
        known = self._younger.get(stored.no)
        if known is not None and _serves(known, stored, registry):
            return known
        known = self._older.get(stored.no)
        if known is None or not _serves(known, stored, registry):
            known = read_admitted(stored, registry)
        self._put(known)
        return known

    def _put(self, event: Reread) -> None:
        with self._lock:
            if self._bytes + len(event.stored.payload) > self._half:
                self._older, self._younger, self._bytes = self._younger, {}, 0
            self._younger[event.stored.no] = event
            self._bytes += len(event.stored.payload)


def _serves(known: Reread, stored: Stored, registry: Registry) -> bool:
    if known.stored != stored:
        return False
    key, party = _signer(stored, registry)
    return (key is known.key or key == known.key) and (party is known.party or party == known.party)


def decode_stored(stored: Stored, registry: Registry) -> DecodedEvent:
    """The attribution and payload of ``stored``: half the time of ``reread`` where no facts are needed. Raises Unreadable."""
    _, party = _signer(stored, registry)
    try:
        attributes = parse_attributes(stored.framed)
        payload = decode_admitted(attributes.type, stored.payload)
    except (Refusal, ValueError) as problem:
        raise Unreadable(f"{_where(stored)}: {problem}") from None
    return DecodedEvent(stored, _attribution(stored, attributes, party), payload)


def _attribution(stored: Stored, attributes: Attributes, party: Party) -> Attribution:
    return Attribution(stored.id, attributes.source, party.publisher, attributes.published)


def _verified(stored: Stored, registry: Registry) -> Verified:
    """The event as admission had it once its signature was verified."""
    try:
        headers = stored.headers
        envelope = Envelope.from_headers(headers)
    except (Refusal, ValueError) as problem:
        detail = problem.detail if isinstance(problem, Refusal) else problem
        raise Unreadable(f"{_where(stored)}: {detail}") from None
    key, party = _signer(stored, registry)
    record = Record(
        stored.topic, stored.partition, stored.offset, stored.append_us // 1_000, headers, stored.payload
    )
    return Verified(record, envelope, party, key, stored.id, stored.content, stored.payload)


def _signer(stored: Stored, registry: Registry) -> tuple[Key, Party]:
    """The key, and its party as it was then."""
    key = registry.key(stored.key_id)
    party = None if key is None else registry.party(key.party)
    if key is None or party is None:
        raise Unreadable(f"{_where(stored)}: its key {stored.key_id} is not registered")
    return key, party.at(stored.append_us, stored.registry_version)


def _where(stored: Stored) -> str:
    return f"event {stored.no} ({stored.topic}[{stored.partition}]@{stored.offset})"
