"""What a simulated world shows of its trains, when each fact of it becomes known, and when they really arrived.

Of each group of boxes that travel together one is followed. A fact is known when the first message about it was sent, with the
faults and delays that messages have. Nothing here knows the estimator: neither its table nor its rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from schemas.rfc3339 import parse_micros
from services.testbed.simulator.corridors import SimulatedWorld, simulate
from services.testbed.simulator.reports import Message
from services.testbed.simulator.scenarios import Scenario, scenario
from services.testbed.simulator.tracks import NO_TRACKS
from services.testbed.simulator.world import HOUR, Happening, World

ORDINARY, CLOSURE = "ordinary-week", "polish-closure-2025"
RUNS_OUT = timedelta(days=45)
"""How long a world goes on after its last departure, so that every train arrives."""
RUNS_IN = timedelta(days=21)
"""How long before it is watched at least trains have been leaving, so that some have passed every border."""


class Fact(NamedTuple):
    """Something of a box or its cargo: since when it is known, what happened, where and when."""

    known: int
    what: str
    place: str
    at: int


class Plan(NamedTuple):
    """A route that was planned, and since when that is known."""

    known: int
    places: tuple[str, ...]


class Trip(NamedTuple):
    """One box on its way with one cargo; ``arrived`` is when it reached the last station, ``booked`` when it all began."""

    name: str
    service: str
    path: tuple[str, ...]
    facts: tuple[Fact, ...]
    plans: tuple[Plan, ...]
    booked: int
    left: int
    arrived: int


class OrderNotice(NamedTuple):
    """An order about a crossing: known since, and its end as far as it says itself."""

    known: int
    id: str
    crossing: str
    kind: str
    direction: str
    start: int
    end: int | None


class LiftingNotice(NamedTuple):
    """The end of an order, known since."""

    known: int
    id: str
    end: int


class Shown(NamedTuple):
    """All that a world shows."""

    trips: tuple[Trip, ...]
    orders: tuple[OrderNotice, ...]
    liftings: tuple[LiftingNotice, ...]
    starts: int
    opens: int
    ends: int


def show(name: str, seed: int, scale: float | None = None) -> Shown:
    """The world of scenario ``name``, played until all its trains have arrived."""
    known = scenario(name)
    simulated = simulate(_longer(known), seed, scale)
    collected = _Collected(simulated)
    trips = tuple(_trips(collected.world, collected.facts))
    return Shown(
        trips,
        tuple(collected.orders),
        tuple(collected.liftings),
        simulated.starts,
        simulated.opens,
        simulated.ends,
    )


def _longer(known: Scenario) -> Scenario:
    starts = min(known.starts, known.opens - RUNS_IN)
    return known.model_copy(update={"starts": starts, "ends": known.last_departure + RUNS_OUT})


class _Collected:
    """A world played to its end with what was said of it, in the order of happening."""

    def __init__(self, simulated: SimulatedWorld) -> None:
        self.world = World(simulated.seed, simulated.ends)
        self.facts: list[tuple[Happening, int]] = []
        self.orders: list[OrderNotice] = []
        self.liftings: list[LiftingNotice] = []
        self._sent: list[int] = []
        journey, _ = simulated.begin(self.world, NO_TRACKS, self._post)
        told = self.world.on_happening

        def happen(happening: Happening, number: str) -> None:
            self._sent = []
            told(happening, number)
            if self._sent:
                self.facts.append((happening, min(self._sent)))

        self.world.on_happening = happen
        journey.run()

    def _post(self, message: Message) -> None:
        record = message.record
        self._sent.append(message.sent)
        if record["type"] == "cre.network.restricted.v1":
            data = record["data"]
            end = parse_micros(data["to"]) if "to" in data else None
            crossing = data["place"].removeprefix("crossing:")
            start = parse_micros(data["from"])
            self.orders.append(
                OrderNotice(message.sent, record["id"], crossing, data["kind"], data["direction"], start, end)
            )
        elif record["type"] == "cre.network.restriction_lifted.v1":
            data = record["data"]
            self.liftings.append(
                LiftingNotice(message.sent, data["restriction"]["id"], parse_micros(data["at"]))
            )


def _trips(world: World, facts: Iterable[tuple[Happening, int]]) -> Iterable[Trip]:
    of_box: dict[str, list[tuple[Happening, int]]] = defaultdict(list)
    of_cargo: dict[str, list[tuple[Happening, int]]] = defaultdict(list)
    for happening, known in facts:
        if not happening.what.startswith("movement.") or happening.details.get("classifier", "ACT") != "ACT":
            continue
        for box in happening.boxes:
            of_box[box].append((happening, known))
        for cargo in happening.cargoes:
            of_cargo[cargo].append((happening, known))
    plans: dict[str, list[Plan]] = defaultdict(list)
    for bond in world.bonds:
        if bond.what == "link.route_planned":
            for _, known, details in bond.versions:
                plans[details["objects"][0]["id"]].append(Plan(known + HOUR // 2, tuple(details["places"])))
    seen: set[tuple[tuple[str, str, int], ...]] = set()
    for lading in world.ladings:
        found = [
            Fact(known, happening.what, happening.place, happening.at)
            for happening, known in (*of_box[lading.box], *of_cargo[lading.cargo])
            if lading.cargo in happening.cargoes or lading.holds(happening.at)
        ]
        found.sort(key=lambda fact: (fact.at, fact.what, fact.place))
        moved = tuple((f.what, f.place, f.at) for f in found if f.what in _OF_TRAINS)
        arrived = [f for f in found if f.what == "movement.arrived_at_destination"]
        left = [f for f in found if f.what == "movement.departed"]
        if not arrived or not left or moved in seen:
            continue
        seen.add(moved)
        route = plans[lading.cargo][-1].places
        yield Trip(
            f"{lading.cargo}/{lading.box}",
            f"{route[0]}>{route[-1]}",
            route,
            tuple(sorted(found)),
            tuple(sorted(plans[lading.cargo])),
            min(f.at for f in found),
            left[0].at,
            arrived[-1].at,
        )


_OF_TRAINS = frozenset(
    f"movement.{name}"
    for name in (
        "departed",
        "arrived",
        "handed_over",
        "transshipped",
        "position_reported",
        "arrived_at_destination",
    )
)
