"""A sea leg: the boxes of a train go on board, sail, and go on by rail from the port on the other side."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from services.testbed.simulator.durations import lasting
from services.testbed.simulator.line import Line
from services.testbed.simulator.service import Train
from services.testbed.simulator.tracks import State
from services.testbed.simulator.world import HOUR, Happening, World, span


class Ferry:
    """All vessels of a world; ``later`` is its agenda, ``go`` sends a train on."""

    def __init__(
        self,
        world: World,
        line: Line,
        later: Callable[[int, Callable[[], None]], None],
        go: Callable[[Train, int, str], None],
    ) -> None:
        self._world = world
        self._line = line
        self._later = later
        self._go = go

    def sail(self, train: Train, at: int, random: Random) -> None:
        """Load the boxes on a vessel, and unload them on the other side for the train to the terminal."""
        service, section, part = train.service, train.section, train.part + 1
        after, operator = service.sections[part], service.operator
        loaded = at + lasting(random, "loaded-on-ship")
        hours = service.hours[after.first] - service.hours[section.last]
        landed = loaded + span(random, hours, hours * 1.2, HOUR)
        self._vessel("movement.loaded_on_vessel", train.boxes, loaded, section.last, (operator,))
        terminal = service.destination.terminal
        self._vessel(
            "movement.discharged_from_vessel", train.boxes, landed, after.first, (terminal, operator)
        )
        for wagon in train.wagons:
            self._line.free(wagon, loaded)
        self._line.stand(train, at, loaded, section.last, State.STANDING)
        self._line.tracks.sail(train, loaded, landed, section.last, after.first)
        self._later(landed, lambda: self._land(train, landed))

    def _land(self, train: Train, landed: int) -> None:
        random = self._world.random("land", train.key)
        service, part = train.service, train.part + 1
        after = service.sections[part]
        wagons = self._line.load(after.railway, train.boxes, landed + HOUR, after.first, random)
        onward = self._line.compose(service, part, wagons, landed + 2 * HOUR, after.first, train.formation)
        self._line.stand(onward, landed, landed + 4 * HOUR, after.first, State.STANDING)
        self._go(onward, landed + 4 * HOUR, after.first)

    def _vessel(self, what: str, boxes: list[str], at: int, station: str, witnesses: tuple[str, ...]) -> None:
        about = tuple(("container", box) for box in boxes)
        place = f"railnet:{station}"
        self._world.happen(Happening(at, what, about, witnesses, frozenset(boxes), place=place))
