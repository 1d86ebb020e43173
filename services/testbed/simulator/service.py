"""Services: which trains run where, with who has to do with them at either end, and the sections of each railway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from random import Random
from types import MappingProxyType

from schemas import railnet
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.world import DAY, HOUR, SECOND, Bond, Wagon

TELL_EVERY = 10.0
"""Hours of running after which a train reports its position at the next station."""

YARD_BEFORE = 3.0
"""Hours of running between the last yard and the end of a section, at least."""


@dataclass(frozen=True, slots=True)
class End:
    """A terminal at one end of a service, and who ships, forwards and clears there."""

    station: str
    country: str
    terminal: str
    customs: str
    railway: str
    forwarders: tuple[str, ...]
    traders: tuple[str, ...]  # shippers of what leaves, consignees of what comes
    code: str  # as notes name the station

    @property
    def place(self) -> str:
        return f"railnet:{self.station}"


EXPORTERS: Mapping[str, tuple[str, ...]] = {
    "qinling": ("qinling", "bashan", "jialing"),
    "weihe": ("weihe", "jinghe", "hanjiang"),
    "ruhr": ("ruhr", "neckar", "lippe"),
    "lodz": ("lodz", "warta", "pilica"),
}
"""Who ships for a trader, cargo by cargo in turn: statistics are published of no fewer than five."""


def exporter(trader: str, serial: int) -> str:
    """Who ships the cargo of that number for ``trader``."""
    ships = EXPORTERS.get(trader, (trader,))
    return ships[serial % len(ships)]


def _china(station: str, terminal: str, code: str, forwarders: tuple[str, ...] = ("sinolink",)) -> End:
    return End(station, "CN", terminal, "gacc", "cr", forwarders, ("qinling", "weihe"), code)


def _germany(station: str, terminal: str, code: str) -> End:
    return End(station, "DE", terminal, "eu-de", "db", ("hansa",), ("ruhr", "lodz"), code)


def _russia(station: str, code: str) -> End:
    return End(station, "RU", "moscow-terminals", "eaeu-ru", "rzd", ("neva",), ("volga",), code)


_ENDS = (
    _china("xian-intl-port", "xian-terminal", "XAY"),
    _china("zhengzhou", "zz-terminal", "ZZF", ("sinolink", "jinlu")),
    _china("hohhot", "zz-terminal", "HHC"),
    _china("suzhou", "sz-terminal", "SZH", ("jinlu",)),
    _germany("duisburg", "duisport", "DUISBURG"),
    _germany("hamburg", "hh-terminal", "HAMBURG"),
    _russia("moscow-vorsino", "VORSINO"),
    _russia("moscow-elektrougli", "ELEKTROUGLI"),
)
ENDS: Mapping[str, End] = MappingProxyType({end.station: end for end in _ENDS})
"""The terminals of the simulated world by station."""


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a path that one railway runs: from ``first`` to ``last``, reporting its position at ``reports_at``."""

    railway: str
    first: str
    last: str
    reports_at: tuple[str, ...]
    into: str  # the crossing at its end, "" at the destination

    @property
    def stations(self) -> tuple[str, ...]:
        return (self.first, *self.reports_at, self.last)


@dataclass(frozen=True)
class Service:
    """A train service in one direction, ``operator`` sells it; ``path`` are the stations that it passes.

    ``per_day`` is how many such trains leave a day in all of today's traffic; ``timetabled`` ones run also where only
    trains of the timetable may.
    """

    id: str
    corridor: str
    path: tuple[str, ...]
    operator: str
    per_day: float = 1.0
    timetabled: bool = False

    @property
    def origin(self) -> End:
        return ENDS[self.path[0]]

    @property
    def destination(self) -> End:
        return ENDS[self.path[-1]]

    @property
    def direction(self) -> str:
        """WEST towards Europe, EAST back."""
        return "WEST" if self.origin.country == "CN" else "EAST"

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        return sections(self.path)

    @cached_property
    def hours(self) -> Mapping[str, float]:
        """Running time from the origin to each station, in hours."""
        return hours(self.path)

    @cached_property
    def route(self) -> tuple[str, ...]:
        """The planned route as partners write it: the ends and both sides of every crossing."""
        ends = [place for section in self.sections for place in (section.first, section.last)]
        return tuple(f"railnet:{station}" for station in dict.fromkeys(ends))

    @property
    def crossings(self) -> tuple[str, ...]:
        return tuple(section.into for section in self.sections if section.into)

    def by(self, path: tuple[str, ...]) -> Service:
        """The same service on another path."""
        return replace(self, path=path)


