"""Russian customs look into transit boxes inland, long after the border, and keep some of them and their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from services.testbed.simulator.conditions import Conditions
from services.testbed.simulator.customs import Customs
from services.testbed.simulator.durations import lasting
from services.testbed.simulator.line import Line
from services.testbed.simulator.service import Train
from services.testbed.simulator.tracks import State
from services.testbed.simulator.world import HOUR, Happening, Wagon, World, span

Onward = Callable[[Train, int, str], None]
"""Sends a train on: the train, when it leaves, and from which station of its section."""


class Control:
    """Detains boxes at any inland station of the Russian section."""

    def __init__(self, world: World, line: Line, customs: Customs, conditions: Conditions) -> None:
        self._world = world
        self._line = line
        self._customs = customs
        self._conditions = conditions

    def look(self, train: Train, at: int, station: str, random: Random, onward: Onward) -> int:
        """Look into ``train`` at ``station``; return when what is left of it may go on."""
        self._line.say("movement.arrived", train, at, station)
        goes = at + lasting(random, "stands-for-control")
        for wagon in tuple(train.wagons):
            if random.random() < self._conditions.detained * len(wagon.boxes):
                self._detain(train, wagon, at, station, random, onward)
        if train.wagons:
            self._line.stand(train, at, goes, station, State.STANDING)
        return goes

    def _detain(
        self, train: Train, wagon: Wagon, arrived: int, station: str, random: Random, onward: Onward
    ) -> None:
        """A box is detained, and with it its clean neighbour on the wagon."""
        at = arrived + HOUR
        for box in wagon.boxes:
            ground = "DUAL_USE" if box == wagon.boxes[0] else "NEIGHBOUR_ON_WAGON"
            self._customs.say("customs.detained", [box], at, "RU", ("eaeu-ru",), {"ground": ground})
        self._line.detach(train, wagon, at + HOUR)
        lifted = at + span(random, *self._conditions.detained_hours, HOUR)
        back = random.random() < self._conditions.returned
        says = {"outcome": "RETURNED" if back else "CLEARED"}
        self._customs.say("customs.detention_lifted", wagon.boxes, lifted, "RU", ("eaeu-ru",), says)
        kept = Train(
            train.key, "rzd", [wagon], train.composed, at, train.service, train.part, train.formation
        )
        if back:
            leaves = lifted + lasting(random, "returned-after-lifting")
            self._line.stand(kept, arrived, leaves, station, State.DETAINED)
            self._back(wagon, lifted + 3 * HOUR, leaves, station, train.service.operator)
            return
        leaves = lifted + lasting(random, "onward-after-lifting")
        self._line.stand(kept, arrived, leaves, station, State.DETAINED)
        goes = self._line.compose(
            train.service, train.part, [wagon], lifted + 4 * HOUR, station, train.formation
        )
        goes.checked = True
        onward(goes, leaves, station)

    def _back(self, wagon: Wagon, known: int, leaves: int, station: str, operator: str) -> None:
        """The boxes go back to where they came from; nobody in this world sees them arrive."""
        about, boxes = tuple(("container", box) for box in wagon.boxes), frozenset(wagon.boxes)
        why = {"reason": "CUSTOMS"}
        self._world.happen(Happening(known, "movement.returned", about, (operator,), boxes, says=why))
        self._world.happen(
            Happening(
                leaves,
                "movement.departed",
                about,
                ("rzd",),
                boxes,
                place=f"railnet:{station}",
                occurrence="back",
            )
        )
