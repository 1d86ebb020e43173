"""The corridor world: one call from the name of a scenario to its messages, its truth and a picture of any moment.

Everything in it is simulated. The same scenario, seed and scale give the same bytes on every machine.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import orjson

from schemas import railnet
from services.testbed.simulator import truth
from services.testbed.simulator.conditions import (
    DEFAULT,
    Closure,
    Conditions,
    Count,
    Detour,
    LoadingStop,
    Outage,
)
from services.testbed.simulator.conduct import INTERFERENCES
from services.testbed.simulator.faults import Rates, Reporter
from services.testbed.simulator.journey import Journey
from services.testbed.simulator.reports import Message, Publication
from services.testbed.simulator.scenarios import Scenario, micros, scenario, services
from services.testbed.simulator.service import Service, departures, spliced
from services.testbed.simulator.simulate import Scale, Simulation
from services.testbed.simulator.tracks import NO_TRACKS, Snapshot, Tracks
from services.testbed.simulator.truth import Truth
from services.testbed.simulator.world import DAY, HOUR, World

FALSE_REPORTS_EVERY = 4 * DAY

_Waiting = tuple[tuple[int, str, str, int], int, str, bytes]
"""A message until it is sent: its place in the order, copies, why it must be refused, and the record packed.

What a train will report for weeks is known when it arrives, so most of a streamed world's memory waits here.
"""


def simulate(name: str | Scenario, seed: int = 1, scale: float | None = None) -> SimulatedWorld:
    """The world of scenario ``name`` with ``seed``, at ``scale`` times today's traffic (None: the scenario's own).

    Raises UnknownScenario. Everything is computed on first use.
    """
    known = name if isinstance(name, Scenario) else scenario(name)
    share = known.scale.value if scale is None else scale
    if not share > 0:
        raise ValueError(
            f"scale {share} is no share of today's traffic; give a number above 0, 1.0 is all of it"
        )
    return SimulatedWorld(known, seed, share)


@dataclass(frozen=True)
class PlayedWorld:
    """A world with all that happened in it, all that was published, and where its trains were."""

    world: World
    publication: Publication
    tracks: Tracks


@dataclass(frozen=True)
class SimulatedWorld:
    """A scenario played with one seed at one scale; times are UTC microseconds."""

    scenario: Scenario
    seed: int
    scale: float

    @property
    def starts(self) -> int:
        """When the first train leaves; its cargo is booked up to eleven days earlier."""
        return micros(self.scenario.starts)

    @property
    def opens(self) -> int:
        """From when the world is worth watching; what was published before is history."""
        return micros(self.scenario.opens)

    @property
    def ends(self) -> int:
        """The moment of the truth: later nothing has happened."""
        return micros(self.scenario.ends)

    @property
    def boxes(self) -> int:
        """Containers per train."""
        return int(self.scenario.boxes.value)

    @cached_property
    def timetable(self) -> tuple[tuple[int, str, Service], ...]:
        """Every departure: when, the train's number in this world, its service."""
        found = [
            (leaves, f"{service.id}-{number:04d}", service)
            for service in running(self.scenario)
            for number, leaves in enumerate(
                departures(
                    service,
                    self.starts,
                    micros(self.scenario.last_departure),
                    self.scale,
                    World(self.seed, 0).random("timetable", service.id),
                )
            )
        ]
        return tuple(sorted(found, key=lambda departure: departure[:2]))

    def messages(self) -> Iterator[Message]:
        """Every message in the order of publication; ``sent`` is its simulated time of publication.

        What is over is forgotten, so memory follows the trains on their way, not the length of the world.
        """
        waiting: list[_Waiting] = []
        posted = 0

        def post(message: Message) -> None:
            nonlocal posted
            posted += 1
            order = message.sent, message.party, message.record["id"], posted
            heapq.heappush(
                waiting,
                (order, message.copies, message.refused_as, zlib.compress(orjson.dumps(message.record), 1)),
            )

        def sent() -> Message:
            (at, party, _, _), copies, refused_as, record = heapq.heappop(waiting)
            return Message(at, party, orjson.loads(zlib.decompress(record)), copies, refused_as)

        journey, _ = self.begin(World(self.seed, self.ends, forgetful=True), NO_TRACKS, post)
        for at in journey.steps():
            while waiting and waiting[0][0][0] < at - DAY:
                yield sent()
        while waiting:
            yield sent()

    def truth(self) -> Mapping[str, Truth]:
        """What a correct view of every consignment shows at the end, by consignment."""
        return MappingProxyType(truth.truths(self.played.world, self.played.publication))

    def snapshot(self, at: int) -> Snapshot:
        """Where every train is at ``at``."""
        return self.played.tracks.at(at)

    def simulation(self) -> Simulation:
        """The same world in the form that the demo and the proof take."""
        first = micros(self.scenario.starts)
        days = (self.ends - first) // DAY
        scale = Scale(self.seed, len(self.timetable), self.boxes, days, self.ends)
        return Simulation(scale, self.played.world, self.played.publication, self.truth())

    @cached_property
    def played(self) -> PlayedWorld:
        """The world with everything in it; memory follows its size."""
        world, tracks = World(self.seed, self.ends), Tracks()
        journey, reporter = self.begin(world, tracks)
        journey.run()
        return PlayedWorld(world, reporter.publish(), tracks)

    def begin(
        self, world: World, tracks: Tracks = NO_TRACKS, sink: Callable[[Message], None] | None = None
    ) -> tuple[Journey, Reporter]:
        """Put everything of this scenario on the agenda of an empty ``world``; ``sink`` takes the messages."""
        conditions = conditions_of(self.scenario, self.scale)
        reporter = Reporter(world, Rates(), conditions.outages, sink)
        journey = Journey(world, reporter, conditions, tracks)
        for leaves, number, service in self.timetable:
            journey.send(number, service, leaves, self.boxes)
        for at in range(self.starts + 2 * DAY, self.ends - 41 * HOUR, FALSE_REPORTS_EVERY):
            journey.spread_false_reports(at, 3, len(INTERFERENCES), 1)
        return journey, reporter


