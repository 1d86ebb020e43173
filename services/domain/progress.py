"""How far on its journey something is, so that two boxes can be compared: by what was reached, not by whose news is older.

Before and after the train journey milestones have a fixed order. On the way they repeat from place to place, and places
follow one another as this cargo passed them: the place that its first box reached earlier is the earlier one. At one
place, a box that has arrived is behind one that has changed gauge, and that one behind one that has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.domain.facts import Claim, EventId, Micros
from services.domain.rules import ON_THE_WAY, Rule, rules
from services.domain.view import Position

Progress = tuple[int, Micros, int, Micros, Micros, EventId]


def first_reached(moving: Iterable[Claim]) -> Mapping[str, Micros]:
    """When each place was first reached on the way, by the facts about the cargo that move it."""
    first: dict[str, Micros] = {}
    for claim in moving:
        if claim.place and rules()[claim.milestone].phase == ON_THE_WAY:
            first[claim.place] = min(claim.happened, first.get(claim.place, claim.happened))
    return first


def progress(position: Position, first: Mapping[str, Micros]) -> Progress:
    """What orders positions from the least to the most advanced; of equals, the one with the older news is behind."""
    claim = position.claim
    rule = rules()[claim.milestone]
    reached = first[claim.place] if rule.phase == ON_THE_WAY and claim.place else claim.happened
    return rule.step, reached, rule.at_place, *position.rank


def passes(fact: Claim, planned: Claim) -> bool:
    """Whether ``fact`` of the same leg lies behind what was planned, as far as milestones alone tell."""
    done, wanted = rules()[fact.milestone], rules()[planned.milestone]
    if done.step != wanted.step:
        return done.step > wanted.step
    return fact.place == planned.place and _past(done, wanted)


def _past(done: Rule, wanted: Rule) -> bool:
    return done.number == wanted.number or done.at_place > wanted.at_place > 0
