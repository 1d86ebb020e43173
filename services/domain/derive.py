"""The view of a consignment from a set of facts.

``derive`` reads nothing but its arguments. Any order, batching and duplication of the same facts gives the same view: every
step is a function of sets, and ties are broken by the event id's digest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.events.base import Classifier, ObjectKind, Region
from services.domain import handovers, restrictions, sequence
from services.domain.claim_groups import Answers, Question
from services.domain.evidence import GroupEvidence, canonical_consignment, group_evidence
from services.domain.exceptions import open_exceptions
from services.domain.facts import (
    FOREVER,
    FREEING,
    Claim,
    EventId,
    Facts,
    Link,
    Micros,
    counts,
)
from services.domain.links import Path, carried
from services.domain.liveness import withdrawing
from services.domain.objects import Aliases, Thing
from services.domain.progress import first_reached, overdue, progress
from services.domain.restrictions import Journey, Stop
from services.domain.rules import AT_ONCE, DELIVERED_PHASE, LEAVING, SILENT_AFTER, rules
from services.domain.view import (
    Arrival,
    Assignment,
    Box,
    ClaimStatus,
    DeadEvent,
    HandoverView,
    LinkDispute,
    Position,
    View,
)

Slot = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CarrierAnswers:
    """A box's question with the answers of those who reported only its wagon or train; ``settled`` are all claims weighed in it.

    A train leaves with all its boxes at once, so a report on the train also answers the question of each box on it: for the same
    milestone, place and run, that of the nearest carrier in time, as a second train from the same place is a second visit. A
    publisher's report on the box precedes its report on the train. What happens box by box (unloading, change of gauge) is
    not compared, nor are two boxes.
    """

    answers: Answers
    settled: frozenset[Claim]


def with_carrier_answers(
    current: Mapping[Question, Answers], arrivals: Iterable[Arrival], aliases: Aliases
) -> Mapping[Question, CarrierAnswers]:
    """The boxes' questions that carriers answer too; ``arrivals`` are the counted ones, ``aliases`` are those of trains."""
    riding: dict[Slot, dict[Thing, set[Thing]]] = defaultdict(lambda: defaultdict(set))
    for arrival in arrivals:
        claim = arrival.claim
        if claim.milestone in AT_ONCE and claim.thing.rides:
            for box in arrival.containers:
                riding[_slot(claim)][box].add(aliases[claim.thing])
    if not riding:
        return {}
    found = {}
    for key, given in current.items():
        if key.thing.kind is not ObjectKind.CONTAINER or key.milestone not in AT_ONCE:
            continue
        carriers = riding.get(_slot(given.current[0]), {}).get(key.thing, ())
        questions = [key._replace(thing=carrier) for carrier in carriers]
        joined = _joined(given, [current[question] for question in questions if question in current])
        if joined is not None:
            found[key] = joined
    return found


def _joined(own: Answers, carriers: Iterable[Answers]) -> CarrierAnswers | None:
    nearest: dict[ObjectKind, Answers] = {}
    for given in sorted(carriers, key=lambda g: (_apart(own, g), g.question.thing)):
        nearest.setdefault(given.question.thing.kind, given)
    if not nearest:
        return None
    claims: dict[str, Claim] = {}
    for kind in (ObjectKind.TRAIN, ObjectKind.WAGON):
        if kind in nearest:
            claims |= {claim.publisher: claim for claim in nearest[kind].current}
    claims |= {claim.publisher: claim for claim in own.current}
    settled = frozenset(own.current).union(*(given.current for given in nearest.values()))
    return CarrierAnswers(Answers(own.question, tuple(claims[name] for name in sorted(claims))), settled)


def contradicts_carriers(given: Answers) -> bool:
    """Whether a claim about a carrier lies further from one about the box than the milestone tolerates."""
    key = given.question
    tolerance = rules()[key.milestone].tolerance or 0
    mine = [claim.happened for claim in given.current if claim.thing == key.thing]
    others = [claim.happened for claim in given.current if claim.thing != key.thing]
    return any(abs(one - other) > tolerance for one in mine for other in others)


def _apart(one: Answers, other: Answers) -> Micros:
    return min(abs(a.happened - b.happened) for a in one.current for b in other.current)


