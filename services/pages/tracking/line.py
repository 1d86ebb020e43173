"""The corridor of one consignment as a line: its stops, both halves of each border in one, and where the boxes are. Pure.

Schematic: neither coasts nor borders nor distances. Drawn from left to right where there is room, from top to bottom on a phone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from schemas import railnet
from schemas.events import catalogue

_LEAVING = frozenset({"movement.departed", "movement.loaded_on_vessel"})
_FULL_LABELS = 7
_WIDE, _MARGIN, _MIDDLE = 960, 70, 64
_NARROW, _RAIL, _TOP = 340, 26, 26
_LABELLED, _SMALL = 3.0, 1.0  # how much room a stop takes: with its name, without


@dataclass(frozen=True, slots=True)
class Stop:
    """A station, or the two stations of a border in the order of travel. ``gauges`` are those of a change of gauge, in millimetres.

    ``state`` is passed, here or ahead, by the box that is furthest behind. ``labelled``: drawn with its name.
    """

    places: tuple[str, ...]
    gauges: tuple[int, int] | None
    state: str
    labelled: bool
    x: float  # of the line from left to right
    y: float  # of the line from top to bottom


@dataclass(frozen=True, slots=True)
class Marker:
    """Boxes at a stop, or under way behind it."""

    boxes: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """The stops in the order of travel, and where the boxes are; sizes of both drawings."""

    stops: tuple[Stop, ...]
    markers: tuple[Marker, ...]
    width: int
    height: int

    @property
    def changes(self) -> tuple[Stop, ...]:
        """The stops where the gauge changes."""
        return tuple(stop for stop in self.stops if stop.gauges is not None)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The latest that is known of one box: a milestone, its phase of the journey, and the place ("" unknown)."""

    milestone: str
    phase: int
    place: str


def line(route: Sequence[str], boxes: Sequence[Whereabouts]) -> Line | None:
    """The line along the places ``route``, in the order of travel; None where it is shorter than two stops."""
    groups = _groups(route)
    if len(groups) < 2:
        return None
    at = [_position(groups, box) for box in boxes]
    behind = min(at, default=-0.5)
    named = _named(groups, at)
    room = [_LABELLED if each else _SMALL for each in named]
    gaps = [(a + b) / 2 for a, b in pairwise(room)]
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    step_x = (_WIDE - 2 * _MARGIN) / offsets[-1]
    height = round(2 * _TOP + offsets[-1] * 18)
    step_y = (height - 2 * _TOP) / offsets[-1]
    points = [(round(_MARGIN + each * step_x, 1), round(_TOP + each * step_y, 1)) for each in offsets]
    stops = tuple(
        Stop(places, gauges, _state(place, behind, at), named[place], *points[place])
        for place, (places, gauges) in enumerate(groups)
    )
    markers = tuple(Marker(count, *_between(points, place)) for place, count in sorted(Counter(at).items()))
    return Line(stops, markers, _WIDE, height)


Group = tuple[tuple[str, ...], tuple[int, int] | None]


def _groups(route: Sequence[str]) -> list[Group]:
    """The places of the route, those of one border together."""
    found: list[Group] = []
    last: str | None = None
    stations = [each for place in route for each in _stations(place)]
    for place, station in enumerate(stations):
        border = _border(station, stations[place + 1] if place + 1 < len(stations) else None, last)
        if border is not None and border == last:
            continue
        last = border
        if border is None:
            if not found or found[-1][0] != (station,):
                found.append(((station,), None))
        else:
            found.append(_halves(border, station, found))
    return found


def _stations(place: str) -> Iterable[str]:
    """The stations that a place of a route stands for; a place that is not known stands for itself."""
    crossing = railnet.crossing(place)
    if crossing is not None:
        return (f"railnet:{crossing.a.station}", f"railnet:{crossing.b.station}")
    return (railnet.canonical(place),)


def _border(station: str, after: str | None, last: str | None) -> str | None:
    """The crossing that this station and the next one, or the one before, are the sides of; or the only change of gauge there."""
    here = _id(station)
    if after is not None:
        between = railnet.crossing_of_pair().get((here, _id(after)))
        if between is not None:
            return between
    crossings = railnet.crossings_at(here)
    if last is not None and any(each.id == last for each in crossings):
        return last
    changes = [each for each in crossings if each.gauge_change and not each.by_sea]
    return changes[0].id if len(changes) == 1 else None


def _halves(border: str, station: str, before: Sequence[Group]) -> Group:
    crossing = railnet.crossings()[border]
    sides = (crossing.a, crossing.b)
    stations = railnet.stations()
    from_b = crossing.b.station == _id(station)
    if before:  # coming from the country of one side
        country = railnet.country_of(before[-1][0][-1])
        countries = [stations[side.station].country for side in sides]
        if country in countries and countries[0] != countries[1]:
            from_b = country == countries[1]
    if from_b:
        sides = sides[::-1]
    gauges = (sides[0].gauge, sides[1].gauge) if crossing.gauge_change else None
    return tuple(f"railnet:{side.station}" for side in sides), gauges


def _id(place: str) -> str:
    return place.removeprefix("railnet:")


def _position(groups: Sequence[Group], box: Whereabouts) -> float:
    """The number of its stop; half a stop on where it has left; half a stop before the first where it has not begun."""
    if box.phase > ON_THE_WAY:
        return len(groups) - 1
    place = railnet.canonical(box.place) if box.place else ""
    found = [number for number, (places, _) in enumerate(groups) if place in places]
    if not found and (crossing := railnet.crossing(box.place)) is not None:
        sides = {f"railnet:{crossing.a.station}", f"railnet:{crossing.b.station}"}
        found = [number for number, (places, _) in enumerate(groups) if sides & set(places)]
    if box.phase < ON_THE_WAY:
        return 0
    if not found:
        return 0.5
    at = found[-1]
    half_way = (
        groups[at][0].index(place) == 0 if len(groups[at][0]) == 2 and place in groups[at][0] else False
    )
    left = box.milestone in _LEAVING and not half_way
    return min(at + 0.5, len(groups) - 1) if left else float(at)


ON_THE_WAY = 3
"""The phase of the journey from the first departure to the last station."""


def _named(groups: Sequence[Group], at: Sequence[float]) -> list[bool]:
    if len(groups) <= _FULL_LABELS:
        return [True] * len(groups)
    last = len(groups) - 1
    return [
        number in (0, last) or gauges is not None or number in at for number, (_, gauges) in enumerate(groups)
    ]


def _state(number: int, behind: float, at: Sequence[float]) -> str:
    if number in at:
        return "here"
    return "passed" if number < behind else "ahead"


def _between(points: Sequence[tuple[float, float]], place: float) -> tuple[float, float]:
    first = points[int(place)]
    if place == int(place):
        return first
    second = points[min(int(place) + 1, len(points) - 1)]
    return round((first[0] + second[0]) / 2, 1), round((first[1] + second[1]) / 2, 1)


def visited(timeline: Iterable[dict[str, object]]) -> list[str]:
    """The places of a consignment without a planned route, in the order in which it was first reported there."""
    first: dict[str, str] = {}
    for item in timeline:
        milestone = str(item["milestone"])
        spec = _SPECS.get(milestone)
        if (
            item["place"]
            and item["classifier"] == "ACT"
            and item["standing"] == "COUNTED"
            and spec
            and spec.moves
        ):
            place, at = railnet.canonical(str(item["place"])), str(item["happened"])
            first[place] = min(at, first.get(place, at))
    return sorted(first, key=lambda place: (first[place], place))


_SPECS = {spec.name: spec for spec in catalogue.specs()}
