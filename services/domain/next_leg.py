"""Whether the ride of a box on one network goes on in the ride on the next: they adjoin in place and in time.

The time is that of railnet's legs. Where railnet does not know a place or a way between two, time decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas import railnet
from services.domain.facts import Link, LinkKind, Micros
from services.domain.rules import HOUR

FASTEST = 0.5
"""No train takes less than this part of the typical running hours."""


def adjoins(ride: Link, following: Link) -> bool:
    """Whether ``following`` (of the same box or wagon) takes over on another network where ``ride`` leaves its own.

    It begins at the very place where ``ride`` began, or at a station that ``ride``'s network reaches or that borders on one
    of it; and the way there from where ``ride`` began can be run in the time between both.
    """
    return (
        _other_network(ride.left.key, following.left.key)
        and (ride.place == following.place or any(_reaches(ride, s) for s in _meeting(following.place)))
        and in_time(ride.place, ride.start, following.place, following.start)
    )


def in_time(place: str, at: Micros, later_place: str, later: Micros) -> bool:
    """Whether what was at ``place`` at one moment can be at ``later_place`` at the other."""
    origin, end = railnet.resolve(place), railnet.resolve(later_place)
    if origin is None or end is None:
        return True
    hours = railnet.hours_to(end.id, abroad=True).get(origin.id)
    return hours is None or later - at >= int(hours * FASTEST * HOUR)


def _other_network(one: str, other: str) -> bool:
    """Whether both keys name their network (wagons: CN, 1520, UIC; trains: the company), and not the same one."""
    (first, slash, _), (second, also, _) = one.partition("/"), other.partition("/")
    return bool(slash and also) and first != second


def _meeting(place: str) -> Iterator[railnet.Station]:
    """The station named and those across its borders; of a crossing, both sides."""
    known, crossing = railnet.resolve(place), railnet.crossing(place)
    if known is not None:
        yield known
    borders = railnet.crossings_at(known.id) if known is not None else (crossing,) if crossing else ()
    for border in borders:
        yield railnet.stations()[border.a.station]
        yield railnet.stations()[border.b.station]


def _reaches(ride: Link, station: railnet.Station) -> bool:
    """Whether the station lies on the network of ``ride``: by gauge for wagons, by manager or country for trains."""
    network = ride.left.key.partition("/")[0]
    if ride.kind is LinkKind.WAGON_CARRIES:
        match network:
            case "CN":
                return station.country == "CN"
            case "1520":
                return 1520 in station.gauges
            case "UIC":
                return 1435 in station.gauges and station.country != "CN"
            case _:
                return False
    company = railnet.companies().get(network.lower())
    return network.lower() in station.managers or (company is not None and company.country == station.country)
