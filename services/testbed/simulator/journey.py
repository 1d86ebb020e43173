"""The journeys of all trains, in the order of time, with what borders, orders and customs do to them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random

from services.testbed.simulator.border import Borders, Orders
from services.testbed.simulator.conditions import DEFAULT, Conditions, LoadingStop, lasting
from services.testbed.simulator.customs import Control, Customs
from services.testbed.simulator.destination import Destination
from services.testbed.simulator.faults import FalseReports, Reporter
from services.testbed.simulator.fleet import Boxes
from services.testbed.simulator.frontier import Frontier
from services.testbed.simulator.line import Line
from services.testbed.simulator.origin import Origin
from services.testbed.simulator.service import Section, Service, Train, spliced
from services.testbed.simulator.tracks import NO_TRACKS, State, Tracks
from services.testbed.simulator.world import DAY, HOUR, MINUTE, Happening, World

BOOKS = 11 * DAY
"""How long before it leaves a train is in the books."""


class Journey:
    """Sends trains over their services; whatever lies after the world's moment has not happened."""

    def __init__(
        self, world: World, reporter: Reporter, conditions: Conditions = DEFAULT, tracks: Tracks = NO_TRACKS
    ) -> None:
        self._world = world
        self._conditions = conditions
        self._boxes = Boxes(world)
        self._line = Line(world, tracks)
        self._customs = Customs(world, self._line)
        self._origin = Origin(world, self._boxes, reporter, conditions.financed)
        self._destination = Destination(world, self._boxes, self._origin, self._line, self._customs)
        self._control = Control(world, self._line, self._customs, conditions)
        borders = Borders(conditions)
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._frontier = Frontier(
            world, self._line, self._customs, borders, conditions, self._later, self._go
        )
        self._false_reports = FalseReports(world, reporter)
        Orders(world, reporter, conditions, self._frontier.waiting_trains).schedule(self._later)
        self._aboard: dict[str, int] = {}

    def send(self, number: str, service: Service, leaves: int, boxes: int) -> None:
        """Let train ``number`` of ``service`` leave at ``leaves`` with ``boxes`` boxes, once ``run`` comes to it."""
        self._later(leaves - BOOKS, lambda: self._gather(number, service, leaves, boxes))

    def spread_false_reports(self, at: int, retracted: int, strange: int, stolen: int) -> None:
        """Spread so many false reports at ``at``."""
        self._later(
            at, lambda: self._false_reports.spread(at, tuple(self._aboard), retracted, strange, stolen)
        )

    def run(self) -> None:
        """Let everything happen."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[int]:
        """Let everything happen, step by step, so that nothing rests on what comes after it.

        Before each step its time is yielded: from then on nothing is published that was sent more than a day earlier.
        """
        while self._agenda:
            at, _, step = heapq.heappop(self._agenda)
            if at > self._world.now:
                return
            yield at
            step()

    def _later(self, at: int, step: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, self._world.serial("step"), step))

    # ---- at the origin

    def _gather(self, number: str, service: Service, leaves: int, boxes: int) -> None:
        ready = self._origin.gather(service, number, leaves, boxes)
        self._later(leaves - 20 * HOUR, lambda: self._depart(number, service, leaves, ready))

    def _depart(self, number: str, service: Service, leaves: int, ready: list[str]) -> None:
        """Load the train, unless an order stops loading for its border: then its cargo waits for another one."""
        stop = self._stopped(service, leaves)
        if stop is None:
            self._load(number, service, leaves, ready)
            return
        random = self._world.random("rolled", number)
        known, later, operator = max(stop.start, leaves - 19 * HOUR), leaves, service.operator
        while (order := self._stopped(service, later)) is not None:
            later = order.end + lasting(random, "next-slot-after-stop")
        rolled = max(known + HOUR, later - lasting(random, "new-slot-told-before"))
        new = {"train": f"{operator}/{number}/rolled"}
        why = {"reason": "RESTRICTION"}
        for cargo in self._world.cargo_in(ready, known):
            self._slot("movement.train_cancelled", cargo.key, cargo.booking, known, operator, why)
            self._slot("movement.slot_rolled", cargo.key, cargo.booking, rolled, operator, new)
        self._later(later - 20 * HOUR, lambda: self._load(number, service, later, ready))

    def _stopped(self, service: Service, at: int) -> LoadingStop | None:
        return self._conditions.stop_for(service.crossings, service.direction, service.timetabled, at)

    def _slot(
        self, what: str, cargo: str, booking: str, at: int, operator: str, details: dict[str, str]
    ) -> None:
        about = (("booking", booking),)
        self._world.happen(
            Happening(at, what, about, (operator,), cargoes=frozenset({cargo}), details=details)
        )

    def _load(self, number: str, service: Service, leaves: int, ready: list[str]) -> None:
        random = self._world.random("journey", number)
        start = service.origin
        wagons = self._line.load(start.railway, ready, leaves - 10 * HOUR, start.station, random)
        for box in ready:
            at = leaves - lasting(random, "loaded-before-departure")
            witnesses = start.railway, start.terminal
            about = (("container", box),)
            self._world.happen(
                Happening(
                    at, "movement.loaded_on_wagon", about, witnesses, frozenset({box}), place=start.place
                )
            )
            self._aboard[box] = leaves
        train = self._line.compose(service, 0, wagons, leaves - 6 * HOUR, start.station)
        if start.country == "CN":
            manifest = leaves - lasting(random, "manifest-before-departure")
            self._line.report(
                "customs.manifest_accepted", train, manifest, "", (start.customs,), jurisdiction="CN"
            )
        self._line.stand(train, leaves - 6 * HOUR, leaves, start.station, State.LOADING)
        self._go(train, leaves, start.station)

    # ---- on the way

    def _go(self, train: Train, leaves: int, start: str) -> None:
        """Let ``train`` leave ``start`` on its section at ``leaves``."""
        if train.wagons:
            self._later(leaves, lambda: self._run(train, leaves, start))

    def _run(self, train: Train, leaves: int, start: str) -> None:
        """Run to the last yard before the end of the section, with what happens to trains on the way."""
        self._detour(train, leaves, start)
        section = train.section
        random = self._world.random("run", train.key, start, leaves)
        stations = section.stations[section.stations.index(start) :]
        if len(stations) > 2 and random.random() < self._conditions.held.get(train.railway, 0.0):
            leaves = self._hold(train, stations[:2], leaves, random)
            stations = stations[1:]
        if train.railway == "rzd" and not train.checked and len(stations) > 2:
            station = self._checked_at(section, stations, random)
            along = stations[: stations.index(station) + 1]
            arrived = self._line.run(train, along, leaves, random)
            train.checked = True
            self._later(arrived, lambda: self._check(train, arrived, station))
            return
        if len(stations) == 1:
            self._later(leaves, lambda: self._arrive(train, leaves))
            return
        if len(stations) == 2:
            self._later(leaves, lambda: self._approach(train, leaves, stations[0], passing=False))
            return
        arrived = self._line.run(train, stations[:-1], leaves, random)
        self._later(arrived, lambda: self._approach(train, arrived, stations[-2], passing=True))

    def _checked_at(self, section: Section, stations: tuple[str, ...], random: Random) -> str:
        return random.choice([station for station in section.reports_at if station in stations[1:]])

    def _check(self, train: Train, arrived: int, station: str) -> None:
        random = self._world.random("check", train.key, station)
        goes = self._control.look(train, arrived, station, random, self._go)
        self._go(train, goes, station)

    def _hold(self, train: Train, stations: tuple[str, ...], leaves: int, random: Random) -> int:
        """The train is set aside on the way; return when it goes on."""
        at = self._line.run(train, stations, leaves, random)
        self._line.report("movement.train_held", train, at, stations[-1], details={"reason": "CONGESTION"})
        resumed = at + lasting(random, "held-on-the-way")
        self._line.report("movement.train_resumed", train, resumed, stations[-1])
        self._line.stand(train, at, resumed + 30 * MINUTE, stations[-1], State.HELD)
        return resumed + 30 * MINUTE

    def _approach(self, train: Train, at: int, station: str, *, passing: bool) -> None:
        """From the last yard to the end of the section; where the border is full the train is held in the yard."""
        if not train.wagons:
            return
        random = self._world.random("approach", train.key, station)
        section, leaves = train.section, at
        departs = not passing
        if section.into:
            leaves = self._frontier.wait(train, at, station, random)
            departs = departs or leaves > at
        if passing and leaves == at:
            self._line.pass_by(train, at, station, random)
            leaves = at + lasting(random, "stop-at-a-station")
            self._line.stand(train, at, leaves, station, State.STANDING)
        arrived = self._line.run(train, (station, section.last), leaves, random, departs=departs)
        self._later(arrived, lambda: self._arrive(train, arrived))

    def _arrive(self, train: Train, at: int) -> None:
        random = self._world.random("arrive", train.key)
        if train.section.into:
            self._frontier.arrive(train, at, random)
            return
        self._destination.arrive(train, at, random)
        for box in train.boxes:
            self._aboard.pop(box, None)

    def _detour(self, train: Train, at: int, start: str) -> None:
        """While its border is closed a train may take another way, if one begins ahead of it on this section."""
        service = train.service
        detour = self._conditions.detours.get(service.id)
        if detour is None or detour.path[0] not in self._ahead(train, start):
            return
        if not self._conditions.shut_ahead(service.crossings[train.part :], at):
            return
        random = self._world.random("detour", train.formation)
        if random.random() >= detour.share:
            return
        train.service = service.by(spliced(service.path, detour.path))
        for cargo in self._world.cargo_in(train.boxes, at):
            self._world.route(cargo, cargo.founder, at, at + HOUR, train.service.route)

    def _ahead(self, train: Train, start: str) -> tuple[str, ...]:
        path, section = train.service.path, train.section
        return path[path.index(start) : path.index(section.last) + 1]
