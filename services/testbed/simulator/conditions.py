"""What a world is like besides its timetable: borders that close, orders that stop loading, how much is held and detained."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from random import Random
from types import MappingProxyType

from schemas.railnet import Certainty
from services.testbed.simulator.world import DAY, HOUR, MINUTE, span

# How long trains run and stand at borders is of ``schemas.railnet``; what a scenario assumes is in its own file.

_UNITS = {"min": MINUTE, "h": HOUR, "d": DAY}


@dataclass(frozen=True, slots=True)
class Duration:
    """Between ``least`` and ``most`` ``unit``; ``source`` are ids of dated facts, or OWN for our own estimate."""

    least: float
    most: float
    unit: str
    source: str
    certainty: Certainty
    basis: str


@cache
def durations() -> Mapping[str, Duration]:
    """Every duration by its name; raises ValueError for a row that says no range."""
    text = resources.files(__package__).joinpath("durations.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        least, most = float(row["least"]), float(row["most"])
        if not 0 <= least <= most or row["unit"] not in _UNITS or row["id"] in found:
            raise ValueError(f"durations.csv: {row['id']} is no range of its own in {', '.join(_UNITS)}")
        certainty = Certainty(row["certainty"])
        found[row["id"]] = Duration(least, most, row["unit"], row["source"], certainty, row["basis"])
    return MappingProxyType(found)


def lasting(random: Random, name: str) -> int:
    """How long ``name`` takes this time (microseconds, whole seconds), evenly between its two ends."""
    known = durations()[name]
    return span(random, known.least, known.most, _UNITS[known.unit])


@dataclass(frozen=True, slots=True)
class Outage:
    """``party`` sends nothing in [start, end); the backlog then takes ``backfill`` (all times in microseconds)."""

    party: str
    start: int
    end: int
    backfill: int = 120 * MINUTE


def sent_after(outages: Iterable[Outage], party: str, sent: int) -> int:
    """When ``party`` really sends what it would have sent at ``sent``; two messages never change places."""
    for outage in outages:
        if outage.party == party and outage.start <= sent < outage.end:
            return outage.end + (sent - outage.start) * outage.backfill // (outage.end - outage.start)
    return sent


@dataclass(frozen=True, slots=True)
class Closure:
    """Nothing passes ``crossing`` in [start, end), both ways; ``by`` orders it, ``fact`` is the dated fact behind it."""

    crossing: str
    start: int
    end: int
    by: str
    announced: int
    fact: str


@dataclass(frozen=True, slots=True)
class LoadingStop:
    """No train for ``crossing`` may be loaded in [start, end), except those of the timetable where ``spares_timetabled``."""

    crossing: str
    direction: str
    start: int
    end: int
    by: str
    fact: str
    spares_timetabled: bool = True


@dataclass(frozen=True, slots=True)
class Count:
    """How many trains ``by`` says are standing: its own claim about a closed ``crossing``, told at ``at``.

    ``reported`` is what the press of the day had; what ``by`` says of the simulated trains is counted in the world.
    """

    crossing: str
    by: str
    at: int
    reported: str
    fact: str


@dataclass(frozen=True, slots=True)
class Detour:
    """Another way for trains of a service while a border ahead of them is closed; ``share`` of them take it."""

    path: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """The circumstances of a world.

    ``capacity`` is the share of a border's real trains a day that these trains may use, never less than
    ``least_per_day``; ``yard`` how many trains may wait at a border before further ones are held on the way (0: any
    number); ``cranes`` how many trains can be transshipped at once. ``held`` is the chance of a train to be set aside by a
    railway, ``detained`` of a box to be detained in Russia for ``detained_hours``; ``returned`` the share of those sent back;
    ``detours`` are by service.
    """

    capacity: float = 1.0
    least_per_day: float = 4.0
    yard: int = 0
    cranes: int = 2
    closures: tuple[Closure, ...] = ()
    stops: tuple[LoadingStop, ...] = ()
    counts: tuple[Count, ...] = ()
    outages: tuple[Outage, ...] = ()
    held: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({"ktz": 0.2}))
    detained: float = 0.05
    detained_hours: tuple[float, float] = (24, 500)
    returned: float = 0.35
    financed: float = 0.25
    detours: Mapping[str, Detour] = field(default_factory=lambda: MappingProxyType({}))

    def closed(self, crossing: str) -> tuple[tuple[int, int], ...]:
        """When ``crossing`` is closed."""
        return tuple(sorted((c.start, c.end) for c in self.closures if c.crossing == crossing))

    def shut_ahead(self, crossings: tuple[str, ...], at: int) -> bool:
        """Whether one of ``crossings`` is closed at ``at``."""
        return any(c.crossing in crossings and c.start <= at < c.end for c in self.closures)

    def stop_for(
        self, crossings: tuple[str, ...], direction: str, timetabled: bool, at: int
    ) -> LoadingStop | None:
        """The order because of which a train over ``crossings`` cannot be loaded at ``at``."""
        for stop in self.stops:
            concerned = stop.crossing in crossings and stop.direction in ("BOTH", direction)
            if concerned and stop.start <= at < stop.end and not (timetabled and stop.spares_timetabled):
                return stop
        return None


DEFAULT = Conditions()
