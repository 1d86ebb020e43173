"""Where a train stands with respect to the next crossing on its route: due, queued or handed over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from schemas import railnet
from schemas.events import catalogue
from schemas.railnet import Crossing
from services.core.facts import Micros
from services.core.restrictions import direction

HOUR: Micros = 3_600_000_000


class Phase(StrEnum):
    """What the board says of a train at a crossing, in the order in which a train comes to it."""

    DUE = "DUE"
    QUEUED = "QUEUED"
    HANDED_OVER = "HANDED_OVER"


@dataclass(frozen=True, slots=True)
class News:
    """The latest fact about a train: what, where (canonical place), when."""

    milestone: int
    place: str
    at: Micros


@dataclass(frozen=True, slots=True)
class Approach:
    """A train at a crossing: it comes from the side ``near``. ``expected`` is when it is due there, None once it has come."""

    crossing: Crossing
    near: str
    phase: Phase
    expected: Micros | None
    announced: bool  # its railway says so; else it is reckoned from running times


def _number(name: str) -> int:
    return catalogue.spec(f"cre.movement.{name}.v1").number


OVER = frozenset({_number("handed_over"), _number("transshipped")})
DEPARTED = _number("departed")


def approach(
    news: News,
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
    ahead = _ahead(news, route)
    if news.milestone in OVER:
        crossing = _at(news.place, route)
        if crossing is None or now - news.at > behind:
            return None
        return Approach(crossing, _near(crossing, route), Phase.HANDED_OVER, None, False)
    ids = railnet.crossings_on(ahead)
    crossing = railnet.crossings()[ids[0]] if ids else (None if route else _at(news.place, route))
    if crossing is None:
        return None
    near = _near(crossing, ahead or route)
    here = railnet.resolve(news.place)
    if here is not None and here.id == near and news.milestone != DEPARTED:
        return Approach(crossing, near, Phase.QUEUED, None, False)
    expected, said = _expected(news, near, announced, crossing)
    if expected is None or expected > now + within or expected < now - behind:
        return None
    return Approach(crossing, near, Phase.DUE, max(expected, news.at), said)


def may_come(news: News, announced: Mapping[str, Micros], now: Micros, within: Micros) -> bool:
    """Whether the train can be on the board, whatever its route: cheaper to ask than ``approach``, and never False where that
    finds something."""
    if any(now - within <= at <= now + within for at in announced.values()):
        return True
    if railnet.crossing(news.place) is not None:
        return True
    here = railnet.resolve(news.place)
    if here is None:
        return False
    if railnet.crossings_at(here.id):
        return True
    hours = _to_a_border().get(here.id)  # the farthest: its route may pass by the nearer ones
    return hours is not None and now - within <= news.at + int(hours * HOUR) + within


def gone_over(
    stands: Approach, last: News, boxes: Sequence[News], now: Micros, behind: Micros
) -> Approach | None:
    """``stands`` (queued) as its ``boxes`` have it: over, where all of them have moved on since the train's ``last`` news.

    Hand-over lists often name boxes and no train, so of the train itself nobody says that it is over. None where the boxes have
    left the border behind: what was handed over longer than ``behind`` ago has left the board.
    """
    near = railnet.stations()[stands.near].place
    since = [box for box in boxes if box.at > last.at and (box.milestone in OVER or box.place != near)]
    if not boxes or len(since) < len(boxes):
        return stands
    places = {stands.crossing.place, *(railnet.stations()[s].place for s in _sides(stands.crossing))}
    over = [box.at for box in since if box.milestone in OVER and box.place in places]
    if not over or now - max(over) > behind:
        return None
    return Approach(stands.crossing, stands.near, Phase.HANDED_OVER, None, False)


def _sides(crossing: Crossing) -> tuple[str, str]:
    return crossing.a.station, crossing.b.station


def bound(route: Sequence[str], origin: str) -> str:
    """去程 (towards Europe) or 回程 (towards China), from the route, else from where the train began; "" where unknown."""
    towards = direction(tuple(route)) if route else "BOTH"
    if towards == "BOTH":
        country = railnet.country_of(origin)
        towards = "BOTH" if country is None else "WEST" if country == "CN" else "EAST"
    return {"WEST": "去程", "EAST": "回程"}.get(towards, "")


def _ahead(news: News, route: Sequence[str]) -> Sequence[str]:
    """The rest of the route from where the train was last, that place included; all of it where it was on none of it."""
    if news.place in route:
        return route[route.index(news.place) :]
    return route


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
    news: News, near: str, announced: Mapping[str, Micros], crossing: Crossing
) -> tuple[Micros | None, bool]:
    places = {railnet.stations()[near].place, crossing.place}
    said = [at for place, at in announced.items() if place in places and at >= news.at]
    if said:
        return max(said), True
    here = railnet.resolve(news.place)
    hours = None if here is None else railnet.hours_to(near).get(here.id)
    return (None if hours is None else news.at + int(hours * HOUR)), False


@cache
def _to_a_border() -> Mapping[str, float]:
    """How long a train runs from each station to the farthest border that it may come to first."""
    found: dict[str, float] = {}
    for crossing in railnet.crossings().values():
        for side in (crossing.a, crossing.b):
            for station, hours in railnet.hours_to(side.station).items():
                found[station] = max(hours, found.get(station, hours))
    return found
