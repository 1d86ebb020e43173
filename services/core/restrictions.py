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
    as_of: Micros,
) -> tuple[Restriction, ...]:
    """The restrictions in force at ``as_of`` on a place or crossing that the planned route passes, by start."""
    if route is None:
        return ()
    lifted = tuple(liftings)
    passed = frozenset(route.places) | {f"crossing:{name}" for name in railnet.crossings_on(route.places)}
    met = (
        restriction
        for restriction in restrictions
        if restriction.place in passed and restriction.start <= as_of < ends(restriction, lifted)
    )
    return tuple(sorted(met, key=lambda r: (r.start, r.event)))


def current_route(routes: Iterable[PlannedRoute]) -> PlannedRoute | None:
    """The route published last; ties fall to the greater event id."""
    return max(routes, key=lambda route: (route.published, route.event), default=None)
