"""Which events are live: corrections, retractions and equivocations, as one rule over a graph.

An event targets at most one other event of its own source. A withdrawal *holds* while it is live, and also while it is dead
only because a holding correction replaced it: correcting a correction does not restore the first mistake, retracting a
correction does. An event is live unless a holding withdrawal targets it. The members of a cycle are not live. An id under which
two different messages were accepted is not live and targets nothing. The result depends on the set only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.domain.facts import EventId, Withdrawal


class NotLive(StrEnum):
    """Why an event does not count, whatever it says."""

    EQUIVOCATES = "EQUIVOCATES"
    IN_CYCLE = "IN_CYCLE"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class Liveness:
    """The events that do not count, and why: withdrawn, in a cycle, or equivocated."""

    withdrawn: frozenset[EventId]
    cyclic: frozenset[EventId]
    equivocated: frozenset[EventId]

    @property
    def dead(self) -> frozenset[EventId]:
        return self.withdrawn | self.cyclic | self.equivocated

    def live(self, event: EventId) -> bool:
        return event not in self.withdrawn and event not in self.cyclic and event not in self.equivocated

    def reason(self, event: EventId) -> NotLive | None:
        """Why ``event`` is not live; None where it is."""
        if event in self.equivocated:
            return NotLive.EQUIVOCATES
        if event in self.cyclic:
            return NotLive.IN_CYCLE
        return NotLive.WITHDRAWN if event in self.withdrawn else None


def judge(withdrawals: Iterable[Withdrawal], equivocated: frozenset[EventId] = frozenset()) -> Liveness:
    """Decide the liveness of every event that a withdrawal touches; all others are live unless equivocated.

    Each event has one outgoing edge, so peeling events that nobody undecided targets leaves exactly the cycles.
    Linear in the number of withdrawals.
    """
    edges = {w.event: w for w in withdrawals if w.event not in equivocated}
    undecided: dict[EventId, int] = defaultdict(int)
    for edge in edges.values():
        undecided[edge.target] += 1
    withdrawn: set[EventId] = set()
    replaced: set[EventId] = set()
    ready = [event for event in edges if not undecided[event]]
    while ready:
        event = ready.pop()
        if event not in edges:
            continue
        edge = edges.pop(event)
        if event not in withdrawn or event in replaced:
            withdrawn.add(edge.target)
            if edge.replaces:
                replaced.add(edge.target)
        undecided[edge.target] -= 1
        if not undecided[edge.target]:
            ready.append(edge.target)
    cyclic = frozenset(edges)
    return Liveness(frozenset(withdrawn - cyclic - equivocated), cyclic, equivocated)


def withdrawing(
    withdrawals: Iterable[Withdrawal], liveness: Liveness
) -> Mapping[EventId, tuple[EventId, ...]]:
    """By target the corrections and retractions of it, those that are live alone where there are any."""
    targeting: dict[EventId, set[EventId]] = defaultdict(set)
    for withdrawal in withdrawals:
        targeting[withdrawal.target].add(withdrawal.event)
    return {
        target: tuple(sorted(filter(liveness.live, events))) or tuple(sorted(events))
        for target, events in targeting.items()
    }
