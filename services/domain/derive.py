"""From a set of facts to what people see: the one rule of the state, as a pure function.

``derive`` reads nothing but its arguments. Any order, any batches and any duplicates of the same facts give the
same view, because every step below is a function of sets and every tie is broken by the event id's digest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.events.base import Classifier, ObjectKind, Region
from services.domain import aboard, engagement, handovers, restrictions
from services.domain.aboard import Aboard
from services.domain.claim_groups import Answers, Question
from services.domain.evidence import Gathered, gather
from services.domain.exceptions import open_exceptions
from services.domain.facts import FOREVER, Claim, EventId, Facts, Micros
from services.domain.links import Path
from services.domain.objects import Thing
from services.domain.progress import first_reached, passes, progress
from services.domain.restrictions import Stop, along
from services.domain.rules import DELIVERED_PHASE, LEAVING, ON_THE_WAY, SILENT_AFTER, rules
from services.domain.view import Arrival, Box, HandoverView, Position, Standing, View


def overdue(
    counted: Sequence[Arrival], held: Iterable[Thing], route: tuple[str, ...], as_of: Micros
) -> tuple[Claim, ...]:
    """The plans and estimates that were not met; each is the claim that announced it.

    A plan is met when its fact is known, or a later one of the same leg (the run that publishers name), for every box
    that it speaks of and that still holds the cargo. ``route`` are the planned places, () where nobody planned them.
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
    """Whether one box has been where and what ``planned`` says, or has gone on from there."""
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


def derive(facts: Facts, consignment: Thing, as_of: Micros) -> View | None:
    """The view of ``consignment`` (or of the group it was declared part of) at ``as_of``; None if never founded.

    ``facts`` may hold more than concerns the consignment; what does not reach it changes nothing.
    """
    gathered = gather(facts, consignment, as_of)
    return None if gathered is None else view_of(facts, gathered, as_of)


def view_of(facts: Facts, gathered: Gathered, as_of: Micros) -> View:
    """The view of a group by what was ``gathered`` for it from the same facts as of the same moment."""
    counted = [a for a in gathered.arrivals if a.standing is Standing.COUNTED]
    speaking = [a for a in counted if a.claim in gathered.shown]
    joined = aboard.compared(gathered.current, counted, gathered.called)
    boxes = boxes_of(gathered, counted, as_of, joined.values())
    movement, behind = least_advanced(boxes, speaking)
    live = gathered.liveness.live
    routed = {path.thing for path in gathered.paths if path.counted}
    routes = [r for r in facts.routes if live(r.event) and r.thing in routed]
    route = restrictions.current_route(r for r in routes if r.publisher in gathered.engaged)
    known = [
        r for r in facts.restrictions if live(r.event) and (r.territorial or r.publisher in gathered.engaged)
    ]
    liftings = [lifting for lifting in facts.liftings if live(lifting.event)]
    concerning = _concerning(facts, gathered)
    goods = (
        g
        for g in facts.goods
        if live(g.event) and g.thing in routed and (g.territorial or g.publisher in gathered.engaged)
    )
    return View(
        consignment=engagement.canonical(gathered.members),
        members=gathered.members,
        founders=gathered.founders,
        engaged=gathered.engaged,
        movement=movement,
        boxes=boxes,
        behind=behind,
        customs=customs_positions(speaking),
        document=best(a for a in speaking if a.claim.region is Region.DOCUMENT and moves(a.claim)),
        disputes=_all_disputes(gathered.current, joined),
        exceptions=open_exceptions(counted, gathered.parts, len(holding(boxes)), gathered.called),
        handovers=_handovers(facts, gathered, boxes, as_of),
        route=route,
        restrictions=restrictions.on_route(
            None if movement is not None and _phase(movement) >= DELIVERED_PHASE else route,
            known,
            liftings,
            _been(movement, boxes, speaking),
            frozenset(code for told in goods for code in told.commodities),
            as_of,
        ),
        overdue=overdue(
            counted, [box.container for box in holding(boxes)], () if route is None else route.places, as_of
        ),
        silent=_silent(counted, movement, as_of),
        arrivals=gathered.arrivals,
        flagged=gathered.liveness.cyclic & concerning,
        equivocating=gathered.liveness.equivocated & concerning,
    )


def moves(claim: Claim) -> bool:
    return claim.classifier is Classifier.ACT and rules()[claim.milestone].moves


def best(arrivals: Iterable[Arrival]) -> Position | None:
    positions = (Position(a.claim, a.via_disputed_link) for a in arrivals)
    return max(positions, key=lambda p: p.rank, default=None)


def boxes_of(
    gathered: Gathered, counted: Iterable[Arrival], as_of: Micros, joined: Iterable[Aboard] = ()
) -> tuple[Box, ...]:
    """Every box that a live link assigns to the consignment, with the latest that is known of it."""
    moving = [a for a in counted if a.claim.region is Region.MOVEMENT and moves(a.claim)]
    settled: dict[Thing, set[Claim]] = defaultdict(set)
    standing: dict[Thing, set[Claim]] = defaultdict(set)
    for each in joined:
        box = each.answers.question.thing
        settled[box] |= each.settled
        standing[box].add(each.answers.shown)

    def stands(claim: Claim, box: Thing) -> bool:
        if claim in settled.get(box, ()):
            return claim in standing[box]
        return claim in gathered.shown

    assigned: dict[Thing, list[Path]] = defaultdict(list)
    for path in gathered.paths:
        if path.thing.kind is ObjectKind.CONTAINER and path.spans:
            assigned[path.thing].append(path)
    return tuple(
        Box(
            container=box,
            position=best(
                a for a in moving if (box in a.containers or not a.containers) and stands(a.claim, box)
            ),
            holds_cargo=any(path.counted and (path.end > as_of or path.end == FOREVER) for path in ways),
            counted=any(path.counted for path in ways),
        )
        for box, ways in sorted(assigned.items())
    )


