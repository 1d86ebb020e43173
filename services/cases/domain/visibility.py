"""Which cases a party may see: at its places, in its jurisdiction, about consignments that it is engaged in, and its own. Pure.

Whose work a case may be; what each of those sees of it, and whether, is the matrix's (``services.api.access.cases``). Railways, customs and terminals
by territory, and railways, terminals and train operators by engagement. A difference at a hand-over names boxes of others, so
engagement does not show it. An alert of a pledge is seen by whoever was given it and by nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from schemas import railnet
from schemas.events.base import Role
from services.domain.publisher import Publisher

_TERRITORIAL = frozenset({Role.RAILWAY, Role.CUSTOMS, Role.TERMINAL})
_CARRIERS = frozenset({Role.OPERATOR, Role.RAILWAY, Role.TERMINAL})


@dataclass(frozen=True, slots=True)
class CaseScope:
    """What chooses the cases of ``party``: canonical ``places``, jurisdictions, and whether its engagement counts."""

    party: str
    places: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    engaged: bool

    def has_crossing(self, crossing: str) -> bool:
        """Whether the crossing of that id is in its territory."""
        known = railnet.crossings().get(crossing)
        if known is None:
            return False
        sides = {railnet.stations()[side.station].place for side in (known.a, known.b)}
        return not {known.place, *sides}.isdisjoint(self.places)


@lru_cache(maxsize=256)
def scope_of(publisher: Publisher) -> CaseScope:
    """The scope of a party as it is registered now."""
    places: tuple[str, ...] = ()
    if publisher.roles & _TERRITORIAL:
        known = {*publisher.places, *_places()}
        places = tuple(sorted(place for place in known if publisher.holds(place)))
    customs = publisher.countries if Role.CUSTOMS in publisher.roles else frozenset[str]()
    return CaseScope(publisher.code, places, tuple(sorted(customs)), bool(publisher.roles & _CARRIERS))


def _places() -> set[str]:
    return {
        *(station.place for station in railnet.stations().values()),
        *(crossing.place for crossing in railnet.crossings().values()),
    }
