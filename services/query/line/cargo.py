"""Which boxes rode on which train when, and who is engaged in the cargo on board. Pure.

Railways write down what they load and compose, and seldom that a train ended or a wagon was emptied. A box is on one wagon and a wagon
in one train at a time: who loads or composes it next takes it off the one before. A wagon that is loaded anew more than a day later was
empty, whoever had loaded it; and a wagon that is loaded more than a day after its train was composed has left it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.domain.facts import Micros
from services.domain.objects import ObjectId, Thing
from services.domain.rules import HOUR
from services.query.line.facts import Ride

ONE_LOADING: Micros = 24 * HOUR
"""Lists of what was loaded on one wagon that lie further apart are of two loadings."""


class Composed(NamedTuple):
    """A wagon in a train in [start, until), by a live link."""

    train: Thing
    wagon: ObjectId
    start: Micros
    until: Micros
    publisher: str
    territorial: bool


class Loaded(NamedTuple):
    """A box on a wagon in [start, until), by a live link."""

    wagon: ObjectId
    box: ObjectId
    start: Micros
    until: Micros
    publisher: str
    territorial: bool


class Carried(NamedTuple):
    """A consignment (as its group is called) in a box in [start, until), and the parties engaged in it."""

    box: ObjectId
    consignment: ObjectId
    start: Micros
    until: Micros
    engaged: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cargo:
    """The rides of boxes, and by train who is engaged in what it carries and which consignments that is."""

    rides: frozenset[Ride]
    engaged: Mapping[Thing, frozenset[str]]
    consignments: Mapping[Thing, frozenset[ObjectId]]


def cargo_of(composed: Iterable[Composed], loaded: Iterable[Loaded], carried: Iterable[Carried]) -> Cargo:
    """What the links say that count for the cargo concerned: of authorities, and of whoever is engaged in it."""
    inside: dict[ObjectId, list[Carried]] = defaultdict(list)
    for each in carried:
        inside[each.box].append(each)
    on_wagon: dict[ObjectId, list[Loaded]] = defaultdict(list)
    for load in _one_wagon_at_a_time(loaded):
        on_wagon[load.wagon].append(load)
    rides: set[Ride] = set()
    engaged: dict[Thing, set[str]] = defaultdict(set)
    consignments: dict[Thing, set[ObjectId]] = defaultdict(set)
    for one in _one_train_at_a_time(composed):
        latest = one.start + ONE_LOADING
        for load in on_wagon.get(one.wagon, ()):
            if load.start > latest or load.start >= one.until or load.until <= one.start:
                continue
            start, until = max(one.start, load.start), min(one.until, load.until)
            held = [each for each in inside.get(load.box, ()) if each.start < until and each.until > start]
            if not all(
                link.territorial or any(link.publisher in each.engaged for each in held)
                for link in (one, load)
            ):
                continue
            rides.add(Ride(one.train, load.box, start, until))
            for each in held:
                engaged[one.train] |= each.engaged
                consignments[one.train].add(each.consignment)
    return Cargo(
        frozenset(rides),
        {train: frozenset(parties) for train, parties in engaged.items()},
        {train: frozenset(those) for train, those in consignments.items()},
    )


def _one_train_at_a_time(composed: Iterable[Composed]) -> list[Composed]:
    """The trains of each wagon with their ends: where it goes on in another train."""
    of_wagon: dict[ObjectId, list[Composed]] = defaultdict(list)
    for one in sorted(set(composed), key=lambda c: (c.start, c.until, c.train)):
        of_wagon[one.wagon].append(one)
    found = []
    for several in of_wagon.values():
        for n, one in enumerate(several):
            after = next(
                (o.start for o in several[n + 1 :] if o.train != one.train and o.start > one.start), one.until
            )
            found.append(one._replace(until=after) if after < one.until else one)
    return found


def _one_wagon_at_a_time(loaded: Iterable[Loaded]) -> list[Loaded]:
    """The loads with their ends: where the box is loaded next, or the wagon anew."""
    of_box: dict[ObjectId, list[Loaded]] = defaultdict(list)
    starts: dict[ObjectId, list[Micros]] = defaultdict(list)
    for load in sorted(set(loaded)):
        of_box[load.box].append(load)
        starts[load.wagon].append(load.start)
    found = []
    for loads in of_box.values():
        for load in loads:
            elsewhere = (
                other.start for other in loads if other.wagon != load.wagon and other.start > load.start
            )
            anew = (start for start in starts[load.wagon] if start > load.start + ONE_LOADING)
            until = min((load.until, *elsewhere, *anew))
            found.append(load._replace(until=until) if until < load.until else load)
    return found
