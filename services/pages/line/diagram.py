"""The drawn line: no map. Stations stand where a diagram of the corridor has room for them, without coasts and borders. Pure.

``diagram.csv`` holds the wide form, Europe on the left; the tall one for phones is the same turned, Europe on top. Lengths are
not to scale, and nothing of it says where a border runs.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from schemas import railnet
from services.domain.facts import Micros, Restriction
from services.pages.tracking.words import N_
from services.query.line.film import Film, Leg, Sighting, picture
from services.query.line.run import State

TABLE = Path(__file__).with_name("diagram.csv")
WIDE, TALL = (1_250, 420), (420, 700)
TRUNKS = ("WEST-ALA-W", "WEST-KHO-W", "MID-ERE-W", "EAST-MAN-W")
"""What is drawn though no train is on it."""
ROW, SIZE, OFF, ALONG, MOST = 6, 8, 11, 6, 48
"""Trains that stand aside: squares in rows of ``ROW``, of ``SIZE``, from ``OFF`` the line and ``ALONG`` it, at most so many. As in line.js."""
_BESIDE = 4
"""How far a running train is drawn beside the line: towards Europe above it, towards China below."""
Point = tuple[float, float]


@cache
def wide() -> Mapping[str, Point]:
    """Where each station is drawn on the wide form; those of no corridor stand at the nearest one that is."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        found: dict[str, Point] = {
            row["station"]: (float(row["x"]), float(row["y"])) for row in csv.DictReader(file)
        }
    stations = railnet.stations()
    for id_, station in stations.items():
        if id_ not in found:
            found[id_] = found[
                min(
                    (known for known in found if known in stations),
                    key=lambda k: (stations[k].lat - station.lat) ** 2 + (stations[k].lon - station.lon) ** 2,
                )
            ]
    return MappingProxyType(found)


@cache
def tall() -> Mapping[str, Point]:
    """The same turned, for phones."""
    return MappingProxyType({id_: turned(point) for id_, point in wide().items()})


def turned(point: Point) -> Point:
    """A point of the wide form on the tall one."""
    x, y = point
    return round(34 + (y - 10) * 0.88, 1), round(16 + x * 0.535, 1)


