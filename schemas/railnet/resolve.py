"""From a place as partners write it to what railnet knows of it; every question is one look-up in a dict.

A place is one string ``scheme:code``: ``railnet:dostyk``, ``crossing:alashankou-dostyk``, ``locode:PLMAA``,
``esr:708403``, ``plc:PL02580``, ``uic:51025809``, ``telecode:XAY``, ``line:...``. Codes are compared as
written: upper case, ASCII, no spaces (schemas.identifiers normalises them).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from schemas.railnet.model import Crossing, Station
from schemas.railnet.reader import crossing_of_pair, crossings, legs, stations
from schemas.railnet.traps import LocodeTrap, TrapKind, locode_traps
from schemas.railnet.zones import country_of_uic


@cache
def hours_to(station: str, abroad: bool = False) -> Mapping[str, float]:
    """How long a train runs from each station to ``station`` by the shortest way, in the typical hours of its legs.

    Without a border between them, unless ``abroad``: then also from beyond borders, without the time that it stands there.
    """
    back: dict[str, list[tuple[str, float]]] = {}
    for leg in legs().values():
        if abroad or leg.crossing is None:
            back.setdefault(leg.to_station, []).append((leg.from_station, leg.run_hours))
    found: dict[str, float] = {}
    todo = [(0.0, station)]
    while todo:
        hours, at = heapq.heappop(todo)
        if at in found:
            continue
        found[at] = hours
        for before, run in back.get(at, ()):
            heapq.heappush(todo, (hours + run, before))
    return found


def resolve(place: str) -> Station | None:
    """The station that ``place`` names, None where it is unknown, a crossing, or means several stations.

    A border point resolves to its station (``resolve_border`` tells the two apart), a misleading LOCODE to the
    place that it is taken for, unless another place really has that code (``trap`` then says what to use).
    """
    return _stations_by_place().get(place)


def resolve_border(place: str) -> Station | None:
    """The station whose border point ``place`` is; None for the station itself and for anything else."""
    return _stations_by_border_point().get(place)


def candidates(place: str) -> tuple[Station, ...]:
    """Every station that ``place`` may mean: ``locode:RUMOW`` is the whole of Moscow, with several terminals."""
    return _candidates().get(place, ())


def trap(place: str) -> LocodeTrap | None:
    """What misleads about ``place``, None where nothing does or it is no LOCODE."""
    return locode_traps().get(place[7:]) if place.startswith("locode:") else None


def canonical(place: str) -> str:
    """``railnet:<id>`` where one station is known, else ``place`` as written; crossings stay themselves."""
    station = _stations_by_place().get(place)
    return place if station is None else station.place


def crossing(place: str) -> Crossing | None:
    """The crossing that ``crossing:<id>`` names, else None."""
    return crossings().get(place[9:]) if place.startswith("crossing:") else None


def manager_of(place: str) -> str | None:
    """The code of the company that leads at a station; None where unknown and for a crossing, which has two."""
    station = _stations_by_place().get(place)
    return None if station is None else station.managers[0]


def managers_of(place: str) -> tuple[str, ...]:
    """Every company that manages a station or either side of a crossing; empty where unknown."""
    station = _stations_by_place().get(place)
    if station is not None:
        return station.managers
    known = crossing(place)
    return () if known is None else tuple(dict.fromkeys(known.a.managers + known.b.managers))


def country_of(place: str) -> str | None:
    """The ISO2 country of a place, by its station, else by the first letters of a LOCODE or PLC or the UIC code.

    None where unknown and for a crossing between two countries.
    """
    station = _stations_by_place().get(place)
    if station is not None:
        return station.country
    scheme, _, code = place.partition(":")
    match scheme:
        case "locode" | "plc":
            country = code[:2]
            return country if len(country) == 2 and country.isascii() and country.isupper() else None
        case "uic":
            return country_of_uic(code[:2])
        case "crossing":
            sides = _countries_of_crossing().get(code, ())
            return sides[0] if len(sides) == 1 else None
        case _:
            return None


def countries_of(place: str) -> tuple[str, ...]:
    """The country of a place, or those of both sides of a crossing; empty where unknown."""
    if place.startswith("crossing:"):
        return _countries_of_crossing().get(place[9:], ())
    country = country_of(place)
    return () if country is None else (country,)


def crossings_on(places: Sequence[str]) -> tuple[str, ...]:
    """The ids of the crossings that a planned route passes, in order, each once.

    A crossing is passed where the route names it, or where its two stations follow one another.
    """
    passed: dict[str, None] = {}
    before: str | None = None
    for place in places:
        named = crossing(place)
        station = _stations_by_place().get(place)
        if named is not None:
            passed[named.id] = None
        elif station is not None and before is not None:
            between = crossing_of_pair().get((before, station.id))
            if between is not None:
                passed[between] = None
        before = None if station is None else station.id
    return tuple(passed)


def crossings_at(station: str) -> tuple[Crossing, ...]:
    """The crossings that the station of that id is a side of."""
    return _crossings_by_station().get(station, ())


def _codes(station: Station) -> Iterator[str]:
    yield station.place
    yield from (f"locode:{code}" for code in (station.locode, *station.locode_also) if code)
    yield from (f"esr:{code}" for code in (station.esr, *station.esr_border) if code)
    yield from (f"{s}:{c}" for s, c in (("plc", station.plc), ("telecode", station.telecode)) if c)
    if station.uic:
        yield from (f"uic:{station.uic}", f"uic:{station.uic[:7]}", f"uic:{station.uic[:7]}-{station.uic[7]}")


@cache
def _candidates() -> Mapping[str, tuple[Station, ...]]:
    found: dict[str, tuple[Station, ...]] = {}
    for station in stations().values():
        for place in _codes(station):
            found[place] = (*found.get(place, ()), station)
    for code, misleading in locode_traps().items():
        meant = [s for use in misleading.use for s in found.get(f"locode:{use}", ())]
        if misleading.kind is not TrapKind.OTHER_PLACE:
            found.setdefault(f"locode:{code}", tuple(meant))
    return MappingProxyType(found)


@cache
def _stations_by_place() -> Mapping[str, Station]:
    return MappingProxyType({place: found[0] for place, found in _candidates().items() if len(found) == 1})


@cache
def _stations_by_border_point() -> Mapping[str, Station]:
    return MappingProxyType(
        {f"esr:{code}": station for station in stations().values() for code in station.esr_border}
    )


@cache
def _crossings_by_station() -> Mapping[str, tuple[Crossing, ...]]:
    found: dict[str, tuple[Crossing, ...]] = {}
    for known in crossings().values():
        for side in (known.a.station, known.b.station):
            found[side] = (*found.get(side, ()), known)
    return MappingProxyType(found)


@cache
def _countries_of_crossing() -> Mapping[str, tuple[str, ...]]:
    known = stations()
    return MappingProxyType(
        {
            id: tuple(dict.fromkeys((known[c.a.station].country, known[c.b.station].country)))
            for id, c in crossings().items()
        }
    )