def _slot(claim: Claim) -> Slot:
    return claim.milestone, claim.place, claim.occurrence, claim.classifier


def derive(facts: Facts, consignment: Thing, as_of: Micros) -> View | None:
    """The view of ``consignment`` (or of the group it was declared part of) at ``as_of``; None if never founded.

    ``facts`` may hold more than concerns the consignment; what does not reach it changes nothing.
    """
    group = group_evidence(facts, consignment, as_of)
    return None if group is None else view_of(facts, group, as_of)


def view_of(facts: Facts, group: GroupEvidence, as_of: Micros) -> View:
    """The view of a group from its evidence, which was collected from the same ``facts`` as of the same moment."""
    counted = [a for a in group.arrivals if a.status is ClaimStatus.COUNTED]
    speaking = [a for a in counted if a.claim in group.shown]
    joined = with_carrier_answers(group.current, counted, group.aliases)
    live = group.liveness.live
    routed = {path.thing for path in group.paths if path.counted}
    routes = (r for r in facts.routes if live(r.event) and r.thing in routed)
    route = restrictions.current_route(r for r in routes if r.publisher in group.engaged)
    planned = () if route is None else route.places
    boxes = boxes_of(group, counted, as_of, joined.values(), planned)
    movement, behind = least_advanced(boxes, speaking, planned)
    goods = (g for g in facts.goods if live(g.event) and g.thing in routed and counts(g, group.engaged))
    met = restrictions.on_journey(
        Journey(
            places=planned,
            been=_been(movement, boxes, speaking, planned),
            goods=frozenset(code for each in goods for code in each.commodities),
            begun=_begun(facts, group, speaking),
            over=movement.claim.happened if movement is not None and _delivered(movement) else FOREVER,
        ),
        restrictions.known_ends(
            (r for r in facts.restrictions if live(r.event) and counts(r, group.engaged)),
            (lifting for lifting in facts.liftings if live(lifting.event)),
        ),
        as_of,
    )
    concerning, dead = _concerning(facts, group)
    return View(
        consignment=canonical_consignment(group.members),
        members=group.members,
        founders=group.founders,
        engaged=group.engaged,
        movement=movement,
        boxes=boxes,
        behind=behind,
        customs=customs_positions(speaking),
        document=best(a for a in speaking if a.claim.region is Region.DOCUMENT and moves(a.claim)),
        disputes=_all_disputes(group.current, joined),
        disputed_links=disputed_links(group, as_of),
        exceptions=open_exceptions(counted, group.parts, len(holding(boxes)), group.aliases),
        handovers=_handovers(group, as_of),
        route=route,
        restrictions=met.in_force,
        announced_restrictions=met.announced,
        past_restrictions=met.past,
        overdue=overdue(counted, [box.container for box in holding(boxes)], planned, as_of),
        silent=_silent(counted, movement, as_of),
        arrivals=group.arrivals,
        flagged=group.liveness.cyclic & concerning,
        equivocating=group.liveness.equivocated & concerning,
        not_live=_not_live(facts, group, concerning, dead),
    )


def moves(claim: Claim) -> bool:
    return claim.classifier is Classifier.ACT and rules()[claim.milestone].moves


def best(arrivals: Iterable[Arrival]) -> Position | None:
    positions = (Position(a.claim, a.via_disputed_link) for a in arrivals)
    return max(positions, key=lambda p: p.rank, default=None)


def last_moved(arrivals: Iterable[Arrival], route: Sequence[str] = ()) -> Position | None:
    """Where the cargo is by facts that move it, in the order of the journey."""
    return sequence.latest((Position(a.claim, a.via_disputed_link) for a in arrivals), route)


def boxes_of(
    group: GroupEvidence,
    counted: Iterable[Arrival],
    as_of: Micros,
    joined: Iterable[CarrierAnswers] = (),
    route: Sequence[str] = (),
) -> tuple[Box, ...]:
    """Every box that a live link assigns to the consignment, with the latest that is known of it; ``route`` as planned."""
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
        return claim in group.shown

    assigned: dict[Thing, list[Path]] = defaultdict(list)
    for path in group.paths:
        if path.thing.kind is ObjectKind.CONTAINER and path.spans:
            assigned[path.thing].append(path)
    return tuple(
        Box(
            container=box,
            position=last_moved(
                (a for a in moving if (box in a.containers or not a.containers) and stands(a.claim, box)),
                route,
            ),
            holds_cargo=any(path.counted and path.assigned(as_of) for path in ways),
            counted=any(path.counted for path in ways),
        )
        for box, ways in sorted(assigned.items())
    )


