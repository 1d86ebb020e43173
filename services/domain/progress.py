"""How far a box is on its journey, so that boxes and plans can be compared, and which plans were not met in time.

Before and after the train journey milestones have a fixed order. On the way they repeat from place to place, and places follow
in the order in which this cargo's first box reached them. At one place a box that arrived is behind one that changed gauge,
and that one behind one that departed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.events.base import Classifier, Region
from services.domain.facts import Claim, EventId, Micros
from services.domain.objects import Thing
from services.domain.restrictions import along
from services.domain.rules import ON_THE_WAY, Rule, rules
from services.domain.sequence import stop
from services.domain.view import Arrival, Position

Progress = tuple[int, Micros, int, Micros, Micros, EventId]


def first_reached(moving: Iterable[Claim]) -> Mapping[str, Micros]:
    """When each stop was first reached on the way, by the facts about the cargo that move it."""
    first: dict[str, Micros] = {}
    for claim in moving:
        here = stop(claim)
        if here and rules()[claim.milestone].phase == ON_THE_WAY:
            first[here] = min(claim.happened, first.get(here, claim.happened))
    return first


def progress(position: Position, first: Mapping[str, Micros]) -> Progress:
    """Sort key of positions from the least to the most advanced; of equals the older news is behind."""
    claim = position.claim
    rule = rules()[claim.milestone]
    here = stop(claim)
    reached = first[here] if rule.phase == ON_THE_WAY and here else claim.happened
    return rule.step, reached, rule.at_place, *position.rank


def passes(fact: Claim, planned: Claim) -> bool:
    """Whether ``fact`` of the same leg lies behind what was planned, by milestones alone."""
    done, wanted = rules()[fact.milestone], rules()[planned.milestone]
    if done.step != wanted.step:
        return done.step > wanted.step
    return fact.place == planned.place and _past(done, wanted)


def _past(done: Rule, wanted: Rule) -> bool:
    return done.number == wanted.number or done.at_place > wanted.at_place > 0


def overdue(
    counted: Sequence[Arrival], held: Iterable[Thing], route: tuple[str, ...], as_of: Micros
) -> tuple[Claim, ...]:
    """The plans and estimates that were not met; each is the claim that announced it.

    A plan is met when its fact is known, or a later one of the same leg (the run that publishers name), for every box of the plan
    that still holds the cargo. ``route`` are the planned places, () where no route was planned.
    """
    legs: dict[Leg, _Facts] = defaultdict(_Facts)
    for arrival in counted:
        if arrival.claim.classifier is Classifier.ACT:
            legs[_leg(arrival.claim)].add(arrival)
    boxes = frozenset(held)
    late = (
        a.claim
        for a in counted
        if a.claim.classifier is not Classifier.ACT
        and rules()[a.claim.milestone].moves
        and a.claim.happened + (rules()[a.claim.milestone].tolerance or 0) < as_of
        and not _met(a, legs[_leg(a.claim)], boxes, route)
    )
    return tuple(sorted(late, key=lambda c: (c.happened, c.published, c.event, c.thing)))


Leg = tuple[str, Region, str]


def _leg(claim: Claim) -> Leg:
    return claim.occurrence, claim.region, claim.jurisdiction


@dataclass(slots=True)
class _Facts:
    """The facts of one leg: of the whole cargo, of each box, and which were stated of which object."""

    whole: list[Claim] = field(default_factory=list)
    of_box: dict[Thing, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    stated: set[tuple[Thing, int, str]] = field(default_factory=set)

    def add(self, arrival: Arrival) -> None:
        claim = arrival.claim
        self.stated.add((claim.thing, claim.milestone, claim.place))
        if not arrival.containers:
            self.whole.append(claim)
        for box in arrival.containers:
            self.of_box[box].append(claim)


def _met(plan: Arrival, facts: _Facts, held: frozenset[Thing], route: tuple[str, ...]) -> bool:
    planned = plan.claim
    if (planned.thing, planned.milestone, planned.place) in facts.stated:
        return True
    boxes = (plan.containers & held or plan.containers) if plan.containers else held
    if not boxes:
        return _reached(planned, facts.whole, route)
    return all(_reached(planned, [*facts.whole, *facts.of_box.get(box, ())], route) for box in boxes)


def _reached(planned: Claim, facts: Sequence[Claim], route: tuple[str, ...]) -> bool:
    """Whether one box has met ``planned``, or has gone on from there."""
    if any(_is(fact, planned) for fact in facts):
        return True
    if planned.region is not Region.MOVEMENT:
        return False
    moving = [fact for fact in facts if rules()[fact.milestone].moves]
    if any(passes(fact, planned) for fact in moving):
        return True
    if rules()[planned.milestone].phase != ON_THE_WAY:
        return False
    on_the_way = [fact for fact in moving if rules()[fact.milestone].phase == ON_THE_WAY]
    there = [fact.happened for fact in on_the_way if fact.place == planned.place]
    return any(
        fact.place != planned.place
        and (along(route, planned.place, fact.place) or any(at <= fact.happened for at in there))
        for fact in on_the_way
    )


def _is(fact: Claim, planned: Claim) -> bool:
    return fact.milestone == planned.milestone and fact.place == planned.place
