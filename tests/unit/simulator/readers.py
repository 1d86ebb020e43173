"""Files of the simulated world read back by the readers of partners, and compared with what they were to say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from schemas.events.catalogue import spec
from schemas.events.decode import decode_payload
from schemas.events.keys import canonical_key, canonical_place
from schemas.events.vocabulary import ObjectKind
from schemas.rfc3339 import parse_micros
from services.domain.facts import Facts
from services.domain.interpretation import Attribution, interpret
from services.producers.file_reader import read
from services.producers.formats.catalogue import understand
from services.producers.formats.model import EventDraft, PassedOver, Unread
from services.producers.unsigned_event import UnsignedEvent
from services.testbed.simulator import files
from services.testbed.simulator.files import Deliveries, PartnerFile
from services.testbed.simulator.files.office_records import Fact
from services.testbed.simulator.signed_messages import profiles, unsigned
from tests.unit.simulator.conftest import registry_of
from tests.unit.simulator.corridor_worlds import small


@cache
def world(name: str = "polish-closure-2025", seed: int = 1) -> Deliveries:
    """A small world, handed over."""
    return files.deliveries(small(name, seed).played)


def differences(file: PartnerFile) -> list[str]:
    """What a right reader would find in ``file`` and this one does not, what it finds besides, and what it cannot read."""
    found, reading = understand(file.content, files.settings(file.party))
    records = list(reading.records)
    where = f"{file.party}/{file.name}"
    told = [f"{where} was read as {found.name}"] if found.name != file.format else []
    told += [f"{where}: {r.where} {r.refusal.detail}" for r in records if isinstance(r, Unread)]
    left = [record for record in records if isinstance(record, EventDraft)]
    for fact in file.facts:
        said = next((said for said in left if details(said, fact)), None)
        if said is None:
            told.append(f"{where} does not say {fact.what} {dict(fact.data)}")
        else:
            left.remove(said)
    return [*told, *(f"{where} says {said.type} {dict(said.data)}" for said in left)]


def passed_over(file: PartnerFile) -> list[str]:
    """Why rows of ``file`` say nothing."""
    _, reading = understand(file.content, files.settings(file.party))
    return [record.reason for record in reading.records if isinstance(record, PassedOver)]


def details(said: EventDraft, fact: Fact) -> bool:
    """Whether an event says all that a fact tells, however both are written."""
    return spec(said.type).name == fact.what and all(
        name in said.data and _plain(name, said.data[name]) == _plain(name, value)
        for name, value in fact.data.items()
    )


def _plain(name: str, value: Any) -> object:
    if name in ("happened", "from", "to"):
        return parse_micros(value)
    if name == "place":
        return canonical_place(value)
    if name == "places":
        return [canonical_place(place) for place in value]
    if name == "objects":
        return {(ref["kind"], canonical_key(ObjectKind[ref["kind"].upper()], ref["id"])) for ref in value}
    if name == "train":
        return canonical_key(ObjectKind.TRAIN, value)
    if name == "trains":
        return {canonical_key(ObjectKind.TRAIN, train) for train in value}
    return set(value) if isinstance(value, list | tuple) else value


def facts_of(deliveries: Deliveries, seed: int) -> Facts:
    """The facts of all that was handed over: of records as they are, of files as their readers understand them."""
    known = profiles(seed)
    said = [message for message in deliveries.messages if not message.refused_as]
    events = [(message.party, unsigned(message, known[message.party])) for message in said]
    for file in deliveries.files:
        profile = replace(known[file.party], files=files.settings(file.party))
        events += [(file.party, r.event) for r in read(file.content, profile).records if r.event is not None]
    return Facts.union([_interpreted(party, event, seed) for party, event in _once(events)])


def _once(events: Iterable[tuple[str, UnsignedEvent]]) -> Iterable[tuple[str, UnsignedEvent]]:
    """``events``; fails where two of files say different things under one id."""
    seen: dict[bytes, bytes] = {}
    for party, event in events:
        if "sim-" not in event.envelope.id[:4]:
            assert seen.setdefault(event.identity, event.digest) == event.digest, (party, event.envelope)
        yield party, event


def _interpreted(party: str, event: UnsignedEvent, seed: int) -> Facts:
    registered = registry_of(seed).party(party)
    assert registered is not None
    envelope = event.envelope
    statement = Attribution(event.identity, envelope.source, registered.publisher, envelope.published_micros)
    return interpret(statement, event.digest, decode_payload(envelope.type, event.payload))
