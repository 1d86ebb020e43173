"""Whom new events concern: the consignments of which they, or those put aside since, may change what the rules find."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from services.cases.store import statement
from services.cases.store.event_cache import Memory
from services.domain.facts import Claim, Facts
from services.domain.interpretation import meeting
from services.domain.objects import ObjectId
from services.domain.rules import ONE_MEETING
from services.domain.train_head import RUNNING
from services.ledger.projections import changes
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Unreadable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Said:
    """What events say to the heart; all that the rules need."""

    facts: Facts

    def __or__(self, other: _Said) -> _Said:
        return _Said(self.facts | other.facts)


def concerned(
    session: Connection[Any], stored: list[Stored], aside: list[int], registry: Registry, memory: Memory
) -> set[ObjectId]:
    """The consignments that new events, and the numbers of those put aside since, may concern: rather too many."""

    def said(events: Iterable[Stored]) -> _Said:
        facts = []
        for each in events:
            try:
                facts.append(memory.of(each, registry))
            except Unreadable as problem:
                log.error("an event concerns no case: %s", problem)
        return _Said(Facts.union(facts))

    gone = event_reader.events_by_number(session, aside)
    arrived = said([*(each for each in stored if not each.quarantined), *gone])
    facts = changes.with_targets(session, arrived, said).facts
    numbers = bigints([*(each.no for each in stored), *aside])
    words = {row[0] for row in session.execute(statement("words"), {"nos": numbers}, binary=True)}
    running = changes.reachable_consignments(session, {c.thing.id for c in facts.claims if _only_runs(c)})
    ids = {"ids": uuids(sorted(running))}
    roused = {row[0] for row in session.execute(statement("with_cause"), ids, binary=True)}
    founded = {founding.consignment.id for founding in facts.foundings}
    return (
        changes.reachable_consignments(session, _spoken_of(facts) | _met(session, facts))
        | founded
        | words
        | roused
    )


def _met(session: Connection[Any], facts: Facts) -> set[ObjectId]:
    """What stands on the other lists of the hand-overs that ``facts`` tell of."""
    lists = sorted({(meeting(h.border, h.occurrence).id, h.happened) for h in facts.handovers})
    columns = {
        "ids": uuids([id_ for id_, _ in lists]),
        "los": bigints([at - ONE_MEETING for _, at in lists]),
        "his": bigints([at + ONE_MEETING for _, at in lists]),
    }
    return {row[0] for row in session.execute(statement("met"), columns, binary=True)}


def _only_runs(claim: Claim) -> bool:
    return claim.milestone == RUNNING


def _spoken_of(facts: Facts) -> set[ObjectId]:
    """The objects whose consignments are judged anew; a running position ends a silence at most, and has a way of its own."""
    things = {claim.thing for claim in facts.claims if not _only_runs(claim)}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    things |= {founding.consignment for founding in facts.foundings}
    things |= {route.thing for route in facts.routes}
    return {thing.id for thing in things}
