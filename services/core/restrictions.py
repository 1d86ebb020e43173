"""Closures, embargoes and acceptance bans: they belong to a place and meet a consignment through its planned route."""

from __future__ import annotations

from collections.abc import Iterable

from schemas import railnet
from services.core.facts import FOREVER, Lifting, Micros, PlannedRoute, Restriction


def ends(restriction: Restriction, liftings: Iterable[Lifting]) -> Micros:
    """When the restriction ends: its own end, or earlier where its source lifted it."""
    lifted = (lifting.at for lifting in liftings if lifting.restriction == restriction.event)
    return min(restriction.end if restriction.end is not None else FOREVER, min(lifted, default=FOREVER))


def on_route(
    route: PlannedRoute | None,
    restrictions: Iterable[Restriction],
    liftings: Iterable[Lifting],
    at_place: str,
    as_of: Micros,
) -> tuple[Restriction, ...]:
    """The restrictions in force at ``as_of`` that the rest of the planned route meets, by start.

    ``at_place`` is where the cargo is ("" when unknown): what lies behind it on the route no longer concerns it.
    """
    if route is None:
        return ()
    lifted = tuple(liftings)
    ahead = _ahead(route.places, at_place)
    met_places = frozenset(ahead) | {f"crossing:{name}" for name in railnet.crossings_on(ahead)}
    towards = direction(route.places)
    met = (
        restriction
        for restriction in restrictions
        if restriction.place in met_places
        and (towards == "BOTH" or restriction.direction in ("BOTH", towards))
        and restriction.start <= as_of < ends(restriction, lifted)
    )
    return tuple(sorted(met, key=lambda r: (r.start, r.event)))


def _ahead(places: tuple[str, ...], at_place: str) -> tuple[str, ...]:
    """The places from ``at_place`` on; all of them where it is not on the route."""
    return places[places.index(at_place) :] if at_place in places else places


def direction(places: tuple[str, ...]) -> str:
    """ "WEST" or "EAST" by the longitudes of the first and last place known; "BOTH" where that cannot be told."""
    known = [station.lon for station in map(railnet.resolve, places) if station is not None]
    if len(known) < 2 or known[0] == known[-1]:
        return "BOTH"
    return "WEST" if known[-1] < known[0] else "EAST"


def current_route(routes: Iterable[PlannedRoute]) -> PlannedRoute | None:
    """The route published last; ties fall to the greater event id."""
    return max(routes, key=lambda route: (route.published, route.event), default=None)
