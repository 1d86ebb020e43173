"""Which names are one train, and what is shown of it. Pure.

Names are of one train where somebody who counts says so, or where the greater part of the boxes of either rides on under the other; of a
train that goes on in pieces each piece is a train. Hand-over lists often name boxes and no train: a train is over a border when the
greater part of its boxes is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from services.domain.claim_groups import answers
from services.domain.facts import FOREVER, Claim, Micros, counts
from services.domain.objects import Aliases, ObjectId, Thing
from services.domain.rules import CLOCK_TOLERANCE, ONE_MEETING
from services.query.line.facts import LineFacts, Ride
from services.query.line.run import KEPT

Cargo = Mapping[Thing, frozenset[ObjectId]]
"""The boxes that were ever on each train."""
RidesOfBoxes = Mapping[ObjectId, list[Ride]]


def cargo_of_trains(rides: Iterable[Ride]) -> Cargo:
    """The boxes that were ever on each train."""
    boxes: dict[Thing, set[ObjectId]] = defaultdict(set)
    for ride in rides:
        boxes[ride.train].add(ride.box)
    return {train: frozenset(found) for train, found in boxes.items()}


def rides_by_box(rides: Iterable[Ride]) -> RidesOfBoxes:
    """The rides of each box in order, each until the next one begins: a train that is ended at a border stands there with its boxes."""
    found: dict[ObjectId, list[Ride]] = defaultdict(list)
    for ride in sorted(rides, key=lambda r: (r.start, r.until, r.train)):
        before = found[ride.box]
        if not before or before[-1].train != ride.train:
            before.append(ride._replace(until=FOREVER))
    for several in found.values():
        for n, (one, after) in enumerate(pairwise(several)):
            several[n] = one._replace(until=max(after.start, one.start + 1))
    return found


def one_train(facts: LineFacts, rides: RidesOfBoxes, cargo: Cargo) -> Aliases:
    """The smallest name of each train that has several."""
    said = (
        (same.left, same.right)
        for same in facts.same
        if counts(
            same, facts.engaged.get(same.left, frozenset()) | facts.engaged.get(same.right, frozenset())
        )
    )
    shared = Counter(
        (one.train, after.train)
        for several in rides.values()
        for one, after in pairwise(several)
        if after.start - one.start <= KEPT
    )
    rides_on = (
        pair for pair, number in shared.items() if number * 2 > max(len(cargo[pair[0]]), len(cargo[pair[1]]))
    )
    one: dict[Thing, set[Thing]] = {}
    for left, right in (*said, *rides_on):
        joined = one.get(left, {left}) | one.get(right, {right})
        one.update(dict.fromkeys(joined, joined))
    return Aliases((thing, min(several)) for thing, several in one.items())


def shown_claims(
    facts: LineFacts, rides: RidesOfBoxes, names: Aliases, cargo: Cargo
) -> Mapping[Thing, list[Claim]]:
    """The claims that place each train, one for each question; those about boxes where they are of most of its boxes."""
    nobody = frozenset[str]()
    claims = [c for c in facts.claims if counts(c, facts.engaged.get(c.thing, nobody))]
    shown: dict[Thing, list[Claim]] = defaultdict(list)
    for given in answers(claims, names).values():
        shown[names[given.shown.thing]].append(given.shown)
    begun = {one: min(claim.happened for claim in known) for one, known in shown.items()}
    moved = _moved(facts, rides)
    about = {(claim.thing, claim.event, claim.occurrence): boxes for claim, boxes in moved}
    arrived: dict[Thing, list[tuple[Claim, frozenset[ObjectId]]]] = defaultdict(list)
    for given in answers(claim for claim, _ in moved).values():
        claim = given.shown
        arrived[claim.thing].append((claim, about[claim.thing, claim.event, claim.occurrence]))
    earlier: dict[Thing, Claim] = {}
    for train, lists in arrived.items():
        one = names[train]
        for claim in _of_most(lists, cargo[train]):
            if claim.happened >= begun.get(one, FOREVER):
                shown[one].append(claim)
            elif one not in earlier or _later(claim) > _later(earlier[one]):
                earlier[one] = claim
    for one, claim in earlier.items():
        if one in begun:  # it came into being where its boxes came over
            shown[one].append(claim)
    return shown


def _later(claim: Claim) -> tuple[Micros, bytes]:
    return claim.happened, claim.event


def _moved(facts: LineFacts, rides: RidesOfBoxes) -> list[tuple[Claim, frozenset[ObjectId]]]:
    """What was stated of boxes as claims about the trains that they rode on then, and about those that they ride on next."""
    found = []
    for claim, boxes in facts.moved:
        on: dict[Thing, set[ObjectId]] = defaultdict(set)
        for box in boxes:
            for ride in rides.get(box, ()):
                if ride.start - ONE_MEETING <= claim.happened < ride.until + CLOCK_TOLERANCE:
                    on[ride.train].add(box)
        found += [
            (claim._replace(thing=train), frozenset(those))
            for train, those in on.items()
            if counts(claim, facts.engaged.get(train, frozenset()))
        ]
    return found


def _of_most(
    lists: Iterable[tuple[Claim, frozenset[ObjectId]]], boxes: frozenset[ObjectId]
) -> Iterator[Claim]:
    """Of claims about some of a train's ``boxes`` those with which they are of more than half, at one place."""
    known: dict[tuple[int, str], set[ObjectId]] = defaultdict(set)
    for claim, some in sorted(lists, key=lambda each: (each[0].happened, each[0].event)):
        so_far = known[claim.milestone, claim.place]
        so_far |= some
        if len(so_far) * 2 > len(boxes):
            yield claim


def onward_from(rides: RidesOfBoxes, names: Aliases) -> Mapping[Thing, Micros]:
    """From when most boxes of each train ride on other trains."""
    starts: dict[Thing, list[Micros]] = defaultdict(list)
    boxes: dict[Thing, set[ObjectId]] = defaultdict(set)
    for box, several in rides.items():
        for ride in several:
            boxes[names[ride.train]].add(box)
        for one, after in pairwise(several):
            if names[one.train] != names[after.train]:
                starts[names[one.train]].append(after.start)
    return {
        one: sorted(known)[len(boxes[one]) // 2]
        for one, known in starts.items()
        if len(known) * 2 > len(boxes[one])
    }
