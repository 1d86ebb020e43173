"""The journey of one train after another along the corridor, with what the borders do to them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from random import Random

from services.simulator.destination import Destination
from services.simulator.fleet import Boxes
from services.simulator.line import SECTIONS, Line, Section, Train
from services.simulator.origin import ORIGIN, Origin
from services.simulator.world import DAY, HOUR, MINUTE, Happening, Says, Wagon, World, span

HELD = 0.2
DETAINED = 0.05
CONTROL = "smolensk"
"""Where Russian customs look into transit boxes: inland, long after the border."""


class Journey:
    """Sends trains from Xi'an to Duisburg; whatever lies after the world's moment has not happened."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._boxes = Boxes(world)
        self._line = Line(world)
        self._origin = Origin(world, self._boxes)
        self._destination = Destination(world, self._boxes, self._origin, self._line)
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []

    def send(self, number: int, leaves: int, boxes: int) -> None:
        """Let train ``number`` leave Xi'an at ``leaves`` with ``boxes`` boxes, once ``run`` comes to it."""
        self._later(leaves - 11 * DAY, lambda: self._leave(number, leaves, boxes))

    def run(self) -> None:
        """Let everything happen, in the order of time, so that nothing rests on what comes after it."""
        while self._agenda:
            at, _, step = heapq.heappop(self._agenda)
            if at <= self._world.now:
                step()

    def _later(self, at: int, step: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, self._world.serial("step"), step))

    def _leave(self, number: int, leaves: int, boxes: int) -> None:
        ready = self._origin.gather(number, leaves, boxes)
        random = self._world.random("journey", number)
        wagons = self._line.load("cr", ready, leaves - 10 * HOUR, ORIGIN, random)
        for box in ready:
            at = leaves - span(random, 7, 9.5, HOUR)
            self._boxes_say("movement.loaded_on_wagon", [box], at, ORIGIN, ("cr", "xian-terminal"))
        train = self._line.compose("cr", wagons, leaves - 6 * HOUR, ORIGIN)
        manifest = leaves - span(random, 1, 4, HOUR)
        self._line.say("customs.manifest_accepted", train, manifest, "", ("gacc",), jurisdiction="CN")
        self._go(train, 0, leaves, random)

    def _go(self, train: Train, part: int, leaves: int, random: Random, start: str = "") -> None:
        """At ``leaves``, run ``train`` over section number ``part`` (from ``start``) and hand it on to the next."""
        if train.wagons:
            self._later(leaves, lambda: self._run(train, part, leaves, random, start))

    def _run(self, train: Train, part: int, leaves: int, random: Random, start: str) -> None:
        section = SECTIONS[part]
        stations = (section.first, *section.tells, section.last)
        if start:
            stations = stations[stations.index(start) :]
        if section.railway == "ktz" and random.random() < HELD:
            leaves = self._hold(train, stations[:2], leaves, random)
            stations = stations[1:]
        if section.railway == "rzd" and start != CONTROL:
            leaves = self._control(train, stations[: stations.index(CONTROL) + 1], leaves, random)
            stations = stations[stations.index(CONTROL) :]
            if not train.wagons:
                return
        arrives = self._line.run(train, stations, leaves, random)
        if not section.into:
            self._destination.arrive(train, arrives, random)
            return
        self._line.say("movement.arrived", train, arrives, section.last, ("xianport",))
        self._meet(train, part, arrives, random)

    def _hold(self, train: Train, stations: tuple[str, ...], leaves: int, random: Random) -> int:
        """The train is set aside on the way; return when it goes on."""
        at = self._line.run(train, stations, leaves, random)
        self._line.say("movement.train_held", train, at, stations[-1], says={"reason": "CONGESTION"})
        resumed = at + span(random, 6, 60, HOUR)
        self._line.say("movement.train_resumed", train, resumed, stations[-1])
        return resumed + 30 * MINUTE

    def _meet(self, train: Train, part: int, arrived: int, random: Random) -> None:
        section, after = SECTIONS[part], SECTIONS[part + 1]
        if section.into == "alashankou-dostyk":
            self._into_1520(train, part, arrived, random)
        elif section.into == "brest-malaszewicze":
            self._into_1435(train, part, arrived, random)
        else:
            at = arrived + span(random, 2, 6, HOUR)
            self._line.cross(train, section.into, section.railway, after.railway, at, random)
            self._line.end(train, at, random)
            onward = self._line.compose(after.railway, train.wagons, at + 10 * MINUTE, after.first)
            self._go(onward, part + 1, at + span(random, 1, 3, HOUR), random)

    # ---- borders with a change of gauge

    def _into_1520(self, train: Train, part: int, arrived: int, random: Random) -> None:
        boxes = train.boxes
        self._customs("customs.prior_information_lodged", boxes, arrived + HOUR, "KZ", ("xianport",), {})
        cleared = arrived + span(random, 2, 7, HOUR)
        self._line.say("customs.exit_cleared", train, cleared, "", ("gacc",), jurisdiction="CN")
        at = arrived + span(random, 8, 30, HOUR)
        self._line.cross(train, "alashankou-dostyk", "cr", "ktz", at, random)
        opened = at + span(random, 1, 3, HOUR)
        self._customs("customs.transit_opened", boxes, opened, "KZ", ("eaeu-kz",), {"procedure": "EAEU"})
        self._transship(train, part, at, ("dostyk", 1435, 1520), 2 if len(boxes) > 5 else 1, random)

    def _into_1435(self, train: Train, part: int, arrived: int, random: Random) -> None:
        boxes = train.boxes
        lodged = arrived - span(random, 4, 8, HOUR)
        self._customs("customs.ens_lodged", boxes, lodged, "PL", ("pkp",), {"level": "MASTER"})
        if random.random() < 0.1:
            asked = {"outcome": "RFI"}
            self._customs("customs.ens_referred", boxes, lodged + HOUR, "PL", ("eu-pl",), asked)
        self._customs("customs.ens_assessed", boxes, lodged + 3 * HOUR, "PL", ("eu-pl",), {"outcome": "OK"})
        closed = arrived + span(random, 1, 6, HOUR)
        self._customs("customs.transit_closed", boxes, closed, "BY", ("eaeu-by",), {})
        at = arrived + span(random, 8, 30, HOUR)
        self._line.cross(train, "brest-malaszewicze", "bch", "pkp", at, random)
        reissued = at + span(random, 2, 5, HOUR)
        self._destination.exchange_notes(boxes, reissued)
        opened = at + span(random, 6, 12, HOUR)
        self._customs("customs.transit_opened", boxes, opened, "PL", ("eu-pl",), {"procedure": "T1"})
        self._transship(train, part, at, ("malaszewicze", 1520, 1435), 1, random)

    def _transship(
        self, train: Train, part: int, handed: int, gauge: tuple[str, int, int], parts: int, random: Random
    ) -> None:
        """Lift the boxes over to wagons of the other gauge and send them on, in one train or split over several."""
        place, old, new = gauge
        after: Section = SECTIONS[part + 1]
        boxes, lifted = train.boxes, handed
        self._line.end(train, handed, random)
        shares = [boxes[n * len(boxes) // parts : (n + 1) * len(boxes) // parts] for n in range(parts)]
        onward: list[tuple[Train, int]] = []
        for share in shares:
            lifted += span(random, 3, 20, HOUR)
            says: Says = {"gauge_from": old, "gauge_to": new}
            self._boxes_say("movement.transshipped", share, lifted, place, (after.railway,), says)
            wagons = self._line.load(after.railway, share, lifted, place, random)
            composed = self._line.compose(after.railway, wagons, lifted + HOUR, place)
            onward.append((composed, lifted + span(random, 2, 12, HOUR)))
        pool = self._line.pools["cr" if old == 1435 else "ktz"]
        for wagon in train.wagons:
            pool.unload(wagon, lifted)
        for number, (next_train, leaves) in enumerate(onward):
            self._go(next_train, part + 1, leaves, self._world.random("part", next_train.key, number))

    # ---- detention inland

    def _control(self, train: Train, stations: tuple[str, ...], leaves: int, random: Random) -> int:
        """Run to where customs look into the boxes; return when what is left of the train may go on."""
        at = self._line.run(train, stations, leaves, random)
        self._line.say("movement.arrived", train, at, CONTROL)
        for wagon in tuple(train.wagons):
            if random.random() < DETAINED * len(wagon.boxes):
                self._detain(train, wagon, at, random)
        return at + span(random, 3, 5, HOUR)

    def _detain(self, train: Train, wagon: Wagon, arrived: int, random: Random) -> None:
        """A box is detained, and with it its clean neighbour on the wagon."""
        at = arrived + HOUR
        for box in wagon.boxes:
            ground = "DUAL_USE" if box == wagon.boxes[0] else "NEIGHBOUR_ON_WAGON"
            self._customs("customs.detained", [box], at, "RU", ("eaeu-ru",), {"ground": ground})
        self._line.detach(train, wagon, at + HOUR)
        lifted = at + span(random, 24, 500, HOUR)
        back = random.random() < 0.35
        says = {"outcome": "RETURNED" if back else "CLEARED"}
        self._customs("customs.detention_lifted", wagon.boxes, lifted, "RU", ("eaeu-ru",), says)
        if back:
            why = {"reason": "CUSTOMS"}
            self._boxes_say("movement.returned", wagon.boxes, lifted + 3 * HOUR, "", ("xianport",), why)
            leaves = lifted + span(random, 10, 50, HOUR)
            self._boxes_say("movement.departed", wagon.boxes, leaves, CONTROL, ("rzd",), occurrence="back")
            return
        onward = self._line.compose("rzd", [wagon], lifted + 4 * HOUR, CONTROL)
        own = self._world.random("released", wagon.number, lifted)
        self._go(onward, 2, lifted + span(random, 6, 30, HOUR), own, start=CONTROL)

    # ---- what is said of boxes rather than of a train

    def _boxes_say(
        self,
        what: str,
        boxes: list[str] | tuple[str, ...],
        at: int,
        place: str,
        witnesses: tuple[str, ...],
        says: Says | None = None,
        occurrence: str = "",
    ) -> None:
        about = tuple(("container", box) for box in boxes)
        where = f"railnet:{place}" if place else ""
        happening = Happening(
            at, what, about, witnesses, frozenset(boxes), place=where, occurrence=occurrence
        )
        self._world.happen(_with(happening, says))

    def _customs(
        self,
        what: str,
        boxes: list[str] | tuple[str, ...],
        at: int,
        jurisdiction: str,
        witnesses: tuple[str, ...],
        says: Says,
    ) -> None:
        about = tuple(("container", box) for box in boxes)
        happening = Happening(at, what, about, witnesses, frozenset(boxes), jurisdiction=jurisdiction)
        self._world.happen(_with(happening, says))


def _with(happening: Happening, says: Says | None) -> Happening:
    return replace(happening, says=says or {})