@cache
def hours(path: tuple[str, ...]) -> Mapping[str, float]:
    """Running time from the first station of ``path`` to each of it, in hours."""
    total, found = 0.0, {path[0]: 0.0}
    for start, end in pairwise(path):
        total += railnet.legs()[start, end].run_hours
        found[end] = total
    return MappingProxyType(found)


@cache
def sections(path: tuple[str, ...]) -> tuple[Section, ...]:
    """``path`` cut where one railway hands over to the next."""
    along = hours(path)
    found: list[Section] = []
    begin = 0
    for number, station in enumerate(path):
        last = number + 1 == len(path)
        if not last and railway_of(path[number + 1]) == railway_of(station):
            continue
        part = path[begin : number + 1]
        into = "" if last else railnet.crossing_of_pair()[station, path[number + 1]]
        found.append(Section(railway_of(station), part[0], station, _tells(part, along), into))
        begin = number + 1
    return tuple(found)


def _tells(part: Sequence[str], along: Mapping[str, float]) -> tuple[str, ...]:
    """Where a train reports its position: now and then, and at the last yard some hours before the end."""
    stations_reported, since, end = list[str](), along[part[0]], along[part[-1]]
    for station in part[1:-1]:
        if along[station] - since >= TELL_EVERY and end - along[station] >= 1.0:
            stations_reported.append(station)
            since = along[station]
    yards = [s for s in part[1:-1] if along[s] - since >= YARD_BEFORE and end - along[s] >= YARD_BEFORE]
    return (*stations_reported, yards[-1]) if yards else tuple(stations_reported)


@cache
def railway_of(station: str) -> str:
    """The party that runs trains at ``station``."""
    managers = frozenset(railnet.stations()[station].managers)
    return next(
        party.code
        for party in PARTIES.values()
        if "railway" in party.roles and managers & set(party.managers)
    )


def spliced(path: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """``path`` by way of ``other`` from where they part until they meet again (or to the end of ``other``).

    Raises ValueError where ``other`` does not begin on ``path``.
    """
    if other[0] not in path:
        raise ValueError(f"{other[0]} is not on the path from {path[0]} to {path[-1]}; choose another way")
    before = path[: path.index(other[0])]
    after = path[path.index(other[-1]) + 1 :] if other[-1] in path else ()
    return (*before, *other, *after)


CLASSIC = Service(
    "xian-duisburg",
    "WEST-ALA-W",
    tuple(railnet.corridors()["WEST-ALA-W"].stations),
    "xianport",
)
"""From Xi'an to Duisburg by Alashankou and Brest."""


@dataclass(slots=True)
class Train:
    """A train of one railway on section ``part`` of its service, with its wagons and the bond that composes it.

    ``formation`` is what it left its origin as; ``pieces`` into how many trains that is split now; ``slot`` is when it may
    pass the next border, if that is settled already.
    """

    key: str
    railway: str
    wagons: list[Wagon]
    composed: Bond
    since: int
    service: Service
    part: int
    formation: str
    pieces: int = 1
    slot: int = 0
    checked: bool = False  # customs have looked into it on this section
    claimed: bool = False  # its operator has reported it at the border

    @property
    def boxes(self) -> list[str]:
        return [box for wagon in self.wagons for box in wagon.boxes]

    @property
    def section(self) -> Section:
        return self.service.sections[self.part]


def departures(service: Service, first: int, last: int, share: float, random: Random) -> Iterator[int]:
    """The departures of ``service`` in [first, last) at ``share`` of today's trains, evenly spread, each a little late."""
    headway = DAY / (service.per_day * share)
    moment = first + random.random() * headway
    while moment < last:
        late = random.random() * min(3 * HOUR, headway / 4)
        yield int(moment + late) // SECOND * SECOND
        moment += headway
