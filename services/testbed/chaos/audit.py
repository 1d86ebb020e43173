"""After the attacks: what was published against what is stored, and what is shown against what is true."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from services.domain.derive import derive
from services.domain.facts import (
    FREEING,
    Claim,
    EventId,
    Facts,
    Founding,
    Handover,
    Link,
    LinkKind,
    Micros,
    PlannedRoute,
    Withdrawal,
)
from services.domain.links import carried
from services.domain.objects import Thing
from services.domain.view import View
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import Admitted, Record
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.processors.settings import admission_settings
from services.query.stored_events import reread
from services.testbed.chaos.oracle import consignment_of, differences
from services.testbed.chaos.publishers import Journal
from services.testbed.simulator.signed_messages import Outgoing, expected
from services.testbed.simulator.simulate import Simulation

# Only what can reach a consignment is handed to ``derive``: the objects that links lead to it from, at any time, and the
# facts about them. What cannot reach it changes nothing; a law of the domain, tested there.


class Refold:
    """Derives views from ``facts``; building the index is linear in them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._into: dict[Thing, list[Link]] = defaultdict(list)
        self._of: dict[tuple[LinkKind, Thing], list[Link]] = defaultdict(list)
        self._claims: dict[Thing, list[Claim]] = defaultdict(list)
        self._lists: dict[str, list[Handover]] = defaultdict(list)
        self._meetings: dict[tuple[str, str], list[Handover]] = defaultdict(list)
        self._edges: dict[EventId, list[Withdrawal]] = defaultdict(list)
        self._founded: dict[Thing, list[Founding]] = defaultdict(list)
        self._routes: dict[Thing, list[PlannedRoute]] = defaultdict(list)
        equivocated = facts.equivocated
        self._contents = frozenset(pair for pair in facts.contents if pair[0] in equivocated)
        for withdrawal in facts.withdrawals:
            self._edges[withdrawal.event].append(withdrawal)
            self._edges[withdrawal.target].append(withdrawal)
        for founding in facts.foundings:
            self._founded[founding.consignment].append(founding)
        for route in facts.routes:
            self._routes[route.thing].append(route)
        for link in facts.links:
            self._into[link.right].append(link)
            self._of[link.kind, carried(link)].append(link)
        for claim in facts.claims:
            self._claims[claim.thing].append(claim)
        for handover in facts.handovers:
            self._meetings[handover.border, handover.occurrence].append(handover)
            for box in handover.containers:
                self._lists[box].append(handover)

    def _listed(self, boxes: set[str]) -> set[Handover]:
        """The lists that name one of ``boxes``, with those of the same run."""
        return {
            other
            for box in boxes
            for handover in self._lists.get(box, ())
            for other in self._meetings[handover.border, handover.occurrence]
        }

    def view(self, consignment: Thing, as_of: Micros) -> View | None:
        """The view of ``consignment`` at ``as_of``; None where it was never founded."""
        things, links = self._reaching(consignment)
        boxes = {thing.key for thing in things}
        handovers = self._listed(boxes)
        handovers |= self._listed({box for handover in handovers for box in handover.containers})
        near = Facts(
            claims=frozenset(claim for thing in things for claim in self._claims.get(thing, ())),
            links=frozenset(links),
            foundings=frozenset(
                founding
                for thing in things | {link.right for link in links}
                for founding in self._founded.get(thing, ())
            ),
            routes=frozenset(route for thing in things for route in self._routes.get(thing, ())),
            restrictions=self._facts.restrictions,
            liftings=self._facts.liftings,
            handovers=frozenset(handovers),
            contents=self._contents,
        )
        return derive(near._replace(withdrawals=self._withdrawing(near)), consignment, as_of)

    def _withdrawing(self, near: Facts) -> frozenset[Withdrawal]:
        """All corrections and retractions that are tied to an event of ``near``, at any depth and either way."""
        every = (
            near.claims,
            near.links,
            near.foundings,
            near.routes,
            near.restrictions,
            near.liftings,
            near.handovers,
        )
        ahead = [fact.event for facts in every for fact in facts]
        known, found = set(ahead), set[Withdrawal]()
        while ahead:
            for withdrawal in self._edges.get(ahead.pop(), ()):
                found.add(withdrawal)
                for event in (withdrawal.event, withdrawal.target):
                    if event not in known:
                        known.add(event)
                        ahead.append(event)
        return frozenset(found)

    def _reaching(self, consignment: Thing) -> tuple[set[Thing], set[Link]]:
        things, links, ahead = {consignment}, set[Link](), [consignment]
        while ahead:
            thing = ahead.pop()
            for link in self._into.get(thing, ()):
                rivals = self._of[link.kind, carried(link)]
                links.update(rivals)  # rivals and successors bound its interval
                links.update(
                    freed
                    for rival in rivals
                    for freed in self._into.get(rival.right, ())
                    if freed.kind in FREEING
                )
                for end in (
                    (link.left, link.right) if link.kind is LinkKind.SAME_CONSIGNMENT else (link.left,)
                ):
                    if end not in things:
                        things.add(end)
                        ahead.append(end)
        return things, links


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
    """Views against the world and against a refold; ``wrong`` counts consignments, ``lines`` names some of the differences."""

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
