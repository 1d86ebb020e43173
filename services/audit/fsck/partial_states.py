"""The state as derived by transactions that did not see one another: rows that may be stored until the notes of ``pending`` are settled.

Two transactions that cannot see one another each derive without the other's events, and each that changed the structure leaves a
note. So a value beside a note is explained if it follows without the events of some of the latest transactions; any other
value is damage, note or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from services.audit.fsck.backlog import Backlog
from services.audit.fsck.events import Evidence
from services.audit.fsck.groups import Groups, expected_groups
from services.audit.fsck.liveness import DeadEvents, expected_dead
from services.audit.fsck.neighbourhood import NeighbourhoodReader
from services.audit.fsck.snapshot import Snapshot
from services.ledger.storage.arrays import bigints
from services.ledger.storage.batch import MOST_EVENTS

NOTED, BESIDE = 3, 3
"""Transactions that may be missing: so many that left notes, and so many of those nearest to them; all their combinations."""
_STATES = 128
_OF_BATCHES = """
SELECT b.no FROM unnest(%(firsts)s::bigint[]) AS f (first)
JOIN lianyun.body b ON b.no >= f.first AND b.no < f.first + %(block)s
"""


class PartialState(NamedTuple):
    """What follows without some events: dead events, all that are left out, groups of consignments, and the facts around them."""

    dead: DeadEvents
    left_out: frozenset[int]
    groups: Groups
    neighbourhoods: NeighbourhoodReader


class PartialStates:
    """Derives the state of one snapshot without the events of some transactions; caches a bounded number of such states."""

    def __init__(self, snapshot: Snapshot, evidence: Evidence, waiting: Backlog) -> None:
        self._snapshot = snapshot
        self._evidence = evidence
        self._waiting = waiting
        self._states: dict[frozenset[int], PartialState] = {}

    def without(self, blocks: frozenset[int]) -> PartialState:
        """The state without the events of the transactions whose blocks of numbers are ``blocks``."""
        known = self._states.get(blocks)
        if known is None:
            if len(self._states) >= _STATES:
                self._states.clear()
            known = self._states[blocks] = self._derived(blocks)
        return known

    def states(self, numbers: Collection[int]) -> Iterator[PartialState]:
        """The state as it is, then without each combination of the transactions that may have missed one another, fewest first.

        ``numbers`` are those of the events that matter.
        """
        for blocks in subsets(numbers, self._waiting.numbers):
            yield self.without(blocks)

    def groups(self, numbers: Collection[int]) -> Iterator[Groups]:
        """The groups of each of ``states``."""
        return (state.groups for state in self.states(numbers))

    def dead_sets(self) -> list[DeadEvents]:
        """The dead events: now, and without the transactions that the notes are about."""
        return [state.dead for state in self.states(self._waiting.numbers)]

    def _derived(self, blocks: frozenset[int]) -> PartialState:
        firsts = bigints([block * MOST_EVENTS for block in sorted(blocks)])
        unseen = frozenset(
            row[0] for row in self._snapshot.rows(_OF_BATCHES, {"firsts": firsts, "block": MOST_EVENTS})
        )
        left = [w for w in self._evidence.withdrawals if w[0] not in unseen]
        evidence = replace(self._evidence, withdrawals=left)
        dead = expected_dead(self._snapshot, evidence, unseen)
        gone = DeadEvents(dead.reasons, dead.numbers | unseen)
        return PartialState(
            dead,
            gone.numbers,
            expected_groups(self._snapshot, evidence, gone),
            NeighbourhoodReader(self._snapshot, evidence, gone),
        )


def subsets(numbers: Collection[int], noted: Collection[int]) -> Iterator[frozenset[int]]:
    """Combinations of the blocks of ``numbers`` that may be missing: the latest of those that left notes, and their neighbours."""
    blocks = {number // MOST_EVENTS for number in numbers}
    leaving = sorted(blocks & {number // MOST_EVENTS for number in noted}, reverse=True)[:NOTED]
    if not leaving:
        yield frozenset()
        return
    beside = sorted(blocks - set(leaving), key=lambda block: min(abs(block - each) for each in leaving))[
        :BESIDE
    ]
    candidates = [*leaving, *beside]
    for size in range(len(candidates) + 1):
        yield from map(frozenset, combinations(candidates, size))
