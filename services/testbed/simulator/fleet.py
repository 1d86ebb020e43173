"""Boxes and wagons that go round: taken when free, given back, and what has to be written down when they are reused."""

from __future__ import annotations

from dataclasses import dataclass

from services.testbed.simulator import numbers
from services.testbed.simulator.world import DAY, HOUR, Bond, Lading, Wagon, World

COMES_BACK = 9 * DAY
"""How long an empty box travels from one end of the world to the other."""


@dataclass(slots=True)
class _Idle:
    number: str
    free: int
    bonds: tuple[Bond, ...]  # that still hold it, as written
    author: str
    closable: bool  # whether each of the bonds concerns this box or wagon alone
    country: str = ""  # where it is


class Boxes:
    """The containers of the world; a returned one serves again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle: list[_Idle] = []

    def take(self, at: int, author: str, country: str) -> str:
        """A box that is free at ``at`` in ``country`` for a cargo that ``author`` will assign to it.

        One from abroad comes back empty first. An open assignment of the same teller ends by itself with his next one;
        another's has to be closed.
        """
        for idle in self._idle:
            there = idle.free if idle.country == country else idle.free + COMES_BACK
            if there < at and (idle.author == author or idle.closable):
                self._idle.remove(idle)
                if idle.author != author:
                    self.close(idle.number, idle.free - HOUR, at, idle.bonds)
                return idle.number
        return numbers.container(self._world.serial("box"))

    def fill(self, cargo: str, box: str, at: int) -> None:
        """Put ``cargo`` into ``box`` at ``at``; what an earlier journey left written there is over."""
        for earlier in self._world.history(box):
            if earlier.end is None and earlier.start < at - 24 * HOUR:
                earlier.end = at
        self._world.forget(box, at)
        self._world.put(Lading(cargo, box, at))

    def close(self, box: str, at: int, known: int, bonds: tuple[Bond, ...]) -> None:
        """Write down, at ``known``, that what is in ``box`` left it at ``at``."""
        for bond in bonds:
            bond.revise(at, known, {"to": at})
        for lading in self._world.history(box):
            if lading.end is None:
                lading.end, lading.closed = at, True

    def give_back(self, box: str, free: int, bonds: tuple[Bond, ...], closable: bool, country: str) -> None:
        """The box is empty and free again from ``free`` on, in ``country``."""
        if bonds and free <= self._world.now:
            self._idle.append(_Idle(box, free, bonds, bonds[0].author, closable, country))


class Wagons:
    """The wagons of one railway; a freed one serves again, and its old load is then closed in writing."""

    def __init__(self, world: World, railway: str) -> None:
        self._world = world
        self._railway = railway
        self._idle: list[_Idle] = []

    def load(self, boxes: tuple[str, ...], at: int, place: str, late: int = 0) -> Wagon:
        """Put ``boxes`` on a wagon at ``at``; ``late`` is after how long that is written down."""
        number = self._number(at)
        details = {"wagon": number, "containers": list(boxes), "place": f"railnet:{place}", "from": at}
        bond = self._world.bind("link.wagon_loaded", self._railway, at + late, details)
        return Wagon(number, boxes, bond)

    def unload(self, wagon: Wagon, at: int) -> None:
        """The wagon is empty from ``at`` on."""
        self._idle.append(_Idle(wagon.number, at, (wagon.loaded,), self._railway, True))

    def _number(self, at: int) -> str:
        for idle in self._idle:
            if idle.free + 2 * HOUR < at:
                self._idle.remove(idle)
                for bond in idle.bonds:  # written down only now that the wagon is wanted again
                    bond.revise(idle.free, at, {"to": idle.free})
                return idle.number
        return numbers.wagon(self._railway, self._world.serial(f"wagon {numbers.CODE[self._railway]}"))
