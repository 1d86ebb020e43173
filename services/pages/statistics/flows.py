"""What flows on which part of the drawn line: a path for each stretch that the same corridors share, in one direction. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from schemas import railnet
from services.pages.line.diagram import Point, tall, wide
from services.statistics.domain.corridors import CHINA, Corridor, region_of

WIDEST = 16.0
"""The stroke of the greatest flow of all months."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A stretch of the line: its path on both forms, the direction, and which corridors run on it, by their place among all."""

    wide: str
    tall: str
    bound: str  # west, east
    members: tuple[int, ...]


@cache
def stations_of(corridor: Corridor) -> tuple[str, ...]:
    """The stations of a typical route of a corridor towards Europe; () where railnet knows none."""
    europe = corridor.destination if corridor.origin == CHINA else corridor.origin
    stations = railnet.stations()
    passing = [
        each.stations
        for each in railnet.corridors().values()
        if each.id.endswith("-W")
        and corridor.crossing in railnet.crossings_on([f"railnet:{name}" for name in each.stations])
    ]
    fitting = [each for each in passing if region_of(stations[each[-1]].country) == europe]
    return (fitting or passing or [()])[0]


def bound_of(corridor: Corridor) -> str:
    """In which direction a corridor is drawn."""
    return "east" if corridor.destination == CHINA else "west"


def flows(corridors: Sequence[Corridor]) -> tuple[Flow, ...]:
    """The stretches of these corridors."""
    carried: dict[tuple[str, tuple[str, str]], list[int]] = defaultdict(list)
    for index, corridor in enumerate(corridors):
        for leg in pairwise(stations_of(corridor)):
            carried[bound_of(corridor), leg].append(index)
    stretches: dict[tuple[str, tuple[int, ...]], list[tuple[str, str]]] = defaultdict(list)
    for (bound, leg), members in carried.items():
        stretches[bound, tuple(members)].append(leg)
    return tuple(
        Flow(_path(legs, wide()), _path(legs, tall()), bound, members)
        for (bound, members), legs in sorted(stretches.items())
    )


def _path(legs: Sequence[tuple[str, str]], places: Mapping[str, Point]) -> str:
    path, at = "", ""
    for first, last in legs:
        (x0, y0), (x1, y1) = places[first], places[last]
        path += f"L{x1:g} {y1:g}" if at == first else f"M{x0:g} {y0:g}L{x1:g} {y1:g}"
        at = last
    return path


def stroke(counts: Sequence[int | None], members: Sequence[int], greatest: int) -> float:
    """The width of a stretch on which so many consignments left in a month."""
    flow = sum(counts[index] or 0 for index in members)
    return round(WIDEST * flow / greatest, 1) if greatest else 0.0


def greatest_flow(flows_: Sequence[Flow], months: Sequence[Sequence[int | None]]) -> int:
    """The greatest flow on any stretch in any month."""
    return max((sum(counts[i] or 0 for i in flow.members) for flow in flows_ for counts in months), default=0)
