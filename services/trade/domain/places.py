"""Places by their names in the scripts of papers: the stations of railnet, and cities and ports beyond them from ``data/places.csv``.

A text names a place where the words of one of its names stand in it, or where it is the beginning of one (Xi'an of Xi'an International
Port). What several places are called is all of them; nothing is chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from math import asin, cos, radians, sin, sqrt
from types import MappingProxyType
from typing import Final

from schemas.railnet import hours_to, resolve, stations
from services.trade.domain.names import in_latin, script
from services.trade.domain.values import plain, table

_EARTH: Final = 6_371.0
_SHORTEST: Final = 4
"""Letters that a name within a longer text has at least; Chinese characters: two."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place: its id, country and position, and whether it is a station of railnet."""

    id: str
    country: str
    lat: float
    lon: float
    station: bool

    def kilometres(self, other: Spot) -> float:
        """The distance over ground."""
        one, two = radians(self.lat), radians(other.lat)
        across = radians(other.lon - self.lon)
        half = sin((two - one) / 2) ** 2 + cos(one) * cos(two) * sin(across / 2) ** 2
        return 2 * _EARTH * asin(sqrt(half))


@lru_cache(maxsize=4_096)
def named(text: str) -> tuple[Spot, ...]:
    """Every place that ``text`` may name, by its longest name in it; empty where none is known."""
    shown = plain(text)
    code = resolve(f"locode:{shown.upper()}") if len(shown) == 5 and shown.isascii() else None
    if code is not None:
        return (_spots()[code.id],)
    if script(shown) == "HAN":
        return tuple(_han(shown))
    words = tuple(in_latin(shown))
    if not words:
        return ()
    whole, found = len(words), dict.fromkeys(_names().get(words, ()))
    for size in range(whole, 0, -1):
        for start in range(whole - size + 1):
            part = words[start : start + size]
            if size == whole or sum(map(len, part)) >= _SHORTEST:
                found.update(dict.fromkeys(_names().get(part, ())))
        if size == whole:
            found.update(dict.fromkeys(_beginnings().get(words, ())))
        if found:
            break
    return tuple(found)


def _han(text: str) -> Iterator[Spot]:
    for name, spots in _han_names().items():
        if len(min(name, text, key=len)) > 1 and (name.startswith(text) or name in text):
            yield from spots


def one_city(one: Iterable[Spot], other: Iterable[Spot], within_km: float) -> bool:
    """Whether any place of one is any of the other, or within that distance of it in the same country."""
    others = tuple(other)
    return any(a.country == b.country and a.kilometres(b) <= within_km for a in one for b in others)


def on_the_line(start: Iterable[Spot], via: Iterable[Spot], end: Iterable[Spot], detour: float) -> bool:
    """Whether a train from ``start`` to ``end`` by ``via`` runs at most the share ``detour`` longer than straight there."""
    middles = [each.id for each in via if each.station]
    for last in (each.id for each in end if each.station):
        to_end = hours_to(last, abroad=True)
        for first in (each.id for each in start if each.station):
            straight = to_end.get(first)
            for middle in middles:
                before = hours_to(middle, abroad=True).get(first)
                after = to_end.get(middle)
                if None not in (straight, before, after) and before + after <= straight * (1 + detour):  # type: ignore[operator]
                    return True
    return False


@cache
def _spots() -> Mapping[str, Spot]:
    known = {
        each.id: Spot(each.id, each.country, each.lat, each.lon, station=True) for each in stations().values()
    }
    further = {
        f"place:{row['id']}": Spot(
            row["id"], row["country"], float(row["lat"]), float(row["lon"]), station=False
        )
        for row in table("places")
    }
    return MappingProxyType({**known, **further})


def _spellings() -> Iterator[tuple[str, Spot]]:
    for station in stations().values():
        spot = _spots()[station.id]
        names = station.names
        for name in (names.zh, names.ru, names.en, names.de, names.pl, station.id.replace("-", " ")):
            for part in (name or "").replace("（", "(").replace("）", ")").replace("(", "/").split("/"):
                yield part.strip(" )"), spot
    for row in table("places"):
        for name in row["names"].split("|"):
            yield name, _spots()[f"place:{row['id']}"]


@cache
def _names() -> Mapping[tuple[str, ...], tuple[Spot, ...]]:
    found: dict[tuple[str, ...], dict[Spot, None]] = defaultdict(dict)
    for name, spot in _spellings():
        if name and script(name) != "HAN":
            found[tuple(in_latin(name))][spot] = None
    found.pop((), None)
    return MappingProxyType({words: tuple(spots) for words, spots in found.items()})


@cache
def _beginnings() -> Mapping[tuple[str, ...], tuple[Spot, ...]]:
    found: dict[tuple[str, ...], dict[Spot, None]] = defaultdict(dict)
    for words, spots in _names().items():
        for size in range(1, len(words)):
            if sum(map(len, words[:size])) >= _SHORTEST:
                found[words[:size]].update(dict.fromkeys(spots))
    return MappingProxyType({words: tuple(spots) for words, spots in found.items()})


@cache
def _han_names() -> Mapping[str, tuple[Spot, ...]]:
    found: dict[str, dict[Spot, None]] = defaultdict(dict)
    for name, spot in _spellings():
        if name and script(name) == "HAN":
            found["".join(filter(str.isalnum, name))][spot] = None
    return MappingProxyType({name: tuple(spots) for name, spots in found.items()})