def holding(boxes: Iterable[Box]) -> list[Box]:
    """The boxes that the consignment waits for: those that hold its cargo, else all that a counted link assigned."""
    counted = [box for box in boxes if box.counted]
    return [box for box in counted if box.holds_cargo] or counted


def least_advanced(
    boxes: Iterable[Box], speaking: Iterable[Arrival], route: Sequence[str] = ()
) -> tuple[Position | None, int]:
    """The position that the consignment shows, and how many of its boxes are in that phase.

    Boxes that no counted link assigned, or that the cargo has left, do not hold it back. ``speaking`` are the arrivals whose
    answers show; without boxes the latest of them about the whole cargo is the position. ``route`` as planned.
    """
    moving = [a for a in speaking if a.claim.region is Region.MOVEMENT and moves(a.claim)]
    held = holding(boxes)
    if not held:
        return last_moved((a for a in moving if not a.containers), route), 0
    if any(box.position is None for box in held):
        return None, sum(box.position is None for box in held)
    positions = [box.position for box in held if box.position is not None]
    first = first_reached(a.claim for a in moving)
    least = min(positions, key=lambda position: progress(position, first))
    return least, sum(_phase(p) == _phase(least) for p in positions)


def _begun(facts: Facts, group: GroupEvidence, speaking: Iterable[Arrival]) -> Micros:
    """When the first of the consignment was known: its founding, or a fact that happened before."""
    live = group.liveness.live
    founded = (f.published for f in facts.foundings if live(f.event) and f.consignment in group.members)
    happened = (a.claim.happened for a in speaking if a.claim.classifier is Classifier.ACT)
    return min((*founded, *happened))


def _been(
    movement: Position | None, boxes: Iterable[Box], speaking: Iterable[Arrival], route: Sequence[str]
) -> tuple[Stop, ...]:
    """Where the least advanced box was (without boxes, the cargo), in order; () where it is not known.

    What was handed over has left the place that its list names, where another station receives.
    """
    if movement is None:
        return ()
    box = next((box.container for box in holding(boxes) if box.position == movement), None)
    positions = [
        Position(a.claim, a.via_disputed_link)
        for a in speaking
        if a.claim.region is Region.MOVEMENT
        and moves(a.claim)
        and a.claim.place
        and (box in a.containers or not a.containers)
    ]
    return tuple(
        Stop(place, p.claim.milestone in LEAVING, p.claim.happened)
        for p in sequence.in_sequence(positions, route)
        for place in dict.fromkeys((p.claim.place, sequence.stop(p.claim)))
    )


def _phase(position: Position) -> int:
    return rules()[position.claim.milestone].phase


def _delivered(position: Position) -> bool:
    return _phase(position) >= DELIVERED_PHASE


def customs_positions(counted: Iterable[Arrival]) -> tuple[tuple[str, Position], ...]:
    """The latest customs fact of each jurisdiction, by its code."""
    by_jurisdiction: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in counted:
        if arrival.claim.region is Region.CUSTOMS and moves(arrival.claim):
            by_jurisdiction[arrival.claim.jurisdiction].append(arrival)
    latest = ((code, best(found)) for code, found in sorted(by_jurisdiction.items()))
    return tuple((code, position) for code, position in latest if position is not None)


def disputes(current: Iterable[Answers]) -> tuple[Answers, ...]:
    """The questions whose answers lie further apart than the milestone tolerates."""
    return tuple(sorted((a for a in current if _disputed_answers(a)), key=lambda a: a.question))