def holding(boxes: Iterable[Box]) -> list[Box]:
    """The boxes that the consignment waits for: those that hold its cargo, else all that somebody of it assigned."""
    counted = [box for box in boxes if box.counted]
    return [box for box in counted if box.holds_cargo] or counted


def least_advanced(boxes: Iterable[Box], speaking: Iterable[Arrival]) -> tuple[Position | None, int]:
    """The position that the consignment shows, and how many boxes are in that same phase.

    Boxes that nobody of the consignment assigned, and boxes that the cargo has left, do not hold it back. ``speaking``
    are the arrivals that stand for their questions: without boxes the latest that speaks of the whole cargo shows.
    """
    moving = [a for a in speaking if a.claim.region is Region.MOVEMENT and moves(a.claim)]
    held = holding(boxes)
    if not held:
        return best(a for a in moving if not a.containers), 0
    if any(box.position is None for box in held):
        return None, sum(box.position is None for box in held)
    positions = [box.position for box in held if box.position is not None]
    first = first_reached(a.claim for a in moving)
    least = min(positions, key=lambda position: progress(position, first))
    return least, sum(_phase(p) == _phase(least) for p in positions)


def _been(movement: Position | None, boxes: Iterable[Box], speaking: Iterable[Arrival]) -> tuple[Stop, ...]:
    """Where the least advanced box was (without boxes, the cargo), in order of time; () where it is not known."""
    if movement is None:
        return ()
    box = next((box.container for box in holding(boxes) if box.position == movement), None)
    told = [
        Position(a.claim, a.via_disputed_link)
        for a in speaking
        if a.claim.region is Region.MOVEMENT
        and moves(a.claim)
        and a.claim.place
        and (box in a.containers or not a.containers)
    ]
    return tuple(
        Stop(p.claim.place, p.claim.milestone in LEAVING) for p in sorted(told, key=lambda p: p.rank)
    )


def _phase(position: Position) -> int:
    return rules()[position.claim.milestone].phase


def customs_positions(counted: Iterable[Arrival]) -> tuple[tuple[str, Position], ...]:
    """The latest customs fact of each jurisdiction, by its code."""
    by_jurisdiction: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in counted:
        if arrival.claim.region is Region.CUSTOMS and moves(arrival.claim):
            by_jurisdiction[arrival.claim.jurisdiction].append(arrival)
    latest = ((code, best(found)) for code, found in sorted(by_jurisdiction.items()))
    return tuple((code, position) for code, position in latest if position is not None)


def disputes(current: Iterable[Answers]) -> tuple[Answers, ...]:
    """The questions whose publishers answer further apart than the milestone tolerates."""
    return tuple(sorted((a for a in current if _disputed_answers(a)), key=lambda a: a.question))


def _all_disputes(
    current: Mapping[Question, Answers], joined: Mapping[Question, Aboard]
) -> tuple[Answers, ...]:
    """The disputes, with those between the word on a box and the word on its train."""
    found = {given.question: given for given in disputes(current.values())}
    for asked, each in joined.items():
        if asked in found or aboard.contradicted(each.answers):
            found[asked] = each.answers
    return tuple(found[asked] for asked in sorted(found))


def _disputed_answers(given: Answers) -> bool:
    tolerance = rules()[given.question.milestone].tolerance
    return tolerance is not None and len(given.current) > 1 and given.spread() > tolerance


def _handovers(
    facts: Facts, gathered: Gathered, boxes: tuple[Box, ...], as_of: Micros
) -> tuple[HandoverView, ...]:
    """The hand-overs whose lists, on either side, hold a box of the consignment while it held the cargo."""
    numbers = {box.container.key for box in boxes if box.counted}
    live = [
        h
        for h in facts.handovers
        if gathered.liveness.live(h.event)
        and h.happened <= as_of
        and (h.territorial or h.publisher in gathered.engaged)
    ]
    windows = [p for p in gathered.paths if p.thing.kind is ObjectKind.CONTAINER and p.thing.key in numbers]
    concerned = (
        handovers.compare(told, as_of)
        for told in handovers.meetings(live)
        if any(p.thing.key in h.containers and p.holds(h.happened) for h in told for p in windows)
    )
    return tuple(view for view in concerned if view is not None)


def _silent(counted: Iterable[Arrival], movement: Position | None, as_of: Micros) -> bool:
    if movement is None or _phase(movement) >= DELIVERED_PHASE:
        return False
    heard = max(a.claim.happened for a in counted if a.claim.classifier is Classifier.ACT)
    return as_of - heard > SILENT_AFTER


def _concerning(facts: Facts, gathered: Gathered) -> frozenset[EventId]:
    """Events, live or not, that speak of what reaches the consignment, and the withdrawals of them at any depth.

    What was said of a box before it carried this cargo, or after, is of another journey.
    """
    ways: dict[Thing, list[Path]] = defaultdict(list)
    for path in gathered.paths:
        ways[path.thing].append(path)
    things = ways.keys()
    events = {
        claim.event
        for claim in facts.claims
        if any(path.holds(claim.happened) for path in ways.get(claim.thing, ()))
    }
    events |= {link.event for link in facts.links if link.right in things}
    events |= {founding.event for founding in facts.foundings if founding.consignment in things}
    while more := {w.event for w in facts.withdrawals if w.target in events} - events:
        events |= more
    return frozenset(events)
