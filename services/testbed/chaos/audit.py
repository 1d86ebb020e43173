"""After the attacks: what was published against what is stored, and what is shown against what is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.objects import Thing
from services.domain.view import View
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import Admitted, Record
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.processors.settings import admission_settings
from services.query.stored_events import reread
from services.testbed.chaos.journal import Journal
from services.testbed.chaos.oracle import consignment_of, differences
from services.testbed.chaos.refold import Refold
from services.testbed.simulator.invalid_messages import expected
from services.testbed.simulator.signatures import Outgoing
from services.testbed.simulator.simulate import Simulation

Identified = tuple[bytes, bytes]
"""Id and content of an event, 16 bytes each."""
MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class Storage:
    """Journal against database. ``lost`` was acknowledged and is not there; ``duplicated`` is there more often than sent."""

    acknowledged: int  # messages, each once however often it was sent
    attempts: int  # sendings, repeated ones included
    accepted: int
    lost: int
    duplicated: int
    invented: int
    letters: Mapping[str, int]
    letters_expected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class States:
    """Views against the world and against a refold; ``wrong`` counts consignments, ``lines`` says of some what."""

    consignments: int
    wrong: int
    lines: Sequence[str]


def check_storage(
    connection: psycopg.Connection[Any], journals: Mapping[str, tuple[list[Outgoing], Journal]]
) -> Storage:
    """Compare the journals of all publishers with what the database holds."""
    good: set[Identified] = set()
    sent: set[Identified] = set()
    refused: list[Outgoing] = []
    for share, journal in journals.values():
        for number, out in enumerate(share):
            event = out.message.identity, out.message.digest
            if out.refused_as:
                refused += [out] if number in journal.acknowledged else []
                continue
            if number in journal.tried:
                sent.add(event)
            if number in journal.acknowledged:
                good.add(event)
    stored = _pairs(connection, "SELECT id, content FROM lianyun.identity")
    variants = _pairs(connection, "SELECT id, content FROM lianyun.variant")
    bodies = _pairs(connection, "SELECT id, content FROM lianyun.body")
    there = stored.keys() | variants.keys()
    letters = dict(_rows(connection, "SELECT reason, count(*) FROM lianyun.dead_letter GROUP BY reason"))
    wanted = expected(refused)
    twice = sum(n - 1 for n in bodies.values()) + len(stored.keys() & variants.keys())
    too_many = sum(max(0, int(letters.get(r, 0)) - wanted.get(r, 0)) for r in letters.keys() | wanted.keys())
    missing = sum(max(0, wanted.get(r, 0) - int(letters.get(r, 0))) for r in letters.keys() | wanted.keys())
    return Storage(
        acknowledged=sum(len(journal.acknowledged) for _, journal in journals.values()),
        attempts=sum(journal.attempts for _, journal in journals.values()),
        accepted=len(stored),
        lost=len(good - there) + len(there - bodies.keys()) + missing,
        duplicated=twice + too_many,
        invented=len(there - sent),
        letters={str(reason): int(count) for reason, count in sorted(letters.items())},
        letters_expected=wanted,
    )


def check_states(
    connection: psycopg.Connection[Any],
    simulation: Simulation,
    journals: Mapping[str, tuple[list[Outgoing], Journal]],
    network: str,
) -> States:
    """Compare every view with the world's truth, and with the view that the published bytes alone give."""
    registry = store.load(connection)
    refold = Refold(published_facts(journals, registry, network))
    stored = StoredViews(connection, registry)
    now = simulation.scale.now
    wrong, lines = 0, list[str]()
    for truth in simulation.truths.values():
        consignment = consignment_of(truth)
        view = stored.view(consignment, now)
        found = differences(view, truth)
        if (again := refold.view(consignment, now)) != view:
            found.append(f"{truth.consignment}: {unlike(view, again)}")
        wrong += bool(found)
        lines += found
    return States(len(simulation.truths), wrong, lines[:MOST_LINES])


class StoredViews:
    """The views that the database gives, as ``services.query.views`` reads them, each event read once only.

    A train's events concern all of its consignments; reading them anew for each would take most of the time.
    """

    def __init__(self, connection: psycopg.Connection[Any], registry: Registry) -> None:
        self._connection, self._registry = connection, registry
        self._read: dict[int, Facts] = {}

    def view(self, consignment: Thing, as_of: int) -> View | None:
        """The view of ``consignment`` at ``as_of``; None where it was never founded. Raises Unreadable."""
        found = event_reader.load_facts(self._connection, [consignment.id])
        return derive(
            Facts.union(self._facts(event) for event in found if not event.quarantined), consignment, as_of
        )

    def _facts(self, event: event_reader.Stored) -> Facts:
        facts = self._read.get(event.no)
        if facts is None:
            facts = self._read[event.no] = reread(event, self._registry).facts
        return facts


def published_facts(
    journals: Mapping[str, tuple[list[Outgoing], Journal]], registry: Registry, network: str
) -> Facts:
    """The facts of every good message that was acknowledged, read from the bytes as published."""
    settings = admission_settings(network)
    parts = []
    for share, journal in journals.values():
        for number, out in enumerate(share):
            if out.refused_as or number not in journal.acknowledged:
                continue
            record = Record(
                out.message.topic, 0, number, 4_000_000_000_000, list(out.message.headers), out.message.value
            )
            admitted = admit(record, registry, settings)
            assert isinstance(admitted, Admitted), admitted
            parts.append(admitted.facts)
    return Facts.union(parts)


def unlike(stored: View | None, refolded: View | None) -> str:
    """In which fields the stored view differs from the refolded one."""
    if stored is None or refolded is None:
        return f"stored {stored is not None}, refolded {refolded is not None}"
    fields = [name for name in View.__slots__ if getattr(stored, name) != getattr(refolded, name)]
    return f"differs from the refold in {', '.join(fields)}"


def _pairs(connection: psycopg.Connection[Any], query: str) -> Counter[Identified]:
    return Counter((_bytes(identity), _bytes(content)) for identity, content in _rows(connection, query))


def _bytes(value: object) -> bytes:
    assert isinstance(value, UUID)
    return value.bytes


def _rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()
