"""A publisher's roles and territory. Authority is role AND territory."""

from __future__ import annotations

from dataclasses import dataclass

from schemas import railnet
from schemas.events.base import EventSpec, Role, Territory


@dataclass(frozen=True, slots=True)
class Publisher:
    """A registered party: its roles and its territory.

    ``countries`` are ISO 3166 alpha-2 codes (customs, governments), ``managers`` infrastructure managers of railnet (railways),
    ``places`` canonical places (terminals).
    """

    code: str
    roles: frozenset[Role]
    countries: frozenset[str] = frozenset()
    managers: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()

    def covers(self, spec: EventSpec, jurisdiction: str, place: str) -> bool:
        """Whether this party is an authority for such a fact: a role of the type, and its own territory.

        ``place`` is canonical ("" where the fact has none, which no territory of places covers).
        """
        if not (self.roles & spec.authority):
            return False
        if spec.territory is Territory.JURISDICTION:
            return jurisdiction in self.countries
        if spec.territory is Territory.PLACE:
            return bool(place) and self.holds(place)
        return False

    def holds(self, place: str) -> bool:
        """Whether ``place`` is this party's terminal, on its infrastructure, or (customs, governments) in its country."""
        if place in self.places:
            return True
        if self.managers and not self.managers.isdisjoint(railnet.managers_of(place)):
            return True
        return bool(self.countries) and not self.countries.isdisjoint(railnet.countries_of(place))
