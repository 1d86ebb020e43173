"""Closures, embargoes and acceptance bans: they belong to a place and meet a consignment on its planned route."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas import railnet
from services.domain.facts import FOREVER, SINCE_EVER, EventId, Lifting, Micros, PlannedRoute, Restriction


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where the cargo was, since when, and whether it has left it."""

    place: str
    left: bool = False
    at: Micros = SINCE_EVER


@dataclass(frozen=True, slots=True)
class Journey:
    """The cargo on its planned places in [begun, over): ``been`` is where it was, in order; ``goods`` are its known HS codes."""

    places: tuple[str, ...] = ()
    been: tuple[Stop, ...] = ()
    goods: frozenset[str] = frozenset()
    begun: Micros = SINCE_EVER
    over: Micros = FOREVER


class Met(NamedTuple):
    """The restrictions that concern a journey as of a moment, each list by start.

    ``in_force`` and ``announced`` are those whose place lies ahead. ``past`` were in force while it did, and have ended or lie
    behind the cargo by now: what it waited for.
    """

    in_force: tuple[Restriction, ...] = ()
    announced: tuple[Restriction, ...] = ()
    past: tuple[Restriction, ...] = ()


def known_ends(restrictions: Iterable[Restriction], liftings: Iterable[Lifting]) -> tuple[Restriction, ...]:
    """``restrictions`` with their known ends: what each says itself, or earlier where its source lifted it."""
    lifted: dict[EventId, Micros] = {}
    for lifting in liftings:
        lifted[lifting.restriction] = min(lifting.at, lifted.get(lifting.restriction, FOREVER))
    return tuple(
        r
        if r.event not in lifted
        else r._replace(end=min(lifted[r.event], FOREVER if r.end is None else r.end))
        for r in restrictions
    )


def on_journey(journey: Journey, restrictions: Iterable[Restriction], as_of: Micros) -> Met:
    """The ``restrictions`` (with their known ends) that concern the journey at ``as_of``.

    What lies behind the cargo on its route does not restrict it, what was called off before it began nobody, and a restriction of
    some commodities spares cargo that is known to be another.
    """
    ahead = _Ahead(journey)
    towards = direction(journey.places)
    in_force: list[Restriction] = []
    announced: list[Restriction] = []
    past: list[Restriction] = []
    for restriction in sorted(restrictions, key=lambda r: (r.start, r.event)):
        end = FOREVER if restriction.end is None else restriction.end
        met = (
            restriction.start < end
            and (towards == "BOTH" or restriction.direction in ("BOTH", towards))
            and concerns(restriction.commodities, journey.goods)
        )
        if met and as_of < end and ahead.holds(restriction.place, as_of):
            (announced if as_of < restriction.start else in_force).append(restriction)
        elif met and restriction.start <= as_of:
            first = max(restriction.start, journey.begun)
            if first < end and ahead.holds(restriction.place, first):
                past.append(restriction)
    return Met(tuple(in_force), tuple(announced), tuple(past))


class _Ahead:
    """The places and crossings that lay ahead of a journey at a moment; each part of the route is looked up once."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._reached = tuple(_reached(journey.places, journey.been))
        self._ahead: dict[tuple[int, int], frozenset[str]] = {}

    def holds(self, place: str, at: Micros) -> bool:
        if at >= self._journey.over:
            return False
        _, reached, left = self._reached[bisect_right(self._reached, at, key=lambda known: known[0]) - 1]
        known = self._ahead.get((reached, left))
        if known is None:
            rest = self._journey.places[reached:]
            crossings = (f"crossing:{name}" for name in railnet.crossings_on(rest))
            known = self._ahead[reached, left] = frozenset((*crossings, *rest[left:]))
        return place in known


def concerns(restricted: Collection[str], goods: Iterable[str]) -> bool:
    """Whether goods of these HS codes may be among the ``restricted`` ones; () restricts all, unknown goods may be any.

    Codes are compared as far as both go: 8517 may be 851713, so it is concerned by a ban of it.
    """
    known = tuple(goods)
    if not restricted or not known:
        return True
    return any(one.startswith(other) or other.startswith(one) for one in known for other in restricted)


def _reached(places: Sequence[str], been: Iterable[Stop]) -> Iterator[tuple[Micros, int, int]]:
    """How far on the route the cargo was since when: the index of its latest stop there, and 1 where it has left that place.

    A route may pass a place twice; each stop is looked for onward from the one before, so it costs what it is long.
    """
    at, since = 0, SINCE_EVER
    yield since, 0, 0
    for stop in been:
        if stop.place in places:
            at, since = places.index(stop.place, at if stop.place in places[at:] else 0), max(since, stop.at)
            yield since, at, int(stop.left)


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
