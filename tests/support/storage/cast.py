"""Who and what a small world is made of: parties, objects, milestones, and how an event is put together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.events.base import ObjectKind
from services.domain.facts import (
    Facts,
    LinkKind,
)
from services.domain.objects import Thing
from services.ledger.admission.model import Record
from services.ledger.storage.batch import Event

HALF_HOUR = 1_800 * 1_000_000
PARTIES = ("founder", "founder", "forwarder", "railway", "stranger")
NETWORKS = {ObjectKind.WAGON: ("CN", "1520"), ObjectKind.TRAIN: ("cr", "ktz")}
MILESTONES = (
    202,
    300,
    301,
    302,
    302,
    304,
    305,
    400,
    500,
    370,
    371,
    1200,
    1201,
    1202,
    1006,
    2000,
    2020,
    2021,
    100,
    103,
)
JURISDICTIONS = ("CN", "KZ", "PL", "GB")
PLACES = ("", "railnet:dostyk", "locode:PLMAA", "railnet:alashankou")
STOPS = ("", "railnet:dostyk", "railnet:alashankou", "crossing:alashankou-dostyk")
"""Where a hand-over stands in the order of the journey: "" is its place."""
TOPIC = "cre.test.worlds.v1"


@dataclass(frozen=True)
class Objects:
    """The objects of one world; ``salt`` keeps worlds of one database apart."""

    salt: str

    def thing(self, kind: ObjectKind, index: int) -> Thing:
        if kind in NETWORKS:  # wagons and trains of two networks, between which boxes are handed on
            return Thing(kind, f"{NETWORKS[kind][index % 2]}/{self.salt}{index}")
        return Thing(kind, f"{self.salt}{index}")

    def many(self, kind: ObjectKind, count: int) -> list[Thing]:
        return [self.thing(kind, index) for index in range(count)]

    @property
    def consignments(self) -> list[Thing]:
        return self.many(ObjectKind.CONSIGNMENT, 3)

    @property
    def trains(self) -> list[Thing]:
        return self.many(ObjectKind.TRAIN, 2)


COUNTS = {
    ObjectKind.CONSIGNMENT: 3,
    ObjectKind.BOOKING: 2,
    ObjectKind.NOTE: 3,
    ObjectKind.CONTAINER: 3,
    ObjectKind.DECLARATION: 2,
    ObjectKind.WAGON: 2,
    ObjectKind.TRAIN: 2,
    ObjectKind.PLACE: 1,
}
ENDS = {
    LinkKind.CONTAINER_CARRIES: (ObjectKind.CONTAINER, (ObjectKind.CONSIGNMENT, ObjectKind.BOOKING)),
    LinkKind.NOTE_COVERS: (ObjectKind.NOTE, (ObjectKind.CONSIGNMENT, ObjectKind.BOOKING)),
    LinkKind.BOOKING_OF: (ObjectKind.BOOKING, (ObjectKind.CONSIGNMENT,)),
    LinkKind.NOTE_REISSUED: (ObjectKind.NOTE, (ObjectKind.NOTE,)),
    LinkKind.DECLARATION_COVERS: (ObjectKind.DECLARATION, (ObjectKind.NOTE,)),
    LinkKind.WAGON_CARRIES: (ObjectKind.WAGON, (ObjectKind.CONTAINER,)),
    LinkKind.TRAIN_CARRIES: (ObjectKind.TRAIN, (ObjectKind.WAGON,)),
    LinkKind.SAME_CONSIGNMENT: (ObjectKind.CONSIGNMENT, (ObjectKind.CONSIGNMENT,)),
    LinkKind.SAME_TRAIN: (ObjectKind.TRAIN, (ObjectKind.TRAIN,)),
    LinkKind.SAME_DECLARATION: (ObjectKind.DECLARATION, (ObjectKind.DECLARATION,)),
}
# What facts free, boxes more often than their cargo.
FREED = (ObjectKind.CONTAINER,) * 4 + (ObjectKind.CONSIGNMENT, ObjectKind.BOOKING, ObjectKind.NOTE)
# Boxes and the links of cargo more often than the rest.
LINK_KINDS = (1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9, 10)
CLAIM_KINDS = (4, 4, 4, 4, 1, 2, 3, 3, 5, 6, 7, 7, 8)


def event_id(salt: str, number: int) -> bytes:
    """The id of the event ``number`` of a world."""
    return hashlib.sha256(f"{salt}/{number}".encode()).digest()[:16]


@dataclass(frozen=True)
class Said:
    """One event of a world: the number behind its id, its variant (content) and its facts."""

    number: int
    variant: int
    publisher: str
    facts: Facts


def event(said: Said, salt: str, offset: int, registry: int = 0) -> Event:
    """``said`` as the store takes it, at ``offset`` of partition 0."""
    identity = event_id(salt, said.number)
    content = hashlib.sha256(identity + said.variant.to_bytes(8)).digest()[:16]
    payload = f'{{"said":{said.number},"variant":{said.variant}}}'.encode()
    record = Record(
        TOPIC, 0, offset, 1_700_000_000_000 + offset, [("ce_id", str(said.number).encode())], payload
    )
    facts = said.facts._replace(contents=frozenset({(identity, content)}))
    return Event(record, identity, content, payload, said.publisher, "00" * 8, registry, facts)


def everything(events: Sequence[Event]) -> Facts:
    """All that the events say."""
    return Facts.union(event.facts for event in events)
