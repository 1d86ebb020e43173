"""A journey cut into legs: from the place and stage that is known to the next point at which a railway or a border begins.

A planned route is places in order; where two neighbours are the sides of a crossing, a border lies between. So a journey is: the
wait at the origin, a run to a border, the wait for the hand-over there, the time until the next railway leaves, the next run ...
A leg that begins in the middle (at a station passed, in a train set aside) is a leg of its own with the same end.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from schemas import railnet
from schemas.events import catalogue
from services.domain.facts import Micros


class Stage(IntEnum):
    """From what a leg is counted; the number is stored and never reused."""

    BOOKED = 1  # to the departure
    GATED_IN = 2
    LOADED = 3
    RUNNING = 4  # left or passed a station: to the arrival at the end of the run
    HELD = 5  # set aside at a station: to the same
    AT_BORDER = 6  # arrived: to the hand-over
    HANDED_OVER = 7  # to the departure on the other side
    TRANSSHIPPED = 8  # to the same

    @property
    def segment(self) -> int:
        """Legs of one segment end at the same fact."""
        return _SEGMENT[self]

    @property
    def whole(self) -> bool:
        """Whether a leg from here on is the whole of its segment."""
        return self in (Stage.LOADED, Stage.RUNNING, Stage.AT_BORDER, Stage.HANDED_OVER)


_SEGMENT = {
    Stage.BOOKED: 0, Stage.GATED_IN: 0, Stage.LOADED: 0, Stage.RUNNING: 1, Stage.HELD: 1,
    Stage.AT_BORDER: 2, Stage.HANDED_OVER: 3, Stage.TRANSSHIPPED: 3,
}  # fmt: skip


class Leg(NamedTuple):
    """From ``stage`` at ``first`` to the end of its segment; ``last`` is where a run ends, or the other side of a border."""

    stage: Stage
    first: str
    last: str


def segment_of(leg: Leg) -> tuple[int, str, str]:
    """The segment of a leg, however far on it the leg begins."""
    return leg.stage.segment, "" if leg.stage.segment == 1 else leg.first, leg.last


class Event(NamedTuple):
    """One fact of a journey: what happened where and when; who recorded it when, in the event with that id."""

    milestone: int
    place: str
    at: Micros
    event: bytes = b""
    publisher: str = ""
    recorded: Micros = 0


class Observation(NamedTuple):
    """A leg that one cargo of ``service`` has run from ``start`` to ``end``; ``end`` None: it has not ended."""

    leg: Leg
    service: str
    start: Micros
    end: Micros | None


class Gap(NamedTuple):
    """After the fact that began ``leg`` at ``start``, the next one was recorded by ``publisher`` at ``end``."""

    leg: Leg
    publisher: str
    start: Micros
    end: Micros


def _number(name: str) -> int:
    return catalogue.spec(f"cre.movement.{name}.v1").number


STAGES: Mapping[int, Stage] = MappingProxyType(
    {
        _number("booked"): Stage.BOOKED,
        _number("booking_confirmed"): Stage.BOOKED,
        _number("gated_in"): Stage.GATED_IN,
        _number("loaded_on_wagon"): Stage.LOADED,
        _number("departed"): Stage.RUNNING,
        _number("position_reported"): Stage.RUNNING,
        _number("train_held"): Stage.HELD,
        _number("arrived"): Stage.AT_BORDER,
        _number("handed_over"): Stage.HANDED_OVER,
        _number("loaded_on_vessel"): Stage.HANDED_OVER,
        _number("transshipped"): Stage.TRANSSHIPPED,
        _number("discharged_from_vessel"): Stage.TRANSSHIPPED,
    }
)
"""The stage that each milestone begins, by its number; others begin none."""
ARRIVED = _number("arrived_at_destination")
_DEPARTED = _number("departed")


@cache
def service_of(route: tuple[str, ...]) -> str:
    """What is pooled first: journeys between the same two ends."""
    return f"{route[0]}>{route[-1]}" if route else ""


@cache
def segments(route: tuple[str, ...]) -> tuple[Leg, ...]:
    """The whole legs of a planned route in order, from the departure on (the first one waits for it)."""
    known = tuple(railnet.canonical(place) for place in route)
    if len(known) < 2:
        return ()
    found = [Leg(Stage.LOADED, known[0], known[0])]
    since = known[0]
    for here, there in pairwise(known):
        if crossing_between(here, there):
            if since != here:
                found.append(Leg(Stage.RUNNING, since, here))
            found += [Leg(Stage.AT_BORDER, here, there), Leg(Stage.HANDED_OVER, here, there)]
            since = there
    if since != known[-1]:
        found.append(Leg(Stage.RUNNING, since, known[-1]))
    return tuple(found)


def crossing_between(here: str, there: str) -> str:
    """The id of the crossing of which the two places are the sides, "" where there is none."""
    one, other = railnet.resolve(here), railnet.resolve(there)
    if one is None or other is None:
        return ""
    return railnet.crossing_of_pair().get((one.id, other.id), "")


class Progress(NamedTuple):
    """The leg that a cargo is on since ``since``, and the whole legs after it; ``observed`` are all that it was on.

    ``leg`` is None where nothing is known of it yet, and at the end of the journey (``arrived``). ``last`` is the fact that shows it.
    """

    leg: Leg | None
    since: Micros
    last: Event | None
    ahead: tuple[Leg, ...]
    observed: tuple[Observation, ...]
    gaps: tuple[Gap, ...] = ()
    arrived: Micros | None = None


def progress(route: Sequence[str], events: Iterable[Event], service: str = "") -> Progress:
    """Where one box (or cargo) is on ``route`` and what it has run, from its events in any order.

    A fact that lies behind what is known already, on the route, changes nothing.
    """
    planned = segments(tuple(route))
    name = service or service_of(tuple(route))
    at = 0
    leg: Leg | None = None
    last: Event | None = None
    arrived: Micros | None = None
    begun: list[tuple[Leg, Micros]] = []
    observed: list[Observation] = []
    gaps: list[Gap] = []
    behind: set[str] = set()
    for each in sorted(events, key=_order):
        if arrived is not None or not planned:
            break
        ends = each.milestone == ARRIVED and railnet.canonical(each.place) == planned[-1].last
        found = (len(planned), None) if ends else _on(planned, at, behind, each)
        if found is None:
            continue
        reached, here = found
        if leg is not None and here == leg:
            continue
        if reached > at:
            if here is None or here.first == planned[reached].first:
                observed += _ended(begun, planned[reached - 1], name, each.at)
            behind |= {leg.first for leg, _ in begun}
            begun = []
        if leg is not None and last is not None and each.recorded >= last.at:
            gaps.append(Gap(leg, each.publisher, last.at, each.recorded))
        at, leg, last = reached, here, each
        if here is None:
            arrived = each.at
        else:
            begun.append((here, each.at))
    running = tuple(Observation(one, name, start, None) for one, start in begun)
    ahead = planned[at + 1 :] if leg is not None or arrived is not None else planned
    since = 0 if last is None else last.at
    return Progress(leg, since, last, ahead, (*observed, *running), tuple(gaps), arrived)


def _order(event: Event) -> tuple[Micros, int, str, bytes]:
    return event.at, STAGES.get(event.milestone, 9), event.place, event.event


def _ended(
    begun: Iterable[tuple[Leg, Micros]], before: Leg, service: str, at: Micros
) -> Iterator[Observation]:
    """What had begun in the segment ``before`` ends at ``at``; where a segment was not seen at all, nothing is known of it."""
    for leg, start in begun:
        if leg.stage.segment == before.stage.segment and leg.last == before.last and start <= at:
            yield Observation(leg, service, start, at)


def _on(planned: Sequence[Leg], at: int, behind: Container[str], event: Event) -> tuple[int, Leg] | None:
    """The segment of the route that begins or goes on with ``event``, from the present one on, and the leg from there.

    A place on the way is not on the route; it counts for the present run or the next one unless it lies ``behind``.
    """
    stage = STAGES.get(event.milestone)
    if stage is None:
        return None
    place = railnet.canonical(event.place)
    for number in range(at, len(planned)):
        segment = planned[number]
        if segment.stage.segment != stage.segment:
            continue
        if stage.segment == 0:
            return number, Leg(stage, segment.first, segment.last)
        if stage.segment == 1:
            between = number <= at + 1 and place not in ("", segment.last) and place not in behind
            if place == segment.first or (between and place not in {leg.first for leg in planned[:number]}):
                return number, Leg(stage, place, segment.last)
        elif place in _names(segment, stage):
            return number, Leg(stage, segment.first, segment.last)
    return None


@cache
def _names(segment: Leg, stage: Stage) -> frozenset[str]:
    crossing = f"crossing:{crossing_between(segment.first, segment.last)}"
    if stage is Stage.AT_BORDER:
        return frozenset({segment.first})
    return frozenset({segment.first, segment.last, crossing})
