"""Facts by hand, for tests that need to say exactly one thing."""

from __future__ import annotations

import hashlib
import itertools

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind
from services.domain.facts import Assurance, Claim, Facts, Founding, Link, LinkKind, Withdrawal
from services.domain.objects import Thing
from services.ledger.admission.model import Record
from services.ledger.storage.batch import Event

TOPIC = "cre.test.worlds.v1"
HOUR = 3_600_000_000


class Teller:
    """Makes events of one world; ``name`` keeps the objects of tests that share a database apart."""

    def __init__(self, name: str, registry: int = 0) -> None:
        self.name, self.registry = name, registry
        self._numbers = itertools.count()
        self.told: list[Event] = []

    def thing(self, kind: ObjectKind, key: str) -> Thing:
        return Thing(kind, f"{self.name}/{key}")

    def cons(self, key: str = "c") -> Thing:
        return self.thing(ObjectKind.CONSIGNMENT, key)

    def box(self, key: str = "k") -> Thing:
        return self.thing(ObjectKind.CONTAINER, key)

    def note(self, key: str = "n") -> Thing:
        return self.thing(ObjectKind.NOTE, key)

    def id(self, key: str | None = None) -> bytes:
        key = str(next(self._numbers)) if key is None else key
        return hashlib.sha256(f"{self.name}#{key}".encode()).digest()[:16]

    def event(self, facts: Facts, id_: bytes, publisher: str, key_id: str = "00" * 8) -> Event:
        content = hashlib.sha256(id_ + repr(facts).encode()).digest()[:16]
        headers = [("ce_id", id_.hex().encode())]
        offset = next(self._numbers)
        record = Record(TOPIC, 0, offset, 1_700_000_000_000 + offset, headers, b"{}")
        facts = facts._replace(contents=frozenset({(id_, content)}))
        event = Event(record, id_, content, b"{}", publisher, key_id, self.registry, facts)
        self.told.append(event)
        return event

    def founding(
        self,
        cons: Thing,
        publisher: str = "founder",
        names: tuple[str, ...] = (),
        *,
        id_: bytes | None = None,
    ) -> Event:
        id_ = id_ or self.id()
        facts = Facts(foundings=frozenset({Founding(id_, publisher, 0, cons, frozenset(names))}))
        return self.event(facts, id_, publisher)

    def claim(
        self,
        thing: Thing,
        happened: int,
        milestone: int = 300,
        *,
        publisher: str = "founder",
        published: int = 0,
        id_: bytes | None = None,
        key_id: str = "00" * 8,
    ) -> Event:
        id_ = id_ or self.id()
        said = Claim(
            id_,
            publisher,
            published,
            happened,
            thing,
            milestone,
            catalogue.by_number(milestone).region,
            "",
            "railnet:dostyk",
            "",
            Classifier.ACT,
            Assurance.ASSERTED,
            False,
        )
        return self.event(Facts(claims=frozenset({said})), id_, publisher, key_id)

    def link(
        self,
        kind: LinkKind,
        left: Thing,
        right: Thing,
        start: int = 0,
        end: int | None = None,
        *,
        publisher: str = "founder",
        shared: bool = False,
        territorial: bool = False,
        id_: bytes | None = None,
    ) -> Event:
        id_ = id_ or self.id()
        said = Link(id_, publisher, 0, kind, left, right, start, end, territorial, shared)
        return self.event(Facts(links=frozenset({said})), id_, publisher)

    def retraction(self, target: bytes, *, publisher: str = "founder", id_: bytes | None = None) -> Event:
        id_ = id_ or self.id()
        return self.event(Facts(withdrawals=frozenset({Withdrawal(id_, target, False)})), id_, publisher)

    @property
    def facts(self) -> Facts:
        """All that was told."""
        return Facts.union(event.facts for event in self.told)