def disputed_links(group: GroupEvidence, as_of: Micros) -> tuple[LinkDispute, ...]:
    """The contradictions of the links by which facts reach the group, begun by ``as_of``, by object and begin."""
    ours = {path.thing for path in group.paths}
    own = {span.link for path in group.paths for span in path.spans}
    spread: dict[tuple[Link, ...], tuple[Micros, Micros]] = {}
    for path in group.paths:
        for span in path.spans:
            for rival in group.network.rivals(span, ours, group.engaged, group.aliases):
                since, until = max(path.start, rival.start), min(path.end, rival.end)
                if since < until and since <= as_of:
                    pair = tuple(sorted((span.link, rival.link), key=_stated))
                    first, last = spread.get(pair, (since, until))
                    spread[pair] = min(first, since), max(last, until)
    found = (
        LinkDispute(
            carried(one),
            (_side(one, own, group), _side(other, own, group)),
            since,
            until,
        )
        for (one, other), (since, until) in spread.items()
    )
    return tuple(sorted(found, key=lambda d: (d.thing, d.since, *(_stated(side.link) for side in d.sides))))


def _side(link: Link, own: Container[Link], group: GroupEvidence) -> Assignment:
    return Assignment(link, link in own, counts(link, group.engaged))


def _stated(link: Link) -> tuple[Micros, EventId, Thing, Thing]:
    return link.start, link.event, link.left, link.right


def _all_disputes(
    current: Mapping[Question, Answers], joined: Mapping[Question, CarrierAnswers]
) -> tuple[Answers, ...]:
    """The disputes, including those between a box and its train."""
    found = {given.question: given for given in disputes(current.values())}
    for key, each in joined.items():
        if key in found or contradicts_carriers(each.answers):
            found[key] = each.answers
    return tuple(found[key] for key in sorted(found))


def _disputed_answers(given: Answers) -> bool:
    tolerance = rules()[given.question.milestone].tolerance
    return tolerance is not None and len(given.current) > 1 and given.spread() > tolerance


def _handovers(group: GroupEvidence, as_of: Micros) -> tuple[HandoverView, ...]:
    """The hand-overs whose lists, on either side, hold a box of the consignment while it held the cargo."""
    compared = (handovers.compare(each.lists, as_of, each.own) for each in group.handovers)
    return tuple(view for view in compared if view is not None)


def _silent(counted: Iterable[Arrival], movement: Position | None, as_of: Micros) -> bool:
    if movement is None or _delivered(movement):
        return False
    latest = max(a.claim.happened for a in counted if a.claim.classifier is Classifier.ACT)
    return as_of - latest > SILENT_AFTER


def _concerning(facts: Facts, group: GroupEvidence) -> tuple[frozenset[EventId], list[Claim]]:
    """Events, live or not, about what reaches the consignment, and their withdrawals at any depth; and the claims that are not live.

    Claims about a box before it carried this cargo, or after, belong to another journey.
    """
    ways: dict[Thing, list[Path]] = defaultdict(list)
    for path in group.paths:
        ways[path.thing].append(path)
    things = ways.keys()
    claims = [
        claim
        for claim in facts.claims
        if any(path.holds(claim.happened) for path in ways.get(claim.thing, ()))
    ]
    events = {claim.event for claim in claims}
    # What frees is a claim, too.
    events |= {link.event for link in facts.links if link.right in things and link.kind not in FREEING}
    events |= {founding.event for founding in facts.foundings if founding.consignment in things}
    events |= {route.event for route in facts.routes if route.thing in things}
    while more := {w.event for w in facts.withdrawals if w.target in events} - events:
        events |= more
    return frozenset(events), [claim for claim in claims if not group.liveness.live(claim.event)]


def _not_live(
    facts: Facts, group: GroupEvidence, concerning: frozenset[EventId], dead: Iterable[Claim]
) -> tuple[DeadEvent, ...]:
    if not group.liveness.dead:
        return ()
    by = withdrawing(facts.withdrawals, group.liveness)
    stated: dict[EventId, list[Claim]] = defaultdict(list)
    for claim in sorted(dead, key=lambda c: (c.happened, c.published, c.event, c.thing, c)):
        stated[claim.event].append(claim)
    silent = sorted(concerning & group.liveness.dead - stated.keys())
    found = ((event, group.liveness.reason(event)) for event in (*stated, *silent))
    return tuple(
        DeadEvent(event, reason, by.get(event, ()), tuple(stated.get(event, ())))
        for event, reason in found
        if reason is not None
    )
