"""Ways between stations, also over borders, by running times. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from schemas import railnet
from schemas.railnet import Crossing


def leg_hours(pair: tuple[str, str]) -> float:
    """The running time of one leg, an hour where it is not known."""
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


def towards(crossing: Crossing, near: str) -> str:
    """The direction in which a train passes the crossing from the station ``near``."""
    far = crossing.b.station if near == crossing.a.station else crossing.a.station
    stations = railnet.stations()
    return "WEST" if stations[far].lon < stations[near].lon else "EAST"