CITIES: Mapping[str, str] = {
    "aktau-port": N_("Aktau"), "aktobe": N_("Aktobe"), "alashankou": N_("Alashankou"), "almaty-1": N_("Almaty"),
    "astana": N_("Astana"), "brest-severny": N_("Brest"), "bronka": N_("St Petersburg"), "chengdu": N_("Chengdu"),
    "dostyk": N_("Dostyk"), "duisburg": N_("Duisburg"), "hamburg": N_("Hamburg"), "harbin": N_("Harbin"), "hohhot": N_("Hohhot"),
    "irkutsk": N_("Irkutsk"), "kuznica": N_("Kuźnica"), "kaliningrad-dzn": N_("Kaliningrad"), "minsk": N_("Minsk"), "moscow-bekasovo": N_("Moscow"),
    "omsk": N_("Omsk"), "smolensk": N_("Smolensk"), "suzhou": N_("Suzhou"), "tashkent": N_("Tashkent"), "tbilisi": N_("Tbilisi"),
    "ulaanbaatar": N_("Ulaanbaatar"), "urumqi": N_("Urumqi"), "warsaw": N_("Warsaw"), "xian-intl-port": N_("Xi'an"),
    "yekaterinburg": N_("Yekaterinburg"), "zhengzhou": N_("Zhengzhou"),
}  # fmt: skip
"""What people call the places with long names; every other station by its own."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name beside the line: of one station, or of both of a crossing; ``anchor`` as in SVG."""

    stations: tuple[str, ...]
    x: float
    y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class CrossingMark:
    """A crossing between its two stations: ``gauge`` where it changes, ``shut`` where an authority has closed it, ``since`` and ``until``."""

    id: str
    x: float
    y: float
    along: Point  # a unit vector along the line
    gauge: bool
    restrictions: tuple[Restriction, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A train as it is drawn: ``kind`` is west, east, waits or held."""

    kind: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """One form of the picture; all in its own coordinates."""

    name: str
    width: int
    height: int
    lines: str  # path data of the legs on rails
    ships: str  # and of those by sea
    crossings: tuple[CrossingMark, ...]
    labels: tuple[Label, ...]
    marks: tuple[Mark, ...]
    numbers: tuple[tuple[int, float, float], ...]  # trains before a crossing, and where that is written


_LABELS_WIDE: Mapping[str, tuple[float, float, str]] = {
    "duisburg": (-16, 22, "start"), "hamburg": (0, -9, "middle"), "warsaw": (10, 22, "start"), "minsk": (6, -9, "start"),
    "smolensk": (14, 22, "middle"), "moscow-bekasovo": (-8, -8, "end"), "yekaterinburg": (0, -10, "middle"),
    "omsk": (0, 20, "middle"), "irkutsk": (-10, -10, "middle"), "aktobe": (0, 20, "middle"), "almaty-1": (-14, 20, "middle"),
    "astana": (-8, 4, "end"), "urumqi": (10, -6, "start"), "xian-intl-port": (-24, 20, "middle"), "chengdu": (0, 18, "middle"),
    "zhengzhou": (0, 20, "middle"), "suzhou": (0, 20, "middle"), "harbin": (14, -8, "middle"), "hohhot": (-8, 12, "end"),
    "ulaanbaatar": (-8, 14, "end"), "bronka": (0, -10, "middle"), "kaliningrad-dzn": (0, -9, "middle"),
    "tbilisi": (0, -9, "middle"), "aktau-port": (8, 14, "start"), "tashkent": (0, 18, "middle"), "moscow-vorsino": (8, 12, "start"),
}  # fmt: skip
_LABELS_TALL: Mapping[str, tuple[float, float, str]] = {
    "duisburg": (10, 4, "start"), "hamburg": (-8, 4, "end"), "warsaw": (-10, -4, "end"), "minsk": (10, 6, "start"),
    "moscow-bekasovo": (-10, 8, "end"), "yekaterinburg": (-9, 4, "end"), "aktobe": (12, 0, "start"), "almaty-1": (12, -14, "start"),
    "xian-intl-port": (10, 6, "start"), "suzhou": (0, 20, "end"), "harbin": (-4, 18, "middle"), "urumqi": (12, 0, "start"),
    "ulaanbaatar": (10, -2, "start"), "zhengzhou": (2, 20, "middle"), "bronka": (0, -8, "middle"),
}  # fmt: skip
# Trains wait towards Europe above the line and right of a border, towards China below and left: its name stands in the other corners.
_CROSSINGS_WIDE: Mapping[str, tuple[float, float, str]] = {
    "brest-malaszewicze": (10, 26, "start"), "bruzgi-kuznica": (-12, -10, "end"), "alashankou-dostyk": (-10, -12, "end"),
    "khorgos-altynkol": (10, 24, "start"), "erenhot-zamyn-uud": (8, 26, "start"), "manzhouli-zabaikalsk": (-8, -12, "end"),
}  # fmt: skip
_CROSSINGS_TALL: Mapping[str, tuple[float, float, str]] = {
    "brest-malaszewicze": (14, 22, "start"), "bruzgi-kuznica": (-12, -10, "end"), "alashankou-dostyk": (-16, -6, "end"),
    "khorgos-altynkol": (14, 20, "start"), "erenhot-zamyn-uud": (14, 20, "start"), "manzhouli-zabaikalsk": (14, 18, "start"),
}  # fmt: skip


def drawings(film: Film, waiting: Mapping[tuple[str, str], int], at: Micros) -> tuple[Drawing, Drawing]:
    """The picture of a film at a moment, wide and tall; ``waiting`` are the trains before each crossing and direction then."""
    seen = picture(film, at)
    used = {
        tuple(sorted((stop.station, after.station)))
        for run in film.runs
        for stop, after in pairwise(run.stops)
        if stop.station != after.station
    }
    trunk = {tuple(sorted(pair)) for name in TRUNKS for pair in pairwise(railnet.corridors()[name].stations)}
    legs = sorted((a, b) for a, b in trunk | used)
    closed = {r.place for r in film.restrictions}
    return (
        _drawing("wide", WIDE, wide(), legs, seen, film, waiting, closed, _LABELS_WIDE, _CROSSINGS_WIDE),
        _drawing("tall", TALL, tall(), legs, seen, film, waiting, closed, _LABELS_TALL, _CROSSINGS_TALL),
    )


def _drawing(
    name: str,
    size: tuple[int, int],
    places: Mapping[str, Point],
    legs: Sequence[Leg],
    seen: Iterable[Sighting],
    film: Film,
    waiting: Mapping[tuple[str, str], int],
    closed: Collection[str],
    named: Mapping[str, tuple[float, float, str]],
    borders: Mapping[str, tuple[float, float, str]],
) -> Drawing:
    drawn = {station for leg in legs for station in leg}
    sea = {leg for leg in legs if _by_sea(leg)}
    crossings = tuple(_crossings(legs, places, film.restrictions))
    at_border = {mark.id for mark in crossings}
    labels = [
        Label((station,), places[station][0] + dx, places[station][1] + dy, anchor)
        for station, (dx, dy, anchor) in named.items()
        if station in drawn
    ]
    middles = {mark.id: (mark.x, mark.y) for mark in crossings}
    labels += [
        Label(_named(id_), middles[id_][0] + dx, middles[id_][1] + dy, anchor)
        for id_, (dx, dy, anchor) in borders.items()
        if id_ in at_border and (railnet.crossings()[id_].gauge_change or f"crossing:{id_}" in closed)
    ]
    # What stands lowest has room below it; the tall form is as wide as it is.
    height = size[1] if name == "tall" else round(max(places[station][1] for station in drawn)) + 36
    return Drawing(
        name,
        size[0],
        height,
        _path((leg for leg in legs if leg not in sea), places),
        _path(sea, places),
        crossings,
        tuple(labels),
        tuple(_marks(seen, places, name == "tall")),
        tuple(_numbers(waiting, places, name == "tall")),
    )


def _sides(id_: str) -> tuple[str, str]:
    """Both stations of a crossing, the one nearer to Europe first."""
    crossing, stations = railnet.crossings()[id_], railnet.stations()
    first, then = sorted((crossing.a.station, crossing.b.station), key=lambda each: stations[each].lon)
    return first, then


def _named(id_: str) -> tuple[str, ...]:
    """The stations by which a crossing is called: that in China, or both."""
    stations = railnet.stations()
    return tuple(each for each in _sides(id_) if stations[each].country == "CN") or _sides(id_)


def _path(legs: Iterable[Leg], places: Mapping[str, Point]) -> str:
    return "".join(f"M{places[a][0]:g} {places[a][1]:g}L{places[b][0]:g} {places[b][1]:g}" for a, b in legs)


def _by_sea(leg: Leg) -> bool:
    found = railnet.legs().get(leg) or railnet.legs().get((leg[1], leg[0]))
    return found is not None and found.by_sea


def _crossings(
    legs: Iterable[Leg], places: Mapping[str, Point], restrictions: Iterable[Restriction]
) -> Iterable[CrossingMark]:
    by_place: dict[str, list[Restriction]] = {}
    for restriction in restrictions:
        by_place.setdefault(restriction.place, []).append(restriction)
    for leg in legs:
        id_ = railnet.crossing_of_pair().get(leg)
        if id_ is None or railnet.crossings()[id_].by_sea:
            continue
        (x0, y0), (x1, y1) = places[leg[0]], places[leg[1]]
        long = max(1.0, ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5)
        along = round((x1 - x0) / long, 2), round((y1 - y0) / long, 2)
        crossing = railnet.crossings()[id_]
        yield CrossingMark(
            id_,
            (x0 + x1) / 2,
            (y0 + y1) / 2,
            along,
            crossing.gauge_change,
            tuple(by_place.get(crossing.place, ())),
        )


def _marks(seen: Iterable[Sighting], places: Mapping[str, Point], upright: bool) -> Iterable[Mark]:
    """The trains as line.js draws them."""
    pile: Counter[tuple[str, bool, bool]] = Counter()
    for each in seen:
        east = each.run.bound == "EAST"
        side = 1 if east else -1
        x, y = places[each.station]
        aside = each.state in (State.WAITS, State.HELD)
        if each.towards:
            to = places[each.towards]
            x, y = x + (to[0] - x) * each.fraction, y + (to[1] - y) * each.fraction
            out = float(_BESIDE)
        else:
            n = pile[each.station, east, aside]
            pile[each.station, east, aside] += 1
            if aside:
                if n >= MOST:
                    continue
                along, off = (n % ROW) * SIZE + ALONG, OFF + n // ROW * SIZE
                x, y = (x + side * off, y - side * along) if upright else (x - side * along, y + side * off)
                yield Mark("waits" if each.state is State.WAITS else "held", round(x, 1), round(y, 1))
                continue
            out = 5 + 3 * min(n, 3)
        x, y = (x + side * out, y) if upright else (x, y + side * out)
        yield Mark("east" if east else "west", round(x, 1), round(y, 1))


def _numbers(
    waiting: Mapping[tuple[str, str], int], places: Mapping[str, Point], upright: bool
) -> Iterable[tuple[int, float, float]]:
    """How many wait before each crossing and in which direction, behind their squares."""
    for (id_, bound), count in waiting.items():
        if count < 2:
            continue
        side = 1 if bound == "EAST" else -1
        x, y = places[near_side(id_, bound)]
        squares, rows = min(count, ROW), -(-min(count, MOST) // ROW)
        if upright:
            x, y = x + side * (OFF + rows * SIZE + 6), y - side * (ALONG + (squares - 1) / 2 * SIZE)
        else:
            x, y = x - side * (ALONG + squares * SIZE + 7), y + side * (OFF + (rows - 1) / 2 * SIZE)
        yield count, round(x, 1), round(y, 1)


def near_side(id_: str, bound: str) -> str:
    """The station at which trains in that direction wait for the crossing."""
    west, east = _sides(id_)
    return west if bound == "EAST" else east
