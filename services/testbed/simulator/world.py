"""What exists and what happens in the simulated world: plain values, and the world that collects them.

Nothing here knows events, folds or claims. A happening is something that really took place, with the boxes and the
cargoes that it physically concerned; a bond is something that really belonged to something else for a while.
Times are UTC microseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Details = Mapping[str, Any]


def span(random: Random, low: float, high: float, unit: int) -> int:
    """A time between ``low`` and ``high`` units long, in whole seconds."""
    return int(random.uniform(low, high) * unit) // SECOND * SECOND


Ref = tuple[str, str]
"""Kind and id of an object, as partners write them."""


@dataclass(frozen=True, slots=True)
class Cargo:
    """The goods of one transport contract and who has to do with them; ``booked`` is when it was made."""

    founder: str
    reference: str
    booked: int
    booking: str
    note: str
    export: str  # declaration
    forwarder: str
    shipper: str
    consignee: str
    consolidated: bool
    bank: str = ""  # who financed it, "" where nobody did
    operator: str = ""  # who runs its train

    @property
    def key(self) -> str:
        """By what everybody knows it."""
        return f"{self.founder}/{self.reference}"


@dataclass(slots=True)
class Lading:
    """A cargo in a box, from the moment it is put in until ``end`` (None while nobody has taken it out).

    ``closed`` says that somebody has also written the end down, rather than only filling the box again.
    """

    cargo: str
    box: str
    start: int
    end: int | None = None
    closed: bool = False

    def holds(self, at: int) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Order:
    """``by`` says that a crossing is restricted from ``start`` on, until ``end`` as far as published (None: open)."""

    by: str
    crossing: str
    kind: str
    direction: str
    start: int
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that took place at ``at``: what, of which objects, where; and what it really concerned.

    ``boxes`` and ``cargoes`` are the world's own knowledge of whom it concerned, never taken from an event.
    ``witnesses`` are who knows of it, the one in charge first; ``details_by_party`` the fields that each of them adds. ``known``
    is since when they can report it, if later than ``at``; ``contested``: somebody has already reported it with
    another time, further apart than anybody tolerates.
    """

    at: int
    what: str
    about: tuple[Ref, ...]
    witnesses: tuple[str, ...]
    boxes: frozenset[str] = frozenset()
    cargoes: frozenset[str] = frozenset()
    place: str = ""
    occurrence: str = ""
    jurisdiction: str = ""
    details: Details = field(default_factory=dict)
    details_by_party: Mapping[str, Details] = field(default_factory=dict)
    known: int = 0
    contested: bool = False


@dataclass(slots=True)
class Bond:
    """Something that belongs to something else, as ``author`` would write it down.

    ``versions`` are (when it came about, when it was written down, what); each one replaces the one before.
    """

    what: str
    author: str
    versions: list[tuple[int, int, Details]]
    number: str = ""
    on_change: Callable[[Bond], None] = field(default=lambda _bond: None, repr=False)
    published_versions: int = 0
    published: int = 0
    record: dict[str, Any] | None = None  # the last published

    def revise(self, at: int, known: int, changes: Details) -> None:
        """At ``at`` something came about, and at ``known`` it is written down: the newest version with ``changes``."""
        self.versions.append((at, known, {**self.versions[-1][2], **changes}))
        self.on_change(self)


@dataclass(slots=True)
class Wagon:
    """A wagon, the boxes on it and the bond of their loading."""

    number: str
    boxes: tuple[str, ...]
    loaded: Bond


