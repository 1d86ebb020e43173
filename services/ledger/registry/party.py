"""A registered party: what it is, where its word is an authority's, and what it publishes under; and what it was before."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events.base import Role
from services.domain.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Party:
    """One partner of the network in its newest shape, as registered.

    ``no`` is the number that storage uses, given in the order of registration and never reused. ``sources`` are the
    CloudEvents sources that belong to it and to nobody else, compared exactly; ``topics`` the Kafka topics that it
    may write to: its own, or that of the hub which connects it. ``countries`` (ISO 3166 alpha-2), ``managers`` (railnet) and ``places`` are its territory.
    ``publisher`` is what the heart has to know of it. This shape counts for what was appended from ``since`` on (UTC
    microseconds) and was brought by ``version`` of the registry; ``earlier`` are the shapes before it, the newest first.
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
    since: int = 0
    version: int = 0
    earlier: tuple[Party, ...] = ()
    publisher: Publisher = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "publisher", Publisher(self.code, self.roles, self.countries, self.managers, self.places)
        )

    def at(self, appended: int, version: int | None = None) -> Party:
        """The shape that counts for a record appended then (UTC microseconds), as far as known at ``version``.

        What a record was admitted by is found again with the version of its admission, whatever was amended since.
        """
        if not self.earlier:
            return self
        for shape in (self, *self.earlier):
            if shape.since <= appended and (version is None or shape.version <= version):
                return shape
        return self.earlier[-1]

    @property
    def owned(self) -> frozenset[str]:
        """Every source that it has or ever had: nobody else may get one of them."""
        return self.sources.union(*(shape.sources for shape in self.earlier))