def running(known: Scenario) -> tuple[Service, ...]:
    """The services of a scenario, by the ways that it chooses; raises ValueError where it names one that is none."""
    every = services()
    chosen = tuple(every) if known.services == ("*",) else known.services
    if unknown := sorted(set(chosen) - every.keys()):
        raise ValueError(f"{known.name}: no service {unknown[0]!r}; there are {', '.join(sorted(every))}")
    found = []
    for name in chosen:
        service = every[name]
        if known.via is not None and name in known.via.services:
            suffix = "W" if service.direction == "WEST" else "E"
            other = railnet.corridors()[f"{known.via.by}-{suffix}"].stations
            service = service.by(spliced(service.path, other))
        found.append(service)
    return tuple(found)


def conditions_of(known: Scenario, share: float) -> Conditions:
    """The circumstances of a scenario at ``share`` times today's traffic."""

    def value(name: str, otherwise: float) -> float:
        stated = getattr(known, name)
        return otherwise if stated is None else float(stated.value)

    # A file fixes its numbers for its own scale; at another one they grow with the traffic.
    grown = share / known.scale.value
    hours = known.detained_hours
    return Conditions(
        capacity=share,
        least_per_day=value("least_per_day", DEFAULT.least_per_day) * max(1.0, grown),
        yard=round(value("yard", 0) * max(1.0, grown)),
        closures=_closures(known),
        stops=tuple(
            LoadingStop(crossing, stop.direction, *stop.interval, stop.by, stop.fact, stop.spares_timetabled)
            for stop in known.stop
            for crossing in stop.concerned
        ),
        counts=tuple(Count(c.crossing, c.by, micros(c.at), c.reported, c.fact) for c in known.count),
        outages=tuple(
            Outage(o.party, micros(o.starts), micros(o.ends), int(o.backfill_hours * HOUR))
            for o in known.outage
        ),
        detained=value("detained", DEFAULT.detained),
        detained_hours=DEFAULT.detained_hours if hours is None else (hours.least, hours.most),
        returned=value("returned", DEFAULT.returned),
        detours=_detours(known),
    )


def _closures(known: Scenario) -> tuple[Closure, ...]:
    return tuple(
        Closure(crossing, *closed.interval, closed.by, closed.announced, closed.fact)
        for closed in known.closure
        for crossing in closed.crossings
    )


def _detours(known: Scenario) -> dict[str, Detour]:
    if known.detour is None:
        return {}
    path = railnet.corridors()[known.detour.by].stations
    return {name: Detour(path, known.detour.share) for name in known.detour.services}
