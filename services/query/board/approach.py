"""Where a train is with respect to the next crossing on its route: due, queued or handed over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise

from schemas import railnet
from schemas.events import catalogue
from schemas.railnet import Crossing
from services.domain.facts import Micros
from services.domain.head import RUNNING
from services.domain.restrictions import direction

HOUR: Micros = 3_600_000_000
ROUNDED = 1.0
"""Running times are rounded: a way that is longer by less, in hours, is the planned one."""


class Phase(StrEnum):
    """Phase of a train at a crossing, in order."""

    DUE = "DUE"
    QUEUED = "QUEUED"
    HANDED_OVER = "HANDED_OVER"


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The latest fact about a train: what, where (canonical place), when."""

    milestone: int
    place: str
    at: Micros


@dataclass(frozen=True, slots=True)
class Approach:
    """A train at a crossing: it comes from the station ``near``. ``expected`` is when it is due there, None once it has come."""

    crossing: Crossing
    near: str
    phase: Phase
    expected: Micros | None
    announced: bool  # by its railway; else estimated from running times
    beside_route: bool = False  # it was reported off its planned route


def _number(name: str) -> int:
    return catalogue.spec(f"cre.movement.{name}.v1").number


OVER = frozenset({_number("handed_over"), _number("transshipped"), _number("loaded_on_vessel")})
"""What takes a box over a crossing, on rails or over the sea."""
DEPARTED = _number("departed")


def latest(milestone: TrainReport, position: TrainReport) -> TrainReport:
    """Where a train was last, of its latest milestone and the latest news with a place.

    A milestone may name no place, such as the customs clearance of a whole train: then it stands where it was last.
    """
    return milestone if milestone.place and milestone.at >= position.at else position


def approach(
    report: TrainReport,
    route: Sequence[str],
    announced: Mapping[str, Micros],
    now: Micros,
    within: Micros,
    behind: Micros,
) -> Approach | None:
    """Where the train is on the board at ``now``; None where no crossing has to do with it.

    ``route`` are the planned places of its cargo (empty: not known), ``announced`` when its railway expects it where. Due is what
    comes within ``within``; what was handed over longer than ``behind`` ago has left the board.
    """
    if report.milestone in OVER:
        crossing = _at(report.place, route)
        if crossing is None or now - report.at > behind:
            return None
        return Approach(crossing, _near(crossing, route), Phase.HANDED_OVER, None, False)
    found = _next(report, route)
    if found is None:
        return None
    crossing, near = found
    beside = beside_route(report.place, route)
    here = railnet.resolve(report.place)
    if here is not None and here.id == near and report.milestone != DEPARTED:
        return Approach(crossing, near, Phase.QUEUED, None, False, beside)
    expected, announced_times = _expected(report, near, announced, crossing)
    if expected is None or expected > now + within or expected < now - behind:
        return None
    return Approach(crossing, near, Phase.DUE, max(expected, report.at), announced_times, beside)


def beside_route(place: str, route: Sequence[str]) -> bool:
    """Whether a train seen at ``place`` is on another way than the planned one: a longer one, or one to another border.

    A route often names its borders alone, so what lies on the shortest way between two of its places is on it.
    """
    here = railnet.resolve(place)
    if here is None or not route or place in route:
        return False
    stops = [station.id for station in map(railnet.resolve, route) if station is not None]
    ways = [
        (before + after, planned)
        for first, second in pairwise(stops)
        if (before := railnet.hours_to(here.id).get(first)) is not None
        and (after := railnet.hours_to(second).get(here.id)) is not None
        and (planned := railnet.hours_to(second).get(first)) is not None
    ]
    if not ways:
        return not _reachable(here.id, route)
    return all(hours > planned + ROUNDED for hours, planned in ways)


def _next(report: TrainReport, route: Sequence[str]) -> tuple[Crossing, str] | None:
    """The crossing that the train comes to next, with the side it comes from."""
    if not route:
        crossing_here = _at(report.place, route)
        return None if crossing_here is None else (crossing_here, _near(crossing_here, route))
    if report.place in route:
        ahead = route[route.index(report.place) :]
        ids = railnet.crossings_on(ahead)
        return (railnet.crossings()[ids[0]], _near(railnet.crossings()[ids[0]], ahead)) if ids else None
    here = railnet.resolve(report.place)
    if here is None:
        return None
    if report.milestone not in (DEPARTED, RUNNING):
        # It may stand before a border that is not on its route: somebody led it there.
        sides = [(each, _near(each, route)) for each in railnet.crossings_at(here.id)]
        stands = [(crossing, near) for crossing, near in sides if near == here.id]
        if len(stands) == 1:
            return stands[0]
    return next(iter(_reachable(here.id, route)), None)


