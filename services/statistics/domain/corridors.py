"""Corridors: from one region to another over the border at which the gauge changes first in China's direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

from schemas import railnet

CHINA = "CN"
CENTRAL_ASIA = frozenset({"KZ", "KG", "UZ", "TJ", "TM"})
RUSSIA_AND_BELARUS = frozenset({"RU", "BY"})
CAUCASUS = frozenset({"GE", "AZ", "AM", "TR"})


class Corridor(NamedTuple):
    """``origin`` and ``destination`` are regions; written ``CN-EU/alashankou-dostyk``."""

    origin: str
    destination: str
    crossing: str

    def __str__(self) -> str:
        return f"{self.origin}-{self.destination}/{self.crossing}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The corridor of a text; ValueError where it is none."""
        ends, _, crossing = text.partition("/")
        origin, _, destination = ends.partition("-")
        if not (origin and destination and crossing):
            raise ValueError(f"{text!r} is no corridor")
        return cls(origin, destination, crossing)


def corridor_of(route: Sequence[str]) -> Corridor | None:
    """The corridor of a planned route; None where an end is unknown or no change of gauge lies between."""
    if len(route) < 2:
        return None
    ends = [region_of(railnet.country_of(place)) for place in (route[0], route[-1])]
    changing = [name for name in railnet.crossings_on(route) if railnet.crossings()[name].gauge_change]
    if "" in ends or not changing:
        return None
    chinese = [name for name in changing if CHINA in railnet.countries_of(f"crossing:{name}")]
    return Corridor(ends[0], ends[1], (chinese or changing)[0])


def region_of(country: str | None) -> str:
    """CN, CA (Central Asia), RB (Russia, Belarus), MN, CC (Caucasus, Türkiye) or EU, which is all else; "" where unknown."""
    if not country:
        return ""
    for region, members in (("CA", CENTRAL_ASIA), ("RB", RUSSIA_AND_BELARUS), ("CC", CAUCASUS)):
        if country in members:
            return region
    return country if country in (CHINA, "MN") else "EU"
