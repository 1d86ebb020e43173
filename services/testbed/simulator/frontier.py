"""What happens to a train where one railway ends and the next begins: queue, customs, hand-over, change of gauge, pieces."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from schemas import railnet
from services.testbed.simulator.border import Borders, dwell
from services.testbed.simulator.conditions import Conditions, lasting
from services.testbed.simulator.customs import Customs
from services.testbed.simulator.line import Line
from services.testbed.simulator.service import Train
from services.testbed.simulator.tracks import State
from services.testbed.simulator.world import HOUR, MINUTE, SECOND, Happening, World, span


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


PATIENCE = 30 * HOUR
"""How long a piece of a train waits for the others before it goes on alone."""
SHOWN = 8 * HOUR
"""A train that waits longer than this for its turn is reported as queued."""
PIECES_ABOVE = 5
"""A train with more boxes than this goes on in two pieces where it changes to 1520 mm."""


class Frontier:
    """All crossings of a world; ``later`` is its agenda, ``go`` sends a train on."""

    def __init__(
        self,
        world: World,
        line: Line,
        customs: Customs,
        borders: Borders,
        conditions: Conditions,
        later: Callable[[int, Callable[[], None]], None],
        go: Callable[[Train, int, str], None],
    ) -> None:
        self._world = world
        self._line = line
        self._customs = customs
        self._borders = borders
        self._conditions = conditions
        self._later = later
        self._go = go
        self._ferry = Ferry(world, line, later, go)
        self._waiting: dict[str, Train] = {}
        self._standing: list[
            tuple[str, int, int, bool]
        ] = []  # crossing, since, until, in the yard of the border

    def waiting_trains(self, crossing: str, at: int) -> tuple[int, int]:
        """How many trains towards Europe wait for a closed ``crossing`` at ``at``: at the border, and in all."""
        here = [
            yard for name, since, until, yard in self._standing if name == crossing and since <= at < until
        ]
        return sum(here), len(here)

    # ---- before

    def wait(self, train: Train, at: int, station: str, random: Random) -> int:
        """At the last yard before the border: return when the train goes on, later where the border is full."""
        gate = self._borders.gate(train.section.into, train.service.direction)
        yard = self._conditions.yard if railnet.crossings()[train.section.into].customs_border else 0
        if not yard or gate.waiting(at) < yard:
            return at
        hours = train.service.hours
        run = int((hours[train.section.last] - hours[station]) * 1.3 * 3_600) * SECOND
        train.slot = gate.take(at + run + dwell(train.section.into, random, 0.5))
        resumes = train.slot - run - lasting(random, "called-forward-before-slot")
        if resumes < at + 2 * HOUR:
            return at
        self._line.report("movement.train_held", train, at, station, details={"reason": "RESTRICTION"})
        if self._counted(train, at):
            self._claim(train, at, at)
            self._stands(train, at, resumes, yard=False)
        self._line.report("movement.train_resumed", train, resumes, station)
        goes = resumes + 30 * MINUTE
        self._line.stand(train, at, goes, station, State.HELD)
        return goes

    def arrive(self, train: Train, at: int, random: Random) -> None:
        """At the border station: customs and queue, then the hand-over."""
        section, operator = train.section, train.service.operator
        self._line.report("movement.arrived", train, at, section.last, (operator,))
        crossing = railnet.crossings()[section.into]
        ready = at + dwell(section.into, random, 0.6)
        slot = train.slot or self._borders.gate(section.into, train.service.direction).take(ready)
        slot = max(slot, at + HOUR)
        if crossing.customs_border:
            slot = max(slot, at + 9 * HOUR)
            if self._borders.gate(section.into, train.service.direction).shut(slot):
                slot = self._borders.gate(section.into, train.service.direction).take(slot)
            self._customs.before(train, at, slot, random)
        self._queue(train, at, slot, shown=bool(train.slot) or slot - ready >= SHOWN)
        self._later(slot, lambda: self._pass(train, slot))

    def _queue(self, train: Train, at: int, slot: int, *, shown: bool) -> None:
        """Tell that the train waits; while a border is closed the operator has counted it since the yard before."""
        station, joined, left = train.section.last, at + 40 * MINUTE, slot - 15 * MINUTE
        if not shown or left <= joined:
            self._line.stand(train, at, slot, station, State.AT_BORDER)
            return
        self._line.stand(train, at, joined, station, State.AT_BORDER)
        self._line.stand(train, joined, slot, station, State.QUEUED)
        if not train.claimed and self._counted(train, joined):
            hours = train.service.hours
            since = at - int((hours[station] - hours[train.section.stations[-2]]) * 3_600) * SECOND - 2 * HOUR
            self._claim(train, max(since, train.since + HOUR), at)
        if train.claimed:
            self._stands(train, joined, left, yard=True)
        witnesses = () if train.claimed else (train.service.operator,)
        self._line.report("movement.queued", train, joined, station, witnesses, contested=train.claimed)
        self._line.report("movement.queue_left", train, left, station)

    def _counted(self, train: Train, at: int) -> bool:
        """Whether the operator publishes counts of its own about trains at this border at that time."""
        return any(
            closure.crossing == train.section.into and closure.start - 24 * HOUR <= at < closure.end
            for closure in self._conditions.closures
        )

    def _stands(self, train: Train, since: int, until: int, *, yard: bool) -> None:
        if train.service.direction == "WEST":
            self._standing.append((train.section.into, since, until, yard))

    def _claim(self, train: Train, since: int, known: int) -> None:
        """The operator's own report that the train waits at the border: earlier than the railway's."""
        operator, station = train.service.operator, train.section.last
        train.claimed = True
        self._line.report("movement.queued", train, since, station, (operator,), alone=True, known=known)

    # ---- across

    def _pass(self, train: Train, at: int) -> None:
        """Hand over, and lift over or go on as one train."""
        random = self._world.random("pass", train.key)
        service, section = train.service, train.section
        after = service.sections[train.part + 1]
        crossing = railnet.crossings()[section.into]
        if not crossing.by_sea:
            self._line.cross(train, after.railway, at, random)
        self._line.end(train, at, random)
        if crossing.customs_border:
            self._customs.after(train, at, random)
        if crossing.by_sea:
            self._ferry.sail(train, at, random)
            return
        if crossing.gauge_change:
            self._transship(train, at, random)
            return
        leaves = at + lasting(random, "leaves-after-handover")
        if train.pieces > 1:
            self._wait_for_others(train, at)
            return
        onward = self._line.compose(
            service, train.part + 1, train.wagons, at + 10 * MINUTE, after.first, train.formation
        )
        self._line.stand(onward, at, leaves, after.first, State.STANDING)
        self._go(onward, leaves, after.first)

    def _transship(self, train: Train, handed_over: int, random: Random) -> None:
        """Lift the boxes over to wagons of the other gauge and send them on, in one train or in pieces."""
        service, crossing = train.service, railnet.crossings()[train.section.into]
        part = train.part + 1
        after, boxes = service.sections[part], train.boxes
        gauges = railnet.crossings()[train.section.into]
        west = service.sections[train.part].last == gauges.a.station
        old, new = (gauges.a.gauge, gauges.b.gauge) if west else (gauges.b.gauge, gauges.a.gauge)
        pieces = 2 if new == 1520 and len(boxes) > PIECES_ABOVE else 1
        cranes = self._borders.cranes(crossing.id, service.direction)
        shares = [boxes[n * len(boxes) // pieces : (n + 1) * len(boxes) // pieces] for n in range(pieces)]
        stands = handed_over + min(24 * HOUR, dwell(crossing.id, random, 0.2)) + 2 * HOUR
        onward: list[Train] = []
        for share in shares:
            lifted = cranes.lift(stands, crossing.transfer_hours / pieces)
            details = {"gauge_from": old, "gauge_to": new}
            about = tuple(("container", box) for box in share)
            self._world.happen(
                Happening(
                    lifted,
                    "movement.transshipped",
                    about,
                    (after.railway,),
                    frozenset(share),
                    place=f"railnet:{after.first}",
                    details=details,
                )
            )
            wagons = self._line.load(after.railway, share, lifted, after.first, random)
            composed = self._line.compose(service, part, wagons, lifted + HOUR, after.first, train.formation)
            composed.pieces = pieces
            leaves = lifted + lasting(random, "leaves-after-transshipment")
            self._line.stand(composed, handed_over, leaves, after.first, State.TRANSSHIPPING)
            onward.append(composed)
            self._go(composed, leaves, after.first)
            stands = lifted
        for wagon in train.wagons:
            self._line.free(wagon, stands)
        if pieces > 1:
            self._report("movement.split", (train,), onward, stands, after.first, after.railway)

    # ---- pieces

    def _wait_for_others(self, train: Train, at: int) -> None:
        """The train waits for its other piece, or is joined to it where that waits already."""
        other = self._waiting.pop(train.formation, None)
        if other is not None:
            self._merge(other, train, at)
            return
        self._waiting[train.formation] = train
        after = train.service.sections[train.part + 1]
        self._line.tracks.wait(train, at, after.first, State.STANDING)
        self._later(at + PATIENCE, lambda: self._alone(train, at + PATIENCE))

    def _alone(self, train: Train, at: int) -> None:
        """Nobody came: the piece goes on alone, and so will the other one."""
        if self._waiting.get(train.formation) is not train:
            return
        del self._waiting[train.formation]
        after = train.service.sections[train.part + 1]
        self._line.tracks.go(train, at)
        onward = self._line.compose(
            train.service, train.part + 1, train.wagons, at, after.first, f"{train.formation}+"
        )
        self._line.stand(onward, at, at + HOUR, after.first, State.STANDING)
        self._go(onward, at + HOUR, after.first)

    def _merge(self, train: Train, second: Train, at: int) -> None:
        """Both pieces go on as one train."""
        service, part = train.service, train.part + 1
        after = service.sections[part]
        self._line.tracks.go(train, at)
        wagons = [*train.wagons, *second.wagons]
        joined = self._line.compose(service, part, wagons, at + HOUR, after.first, train.formation)
        leaves = at + 4 * HOUR
        self._line.stand(joined, at, leaves, after.first, State.STANDING)
        self._report("movement.merged", (joined,), [train, second], at + HOUR, after.first, after.railway)
        self._go(joined, leaves, after.first)

    def _report(
        self,
        what: str,
        about: tuple[Train, ...],
        parts: list[Train],
        at: int,
        place: str,
        railway: str,
    ) -> None:
        self._world.happen(
            Happening(
                at,
                what,
                tuple(("train", train.key) for train in about),
                (railway,),
                frozenset(box for train in about for box in train.boxes),
                place=f"railnet:{place}",
                details={"parts": [{"kind": "train", "id": train.key} for train in parts]},
            )
        )