def _reachable(station: str, route: Sequence[str]) -> list[tuple[Crossing, str]]:
    """The crossings of the route that a train reaches from the station without passing another, in order."""
    known = [railnet.crossings()[id_] for id_ in railnet.crossings_on(route)]
    sides = [(crossing, _near(crossing, route)) for crossing in known]
    return [(crossing, near) for crossing, near in sides if station in railnet.hours_to(near)]


def may_come(report: TrainReport, announced: Mapping[str, Micros], now: Micros, within: Micros) -> bool:
    """Whether the train can be on the board, whatever its route: cheaper to ask than ``approach``, and never False where that
    finds something."""
    if any(now - within <= at <= now + within for at in announced.values()):
        return True
    if railnet.crossing(report.place) is not None:
        return True
    here = railnet.resolve(report.place)
    if here is None:
        return False
    if railnet.crossings_at(here.id):
        return True
    hours = _to_a_border().get(here.id)  # the farthest: its route may pass by the nearer ones
    return hours is not None and now - within <= report.at + int(hours * HOUR) + within


def gone_over(
    stands: Approach, last: TrainReport, boxes: Sequence[TrainReport], now: Micros, behind: Micros
) -> Approach | None:
    """``stands`` (queued) as its ``boxes`` have it: over, where most of them have gone on since the train's ``last`` news.

    Hand-over lists often name boxes and no train, so of the train itself nobody says that it is over. A box that is left behind
    is a difference of the hand-over and keeps no train waiting; one that somebody wrongly saw elsewhere lets none go. None where
    the boxes have left the border behind: what was handed over longer than ``behind`` ago has left the board.
    """
    near = railnet.stations()[stands.near].place
    since = [box for box in boxes if box.at > last.at and (box.milestone in OVER or box.place != near)]
    if len(since) * 2 <= len(boxes):
        return stands
    places = {stands.crossing.place, *(railnet.stations()[s].place for s in _sides(stands.crossing))}
    over = [box.at for box in since if box.milestone in OVER and box.place in places]
    if not over or now - max(over) > behind:
        return None
    return Approach(stands.crossing, stands.near, Phase.HANDED_OVER, None, False, stands.beside_route)


def _sides(crossing: Crossing) -> tuple[str, str]:
    return crossing.a.station, crossing.b.station


def bound(route: Sequence[str], origin: str) -> str:
    """去程 (towards Europe) or 回程 (towards China), from the route, else from where the train began; "" where unknown."""
    towards = direction(tuple(route)) if route else "BOTH"
    if towards == "BOTH":
        country = railnet.country_of(origin)
        towards = "BOTH" if country is None else "WEST" if country == "CN" else "EAST"
    return {"WEST": "去程", "EAST": "回程"}.get(towards, "")


def _at(place: str, route: Sequence[str]) -> Crossing | None:
    """The crossing that a place stands for: itself, or of those that its station is a side of the one on the route."""
    named = railnet.crossing(place)
    if named is not None:
        return named
    station = railnet.resolve(place)
    sides = () if station is None else railnet.crossings_at(station.id)
    on_route = [crossing for crossing in sides if crossing.id in railnet.crossings_on(route)]
    found = on_route or list(sides)
    return found[0] if len(found) == 1 else None


def _near(crossing: Crossing, route: Sequence[str]) -> str:
    """The station of the side from which the route comes; without one, the side whose number is first."""
    order = _sides(crossing)
    places = [railnet.stations()[station].place for station in order]
    on = [
        (route.index(place), station) for place, station in zip(places, order, strict=True) if place in route
    ]
    if len(on) == 2:
        return min(on)[1]
    towards = direction(tuple(route)) if route else "BOTH"
    east = max(order, key=lambda station: railnet.stations()[station].lon)
    west = min(order, key=lambda station: railnet.stations()[station].lon)
    return {"WEST": east, "EAST": west}.get(towards, order[0])


def _expected(
    report: TrainReport, near: str, announced: Mapping[str, Micros], crossing: Crossing
) -> tuple[Micros | None, bool]:
    places = {railnet.stations()[near].place, crossing.place}
    announced_times = [at for place, at in announced.items() if place in places and at >= report.at]
    if announced_times:
        return max(announced_times), True
    here = railnet.resolve(report.place)
    hours = None if here is None else railnet.hours_to(near).get(here.id)
    return (None if hours is None else report.at + int(hours * HOUR)), False


@cache
def _to_a_border() -> Mapping[str, float]:
    """How long a train runs from each station to the farthest border that it may come to first."""
    found: dict[str, float] = {}
    for crossing in railnet.crossings().values():
        for side in (crossing.a, crossing.b):
            for station, hours in railnet.hours_to(side.station).items():
                found[station] = max(hours, found.get(station, hours))
    return found