class World:
    """Everything that exists and everything that happens; later than ``now`` nothing has happened yet.

    ``on_happening`` and ``on_bond`` are called with every happening, and with every bond each time that it is revised. With
    ``forgetful`` what is over is not kept, so that memory follows what is on its way and not how long the world lasts.
    """

    def __init__(self, seed: int, now: int, *, forgetful: bool = False) -> None:
        self.seed = seed
        self.now = now
        self.cargoes: dict[str, Cargo] = {}
        self.ladings: list[Lading] = []
        self.happenings: list[Happening] = []
        self.bonds: list[Bond] = []
        self.on_happening: Callable[[Happening, str], None] = lambda _happening, _number: None
        self.on_bond: Callable[[Bond], None] = lambda _bond: None
        self.orders: list[Order] = []
        """The restrictions published by now."""
        self.routes: dict[str, tuple[str, ...]] = {}
        """By cargo: the stations of its route as planned by now."""
        self.notes: dict[str, str] = {}
        """By cargo: the note for which its first one was exchanged."""
        self.cleared: dict[str, int] = {}
        """By cargo: when its papers at destination were done."""
        self.transits: dict[str, str] = {}
        """By box: the transit declaration of the European Union under which it runs."""
        self.forgetful = forgetful
        self._aboard: dict[str, list[Lading]] = defaultdict(list)
        self._boxes_of: dict[str, int] = defaultdict(int)
        self._serial: dict[str, int] = defaultdict(int)

    def random(self, *purpose: object) -> Random:
        """A generator of its own for each purpose, so that one more train changes nothing of the others."""
        return Random(f"{self.seed}|{'|'.join(map(str, purpose))}")

    def serial(self, what: str) -> int:
        """The next number of its kind."""
        self._serial[what] += 1
        return self._serial[what]

    def put(self, lading: Lading) -> None:
        """A cargo is put into a box."""
        if not self.forgetful:
            self.ladings.append(lading)
        self._aboard[lading.box].append(lading)
        self._boxes_of[lading.cargo] += 1

    def history(self, box: str) -> list[Lading]:
        """All that was ever put into ``box`` (in a forgetful world: all that is not over)."""
        return self._aboard[box]

    def cargo_in(self, boxes: Iterable[str], at: int) -> list[Cargo]:
        """The cargoes that are in ``boxes`` at ``at``, each once, in order of loading."""
        keys = dict.fromkeys(
            lading.cargo for box in boxes for lading in self._aboard[box] if lading.holds(at)
        )
        return [self.cargoes[key] for key in keys]

    def forget(self, box: str, at: int) -> None:
        """What was in ``box`` and ended before ``at`` is over; only a forgetful world loses it."""
        if not self.forgetful:
            return
        over = [lading for lading in self._aboard[box] if lading.end is not None and lading.end < at]
        for lading in over:
            self._aboard[box].remove(lading)
            self._boxes_of[lading.cargo] -= 1
            if not self._boxes_of[lading.cargo]:
                del self._boxes_of[lading.cargo]
                del self.cargoes[lading.cargo]
                self.notes.pop(lading.cargo, None)
                self.routes.pop(lading.cargo, None)
                self.cleared.pop(lading.cargo, None)

    def route(self, cargo: Cargo, author: str, at: int, known: int, places: tuple[str, ...]) -> None:
        """From ``at`` on, ``cargo`` is to go by ``places``; ``author`` writes it down at ``known``."""
        details = {
            "objects": [{"kind": "consignment", "id": cargo.key}],
            "places": list(places),
            "from": at,
        }
        if at <= self.now:
            self.routes[cargo.key] = places
        self.bind("link.route_planned", author, known, details)

    def happen(self, happening: Happening, series: str = "") -> int:
        """Let it happen, unless it lies in the future; return its time.

        Happenings are numbered for those who report them; those of a ``series`` of their own move no other number.
        """
        if happening.at <= self.now:
            number = f"{series}{self.serial(f'happening{series}') - 1}"
            if not self.forgetful:
                self.happenings.append(happening)
            self.on_happening(happening, number)
        return happening.at

    def happen_to_box(
        self, what: str, box: str, at: int, witnesses: tuple[str, ...], details: Details, place: str = ""
    ) -> None:
        """Let ``what`` happen to one container."""
        about = (("container", box),)
        self.happen(Happening(at, what, about, witnesses, frozenset({box}), place=place, details=details))

    def bind(self, what: str, author: str, known: int, details: Details, series: str = "") -> Bond:
        """Let something belong to something else, known since ``known``; ``details`` holds from and, if known, to."""
        number = f"{series}{self.serial(f'bond{series}') - 1}"
        bond = Bond(what, author, [(details["from"], known, details)], number, self.on_bond)
        if not self.forgetful:
            self.bonds.append(bond)
        self.on_bond(bond)
        return bond
