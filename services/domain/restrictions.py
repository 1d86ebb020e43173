"""Closures, embargoes and acceptance bans: they belong to a place and meet a consignment on its planned route."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from schemas import railnet
from services.domain.facts import FOREVER, EventId, Lifting, Micros, PlannedRoute, Restriction


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where the cargo was, and whether it has left it."""

    place: str
    left: bool = False


def ends(restriction: Restriction, liftings: Iterable[Lifting]) -> Micros:
    """When the restriction ends: its own end, or earlier where its source lifted it."""
    lifted = (lifting.at for lifting in liftings if lifting.restriction == restriction.event)
    return min(restriction.end if restriction.end is not None else FOREVER, min(lifted, default=FOREVER))


def on_route(
    route: PlannedRoute | None,
    restrictions: Iterable[Restriction],
    liftings: Iterable[Lifting],
    been: Iterable[Stop],
    goods: frozenset[str],
    as_of: Micros,
) -> tuple[Restriction, ...]:
    """The restrictions in force at ``as_of`` that the rest of the planned route meets, by start.

    ``been`` is where the cargo was, in order of time: what lies behind it on the route no longer concerns it. ``goods``
    are the HS codes that are known of it; a restriction of some commodities spares cargo that is known to be another.
    """
    if route is None:
        return ()
    lifted = tuple(liftings)
    at, left = _reached(route.places, been)
    ahead = route.places[at:]
    met_places = {f"crossing:{name}" for name in railnet.crossings_on(ahead)} | set(ahead[left:])
    towards = direction(route.places)
    met = (
        restriction
        for restriction in restrictions
        if restriction.place in met_places
        and (towards == "BOTH" or restriction.direction in ("BOTH", towards))
        and restriction.start <= as_of < ends(restriction, lifted)
        and concerns(restriction.commodities, goods)
    )
    return tuple(sorted(met, key=lambda r: (r.start, r.event)))


def concerns(restricted: Collection[str], goods: Iterable[str]) -> bool:
    """Whether goods of these HS codes may be among the ``restricted`` ones; () restricts all, unknown goods may be any.

    Codes are compared as far as both go: 8517 may be 851713, so it is concerned by a ban of it.
    """
    known = tuple(goods)
    if not restricted or not known:
        return True
    return any(one.startswith(other) or other.startswith(one) for one in known for other in restricted)


def _reached(places: Sequence[str], been: Iterable[Stop]) -> tuple[int, int]:
    """How far on the route the cargo is: the index of its latest stop there, and 1 where it has left that place.

    A route may pass a place twice; each stop is looked for onward from the one before, so it costs what it is long.
    """
    at, left = 0, 0
    for stop in been:
        if stop.place in places[at:]:
            at, left = places.index(stop.place, at), int(stop.left)
        elif stop.place in places:
            at, left = places.index(stop.place), int(stop.left)
    return at, left


def along(places: Sequence[str], first: str, then: str) -> bool:
    """Whether the route passes ``first`` and comes to ``then`` later."""
    return first in places and then in places[places.index(first) + 1 :]


def direction(places: tuple[str, ...]) -> str:
    """ "WEST" or "EAST" by the longitudes of the first and last place known; "BOTH" where that is unknown."""
    known = [station.lon for station in map(railnet.resolve, places) if station is not None]
    if len(known) < 2 or known[0] == known[-1]:
        return "BOTH"
    return "WEST" if known[-1] < known[0] else "EAST"


def current_route(routes: Iterable[PlannedRoute]) -> PlannedRoute | None:
    """The route published last; ties fall to the greater event id.

    Where it says an earlier one in fewer words, all of its places being on that one in the same order, the earlier one
    stands: a list that names only the ends plans no other way. Of several such the last one.
    """
    known = tuple(routes)
    latest = max(known, key=_order, default=None)
    if latest is None:
        return None
    finer = (r for r in known if len(r.places) > len(latest.places) and _passes(r.places, latest.places))
    return max(finer, key=_order, default=latest)


def _order(route: PlannedRoute) -> tuple[Micros, EventId]:
    return route.published, route.event


def _passes(places: Iterable[str], some: Iterable[str]) -> bool:
    """Whether ``some`` stand among ``places``, in the same order."""
    ahead = iter(places)
    return all(place in ahead for place in some)
