"""Which names are one train, and where that train was when. Pure.

A train gets another number at every border, from another railway. Names are of one train where somebody who counts says so, or
where the greater part of the boxes of either rides on under the other; of a train that goes on in pieces each piece is a train.

A claim counts as in a view: its publisher has authority over the place, or is engaged in the cargo on board. Of the answers to one
question the one of greatest assurance shows (``claim_groups``), and near clocks give way to the order of the journey (``sequence``).
Hand-over lists often name boxes and no train: a train is over a border when the greater part of its boxes is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from itertools import pairwise

from schemas import railnet
from schemas.events import catalogue
from schemas.railnet import Crossing
from services.domain.claim_groups import answers
from services.domain.facts import FOREVER, Claim, Micros, counts
from services.domain.objects import Aliases, ObjectId, Thing
from services.domain.rules import CLOCK_TOLERANCE, HANDED_OVER, HOUR, ONE_MEETING, rules
from services.domain.sequence import in_sequence
from services.domain.view import Position
from services.query.line.facts import LineFacts, Ride

Cargo = Mapping[Thing, frozenset[ObjectId]]
"""The boxes that were ever on each train."""
RidesOfBoxes = Mapping[ObjectId, list[Ride]]

KEPT: Micros = 28 * 24 * HOUR
"""How long a train without news is taken to wait where it was last known to wait. Borders were closed for 13 days."""
QUIET: Micros = 3 * 24 * HOUR
"""How long any other train without news is shown where it was last."""
ARRIVED_SHOWN: Micros = 12 * HOUR
"""How long a train stays in sight at its destination."""


def _number(name: str) -> int:
    return catalogue.spec(f"cre.movement.{name}.v1").number


DEPARTED = _number("departed")
LOADED_ON_VESSEL = _number("loaded_on_vessel")
OVER = frozenset({HANDED_OVER, LOADED_ON_VESSEL})
AT_DESTINATION = frozenset({_number("arrived_at_destination"), _number("unloaded")})
HOLDING = {_number("train_held"): _number("train_resumed"), _number("queued"): _number("queue_left")}
"""What sets a train aside, and what lets it go on."""
_RESUMING = {after: before for before, after in HOLDING.items()}
_HELD = _number("train_held")


class State(IntEnum):
    """What a train does at a stop. Numbers are published, never reused."""

    STANDS = 0
    WAITS = 1  # for its turn at a border
    HELD = 2  # set aside on the way
    PASSES = 3  # between two reports, by running times


@dataclass(frozen=True, slots=True)
class Stop:
    """A train at ``station`` (id) in [since, until]; ``crossing`` is the id of the one that it waits for, else ""."""

    station: str
    since: Micros
    until: Micros
    state: State
    crossing: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One train: its names in the order of use, where it is bound (WEST, EAST or ""), how many boxes, and its stops in order.

    Between two stops it runs on one leg.
    """

    names: tuple[Thing, ...]
    bound: str
    boxes: int
    stops: tuple[Stop, ...]


def runs_of(facts: LineFacts) -> tuple[Run, ...]:
    """Every train that the facts place somewhere, in the order of its first stop."""
    rides = _by_box(facts.rides)
    cargo = _cargo(facts.rides)
    names = _one_train(facts, rides, cargo)
    shown = _shown(facts, rides, names, cargo)
    members: dict[Thing, set[Thing]] = defaultdict(set)
    for thing in {*cargo, *(claim.thing for claim in facts.claims)}:
        members[names[thing]].add(thing)
    onward = _onward(rides, names)
    found = (_run(sorted(members[one]), claims, cargo, onward.get(one)) for one, claims in shown.items())
    return tuple(sorted((run for run in found if run is not None), key=lambda r: (r.stops[0].since, r.names)))


def _cargo(rides: Iterable[Ride]) -> Cargo:
    boxes: dict[Thing, set[ObjectId]] = defaultdict(set)
    for ride in rides:
        boxes[ride.train].add(ride.box)
    return {train: frozenset(found) for train, found in boxes.items()}


def _by_box(rides: Iterable[Ride]) -> RidesOfBoxes:
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


def _one_train(facts: LineFacts, rides: RidesOfBoxes, cargo: Cargo) -> Aliases:
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


