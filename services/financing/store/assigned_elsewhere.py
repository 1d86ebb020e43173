"""What else the boxes and papers of a cargo are assigned to: read only where a link leads elsewhere, which is rare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection

from services.domain.facts import Facts, Micros
from services.domain.objects import Thing, consignment
from services.financing.domain.assignments import LEADING, KnownAssignments
from services.financing.domain.cargo import Cargo
from services.financing.store import statement
from services.financing.store.evidence import Evidence, record_of
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.query.stored_events import reread
from services.query.views import facts_of

Session = Connection[Any]


def known_assignments(
    session: Session, evidence: Evidence, consignments: Sequence[bytes], registry: Registry, at: Micros
) -> KnownAssignments:
    """What assigns the boxes and papers of ``consignments``, to them and to others, as known at ``at``.

    ``evidence`` is what is read of them, with the links of everything that leads there. Raises Unreadable.
    """
    if not _elsewhere(evidence.facts, evidence.cargo):
        return KnownAssignments(evidence.facts, evidence.record.railways)
    rows = session.execute(statement("assigned_elsewhere"), {"ids": uuids(sorted(consignments))}).fetchall()
    stored = event_reader.with_withdrawals(session, [no for (no,) in rows])
    events = [reread(each, registry) for each in stored if each.append_us <= at]
    railways = frozenset[str]().union(*(record_of(event).railways for event in events))
    return KnownAssignments(evidence.facts | facts_of(events), evidence.record.railways | railways)


def _elsewhere(facts: Facts, cargo: Iterable[Cargo]) -> bool:
    """Whether a link leads from what belongs to the cargo to something else."""
    links = [link for link in facts.links if link.kind in LEADING]
    into: dict[Thing, list[Thing]] = {}
    for link in links:
        into.setdefault(link.right, []).append(link.left)
    own = {consignment(*key.split("/", 1)) for each in cargo for key in each.members}
    todo = list(own)
    while todo:
        for thing in into.get(todo.pop(), ()):
            if thing not in own:
                own.add(thing)
                todo.append(thing)
    return any(link.left in own and link.right not in own for link in links)
