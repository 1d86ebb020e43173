"""Where trains are at any moment: what the world notes down as they run and stand, for a living picture of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from schemas import railnet
from services.testbed.simulator.service import Service, Train
from services.testbed.simulator.world import DAY

FOR_NOW = 2**62
"""The end of what has no end yet."""


class State(StrEnum):
    """What a train is doing."""

    LOADING = "loading"
    RUNNING = "running"
    STANDING = "standing"
    HELD = "held"
    AT_BORDER = "at border"
    QUEUED = "queued"
    TRANSSHIPPING = "transshipping"
    DETAINED = "detained"
    AT_SEA = "at sea"
    UNLOADING = "unloading"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A train from ``start`` to ``end`` (UTC microseconds): running from ``first`` to ``last``, or standing where both are one."""

    start: int
    end: int
    train: str
    formation: str
    railway: str
    service: Service
    state: State
    first: str
    last: str
    boxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a train is: between two neighbouring stations with ``fraction`` of the leg behind it, or at a station (0)."""

    train: str
    formation: str
    railway: str
    service: str
    corridor: str
    direction: str
    state: State
    station: str
    next_station: str  # "" where it stands
    fraction: float
    lat: float
    lon: float
    boxes: int
    since: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The simulated network at ``at``; ``waiting`` are the trains queued or held for each crossing, by direction."""

    at: int
    trains: tuple[Sighting, ...]
    waiting: Mapping[tuple[str, str], int]
    simulated: bool = True


class Tracks:
    """Collects stretches; a picture of any moment comes out of those that hold then."""

    def __init__(self, *, noting: bool = True) -> None:
        self._noting = noting
        self._by_day: dict[int, list[Stretch]] = defaultdict(list)
        self._waiting: dict[str, Stretch] = {}

    def stand(self, train: Train, start: int, end: int, station: str, state: State) -> None:
        """``train`` is at ``station`` in [start, end)."""
        self._note(train, start, end, state, station, station)

    def wait(self, train: Train, start: int, station: str, state: State) -> None:
        """``train`` is at ``station`` from ``start`` on, until ``go``."""
        if self._noting:
            self._waiting[train.key] = _stretch(train, start, FOR_NOW, state, station, station)

    def go(self, train: Train, end: int) -> None:
        """``train`` waits no longer."""
        waited = self._waiting.pop(train.key, None)
        if waited is not None:
            self._keep(replace(waited, end=end))

    def move(self, train: Train, start: int, end: int, first: str, last: str) -> None:
        """``train`` runs from ``first`` to ``last`` in [start, end)."""
        self._note(train, start, end, State.RUNNING, first, last)

    def sail(self, train: Train, start: int, end: int, first: str, last: str) -> None:
        """The boxes of ``train`` sail from ``first`` to ``last`` in [start, end)."""
        self._note(train, start, end, State.AT_SEA, first, last)

    def _note(self, train: Train, start: int, end: int, state: State, first: str, last: str) -> None:
        if end <= start or not self._noting:
            return
        self._keep(_stretch(train, start, end, state, first, last))

    def _keep(self, stretch: Stretch) -> None:
        for day in range(stretch.start // DAY, (stretch.end - 1) // DAY + 1):
            self._by_day[day].append(stretch)

    def stretches(self) -> Iterator[Stretch]:
        """Every stretch once, in the order of noting within each day."""
        for day, found in sorted(self._by_day.items()):
            yield from (stretch for stretch in found if stretch.start // DAY == day)
        yield from self._waiting.values()

    def at(self, moment: int) -> Snapshot:
        """Where every train is at ``moment``."""
        noted = (*self._by_day.get(moment // DAY, ()), *self._waiting.values())
        here = [s for s in noted if s.start <= moment < s.end]
        waiting = Counter(
            (_next_crossing(s), s.service.direction)
            for s in here
            if s.state in (State.QUEUED, State.HELD) and _next_crossing(s)
        )
        sightings = sorted((_seen(s, moment) for s in here), key=lambda seen: seen.train)
        return Snapshot(moment, tuple(sightings), dict(sorted(waiting.items())))


NO_TRACKS = Tracks(noting=False)
"""Notes nothing down."""


def _stretch(train: Train, start: int, end: int, state: State, first: str, last: str) -> Stretch:
    boxes = tuple(train.boxes)
    return Stretch(
        start, end, train.key, train.formation, train.railway, train.service, state, first, last, boxes
    )


def _next_crossing(stretch: Stretch) -> str:
    for section in stretch.service.sections:
        if section.railway == stretch.railway and stretch.last in section.stations:
            return section.into
    return ""


def _seen(stretch: Stretch, moment: int) -> Sighting:
    first, after, fraction = stretch.first, "", 0.0
    if stretch.first != stretch.last:
        first, after, fraction = _on_leg(stretch, moment)
    start = railnet.stations()[first]
    end = railnet.stations()[after or first]
    return Sighting(
        train=stretch.train,
        formation=stretch.formation,
        railway=stretch.railway,
        service=stretch.service.id,
        corridor=stretch.service.corridor,
        direction=stretch.service.direction,
        state=stretch.state,
        station=first,
        next_station=after,
        fraction=round(fraction, 4),
        lat=round(start.lat + (end.lat - start.lat) * fraction, 4),
        lon=round(start.lon + (end.lon - start.lon) * fraction, 4),
        boxes=len(stretch.boxes),
        since=stretch.start,
    )


def _on_leg(stretch: Stretch, moment: int) -> tuple[str, str, float]:
    """The leg of the path that the train is on, and how much of it lies behind."""
    path, along = stretch.service.path, stretch.service.hours
    begin, until = path.index(stretch.first), path.index(stretch.last)
    share = (moment - stretch.start) / (stretch.end - stretch.start)
    reached = along[stretch.first] + share * (along[stretch.last] - along[stretch.first])
    times = [along[station] for station in path[begin : until + 1]]
    leg = min(bisect_right(times, reached) - 1, len(times) - 2)
    return path[begin + leg], path[begin + leg + 1], (reached - times[leg]) / (times[leg + 1] - times[leg])