def _shown(
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


def _onward(rides: RidesOfBoxes, names: Aliases) -> Mapping[Thing, Micros]:
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


# From claims to stops.


@dataclass(slots=True)
class _Visit:
    """A train at a station: since when, its last sign there, when it left; ``over`` is the crossing by which it came."""

    station: str
    since: Micros
    last: Micros
    left: Micros | None = None
    over: str = ""
    ended: bool = False


def _run(
    names: Sequence[Thing],
    claims: Iterable[Claim],
    cargo: Cargo,
    onward: Micros | None,
) -> Run | None:
    known = list(claims)
    visits = _visits(known)
    if not visits:
        return None
    first_use: dict[Thing, Micros] = {}
    for claim in known:
        first_use[claim.thing] = min(claim.happened, first_use.get(claim.thing, claim.happened))
    ordered = sorted(names, key=lambda name: (first_use.get(name, FOREVER), name))
    bound = _bound(visits, ordered[0])
    last = max(ordered, key=lambda name: (first_use.get(name, -1), name))
    boxes = cargo.get(last) or max((cargo.get(name, frozenset()) for name in ordered), key=len)
    stops = _stops(visits, _held(known), bound, onward)
    return Run(tuple(ordered), bound, len(boxes), stops)


def _visits(claims: Iterable[Claim]) -> list[_Visit]:
    """The stations in the order of the journey, neighbours being different ones."""
    placed = [
        Position(claim, False)
        for claim in claims
        if claim.place and (rules()[claim.milestone].moves or _sets_aside(claim))
    ]
    moving = [p for p in placed if rules()[p.claim.milestone].moves]
    aside = [p for p in placed if not rules()[p.claim.milestone].moves]
    order = in_sequence(moving)
    for each in sorted(
        aside, key=lambda p: p.rank
    ):  # what is set aside moves nothing: by its clock, where the others are
        place = next((n for n, p in enumerate(order) if p.claim.happened > each.claim.happened), len(order))
        order.insert(place, each)
    visits: list[_Visit] = []
    clock: Micros = 0
    for position in order:
        clock = max(clock, position.claim.happened)
        _visit(visits, position.claim, clock)
    return visits


def _sets_aside(claim: Claim) -> bool:
    """Whether it says where a train stands that moves no more; an operator counts a train as queued before it has come."""
    return claim.milestone == _HELD or (claim.milestone in HOLDING and claim.territorial)


def _visit(visits: list[_Visit], claim: Claim, at: Micros) -> None:
    """Take in one claim, at a moment that is not before the last one."""
    here = visits[-1] if visits else None
    if claim.milestone in OVER:
        crossing = _crossing(claim, here)
        if crossing is not None:
            _cross(visits, crossing, claim, at)
            return
    station = railnet.resolve(claim.place)
    if station is None:
        return
    if here is None or here.station != station.id:
        here = _Visit(station.id, at, at)
        visits.append(here)
    here.last = at
    here.left = at if claim.milestone == DEPARTED else None
    here.ended = here.ended or claim.milestone in AT_DESTINATION


def _cross(visits: list[_Visit], crossing: Crossing, claim: Claim, at: Micros) -> None:
    here = visits[-1] if visits else None
    if here is not None and here.over == crossing.id:
        here.last = at  # the list of the other side
        return
    near, far = _sides(crossing, claim, here)
    if here is None or here.station != near:
        if here is not None and here.station == far:
            here.last = at  # it has been seen behind the border before the list came
            return
        visits.append(_Visit(near, at, at))
    visits[-1].last = visits[-1].left = at
    if not crossing.by_sea:
        visits.append(_Visit(far, at, at, over=crossing.id))


def _crossing(claim: Claim, here: _Visit | None) -> Crossing | None:
    """The crossing that a hand-over is at; None for one inside a country."""
    named = railnet.crossing(claim.place)
    if named is not None:
        return named
    station = railnet.resolve(claim.place)
    sides = () if station is None else railnet.crossings_at(station.id)
    if claim.milestone == LOADED_ON_VESSEL:
        sides = tuple(crossing for crossing in sides if crossing.by_sea)
    if here is not None and len(sides) > 1:
        sides = tuple(c for c in sides if here.station in (c.a.station, c.b.station)) or sides
    return sides[0] if sides else None


def _sides(crossing: Crossing, claim: Claim, here: _Visit | None) -> tuple[str, str]:
    """The station from which the train comes and the one behind the border."""
    a, b = crossing.a.station, crossing.b.station
    if here is not None and here.station in (a, b):
        return (a, b) if here.station == a else (b, a)
    takes = railnet.resolve(claim.stop)
    if takes is not None and takes.id in (a, b):
        return (b, a) if takes.id == a else (a, b)
    if here is not None:
        to_a, to_b = (hours_between(here.station, side) for side in (a, b))
        return (a, b) if to_a <= to_b else (b, a)
    return a, b


def _held(claims: Iterable[Claim]) -> list[tuple[Micros, Micros, State]]:
    """When the train was set aside, as [from, to) with its state; FOREVER while nothing says that it goes on."""
    marks = sorted(
        (claim.happened, claim.event, claim.milestone)
        for claim in claims
        if claim.milestone in HOLDING or claim.milestone in _RESUMING
    )
    found: list[tuple[Micros, Micros, State]] = []
    since: dict[int, Micros] = {}
    for at, _, milestone in marks:
        if milestone in HOLDING:
            since.setdefault(milestone, at)
        elif (begun := since.pop(_RESUMING[milestone], None)) is not None:
            found.append((begun, at, _state(_RESUMING[milestone])))
    found += [(begun, FOREVER, _state(milestone)) for milestone, begun in since.items()]
    return sorted(found)


def _state(milestone: int) -> State:
    return State.HELD if milestone == _HELD else State.WAITS


def _stops(
    visits: Sequence[_Visit],
    held: Sequence[tuple[Micros, Micros, State]],
    bound: str,
    onward: Micros | None,
) -> tuple[Stop, ...]:
    """The stops of these visits, with the stations that lie between."""
    found: list[Stop] = []
    for n, visit in enumerate(visits):
        after = visits[n + 1] if n + 1 < len(visits) else None
        way = () if after is None else way_between(visit.station, after.station)
        crossing = _waits_for(visit, way, bound)
        until = _until(visit, after, way, crossing, held, onward)
        found += _at_station(visit, until, crossing, held)
        if after is not None:
            found += _passed(way, until, after.since)
    return tuple(found)


def _until(
    visit: _Visit,
    after: _Visit | None,
    way: Sequence[str],
    crossing: str,
    held: Sequence[tuple[Micros, Micros, State]],
    onward: Micros | None,
) -> Micros:
    """When the train is no longer at the station, or no longer in sight."""
    if after is not None:
        if visit.left is not None:
            return min(visit.left, after.since)
        hours = sum(_hours(pair) for pair in pairwise(way))
        return min(max(visit.last, after.since - int(hours * HOUR)), after.since)
    if onward is not None:
        return max(visit.last, onward)
    if visit.ended:
        return visit.last + ARRIVED_SHOWN
    waits = visit.left is None and (bool(crossing) or any(end > visit.last for _, end, _ in held))
    return visit.last + (KEPT if waits else QUIET)


def _at_station(
    visit: _Visit, until: Micros, crossing: str, held: Sequence[tuple[Micros, Micros, State]]
) -> Iterator[Stop]:
    """A visit cut by what the train does there."""
    at = visit.since
    if crossing:
        yield Stop(visit.station, at, until, State.WAITS, crossing)
        return
    for start, end, state in held:
        begin, over = max(at, start), min(end, until)
        if begin >= over:
            continue
        if begin > at:
            yield Stop(visit.station, at, begin, State.STANDS)
        yield Stop(visit.station, begin, over, State.HELD if state is State.WAITS else state)
        at = over
    if at < until or at == visit.since:
        yield Stop(visit.station, at, until, State.STANDS)


def _waits_for(visit: _Visit, way: Sequence[str], bound: str) -> str:
    """The id of the crossing before which the train stands, "" where it stands before none; ``way`` leads to where it is next."""
    sides = [c for c in railnet.crossings_at(visit.station) if c.id != visit.over and not c.by_sea]
    if not sides or visit.ended:
        return ""
    if way:
        return next((c.id for c in sides if way[1:2] and way[1] in (c.a.station, c.b.station)), "")
    if visit.left is not None or visit.over:
        return ""
    return next((c.id for c in sides if bound and _towards(c, visit.station) == bound), "")


def _towards(crossing: Crossing, near: str) -> str:
    """The direction in which a train passes the crossing from the station ``near``."""
    far = crossing.b.station if near == crossing.a.station else crossing.a.station
    stations = railnet.stations()
    return "WEST" if stations[far].lon < stations[near].lon else "EAST"


def _passed(way: Sequence[str], leaves: Micros, arrives: Micros) -> Iterator[Stop]:
    """The stations between the ends of ``way``, in time in proportion to running times."""
    hours = [_hours(pair) for pair in pairwise(way)]
    total = sum(hours) or 1.0
    gone = 0.0
    for station, run in zip(way[1:-1], hours, strict=False):
        gone += run
        at = leaves + int((arrives - leaves) * gone / total)
        yield Stop(station, at, at, State.PASSES)


def _bound(visits: Sequence[_Visit], name: Thing) -> str:
    """WEST (towards Europe) or EAST (towards China) by where the train has been, else by the origin in its name; "" unknown."""
    stations = railnet.stations()
    first, last = stations[visits[0].station], stations[visits[-1].station]
    if first.lon != last.lon:
        return "WEST" if last.lon < first.lon else "EAST"
    country = railnet.country_of(":".join(name.key.split("/")[3:])) or first.country
    return "WEST" if country == "CN" else "EAST"


def _hours(pair: tuple[str, str]) -> float:
    leg = railnet.legs().get(pair)
    return 1.0 if leg is None else leg.run_hours


def hours_between(first: str, last: str) -> float:
    """How long a train runs from one station to the other by the shortest way, also over borders; infinite where there is none."""
    return railnet.hours_to(last, True).get(first, float("inf"))


@cache
def way_between(first: str, last: str) -> tuple[str, ...]:
    """The stations of the shortest way, both ends included; only these where none is known."""
    hours = railnet.hours_to(last, True)
    if first not in hours:
        return (first, last)
    way = [first]
    while way[-1] != last:
        way.append(
            min(
                (leg.run_hours + hours[onto], onto)
                for onto, leg in _legs_from(way[-1]).items()
                if onto in hours and hours[onto] < hours[way[-1]]
            )[1]
        )
    return tuple(way)


@cache
def _legs_from(station: str) -> Mapping[str, railnet.Leg]:
    return {onto: leg for (start, onto), leg in railnet.legs().items() if start == station}
