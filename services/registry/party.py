"""A registered party: what it is, where its word is an authority's, and what it publishes under."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events.base import Role
from services.core.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Party:
    """One partner of the network, as registered.

    ``no`` is the number that storage uses, given in the order of registration and never reused. ``sources`` are the
    CloudEvents sources that belong to it and to nobody else, compared exactly; ``topics`` the Kafka topics that it
    may write to: its own, or that of the hub which connects it. ``countries`` (ISO 3166 alpha-2), ``managers`` (railnet) and ``places`` are its territory.
    ``publisher`` is what the heart has to know of it.
    """

    no: int
    code: str
    name: str
    roles: frozenset[Role]
    countries: frozenset[str] = frozenset()
    managers: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    publisher: Publisher = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "publisher", Publisher(self.code, self.roles, self.countries, self.managers, self.places)
        )
