"""Every train that was somewhere on the line, and where it was when. Pure.

A train gets another number at every border, from another railway: ``trains`` says which names are one train.

A claim counts as in a view: its publisher has authority over the place, or is engaged in the cargo on board. Of the answers to one
question the one of greatest assurance shows (``claim_groups``), and ``visits`` puts them in order; ``stops`` says what it did where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from schemas import railnet
from services.domain.facts import FOREVER, Claim, Micros
from services.domain.objects import Thing
from services.query.line.facts import LineFacts
from services.query.line.run import Run
from services.query.line.stops import stops_of
from services.query.line.trains import (
    Cargo,
    cargo_of_trains,
    one_train,
    onward_from,
    rides_by_box,
    shown_claims,
)
from services.query.line.visits import Visit, held_times, visits_of


def runs_of(facts: LineFacts) -> tuple[Run, ...]:
    """Every train that the facts place somewhere, in the order of its first stop."""
    rides = rides_by_box(facts.rides)
    cargo = cargo_of_trains(facts.rides)
    names = one_train(facts, rides, cargo)
    shown = shown_claims(facts, rides, names, cargo)
    members: dict[Thing, set[Thing]] = defaultdict(set)
    for thing in {*cargo, *(claim.thing for claim in facts.claims)}:
        members[names[thing]].add(thing)
    onward = onward_from(rides, names)
    found = (_run(sorted(members[one]), claims, cargo, onward.get(one)) for one, claims in shown.items())
    return tuple(sorted((run for run in found if run is not None), key=lambda r: (r.stops[0].since, r.names)))


def _run(
    names: Sequence[Thing],
    claims: Iterable[Claim],
    cargo: Cargo,
    onward: Micros | None,
) -> Run | None:
    known = list(claims)
    visits = visits_of(known)
    if not visits:
        return None
    first_use: dict[Thing, Micros] = {}
    for claim in known:
        first_use[claim.thing] = min(claim.happened, first_use.get(claim.thing, claim.happened))
    ordered = sorted(names, key=lambda name: (first_use.get(name, FOREVER), name))
    bound = _bound(visits, ordered[0])
    last = max(ordered, key=lambda name: (first_use.get(name, -1), name))
    boxes = cargo.get(last) or max((cargo.get(name, frozenset()) for name in ordered), key=len)
    stops = stops_of(visits, held_times(known), bound, onward)
    return Run(tuple(ordered), bound, len(boxes), stops)


def _bound(visits: Sequence[Visit], name: Thing) -> str:
    """WEST (towards Europe) or EAST (towards China) by where the train has been, else by the origin in its name; "" unknown."""
    stations = railnet.stations()
    first, last = stations[visits[0].station], stations[visits[-1].station]
    if first.lon != last.lon:
        return "WEST" if last.lon < first.lon else "EAST"
    country = railnet.country_of(":".join(name.key.split("/")[3:])) or first.country
    return "WEST" if country == "CN" else "EAST"
