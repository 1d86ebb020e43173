"""One call from a seed to a world, what was published of it, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.testbed.simulator import truth
from services.testbed.simulator.faults import Rates, Reporter
from services.testbed.simulator.journey import Journey
from services.testbed.simulator.reports import Publication
from services.testbed.simulator.service import CLASSIC
from services.testbed.simulator.truth import Truth
from services.testbed.simulator.world import DAY, HOUR, World

NOW = 1_773_964_800 * 1_000_000
"""2026-03-20T00:00:00Z: the moment at which the simulated worlds are looked at, unless told otherwise."""
AHEAD = 8 * DAY
"""How long before their departure trains are already in the books."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a world is: ``trains`` of ``boxes`` boxes, leaving evenly over the last ``days`` days and the next 8.

    ``rates`` say how often messages have which fault; ``false_reports`` how many false reports of each sort are spread.
    """

    seed: int = 1
    trains: int = 8
    boxes: int = 12
    days: int = 40
    now: int = NOW
    rates: Rates = field(default_factory=Rates)
    false_reports: int = 6


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated world with all that was told of it and what a correct view of each consignment shows."""

    scale: Scale
    world: World
    publication: Publication
    truths: Mapping[str, Truth]


def simulate(scale: Scale) -> Simulation:
    """The world of ``scale``: the same scale gives the same world, messages and truth on every machine."""
    world = World(scale.seed, scale.now)
    reporter = Reporter(world, scale.rates)
    journey = Journey(world, reporter)
    first, length = scale.now - scale.days * DAY, scale.days * DAY + AHEAD
    for number in range(scale.trains):
        random = world.random("leaves", number)
        leaves = first + length * number // max(1, scale.trains) + random.randrange(20) * HOUR
        journey.send(str(number), CLASSIC, leaves, scale.boxes)
    journey.spread_false_reports(
        scale.now - 41 * HOUR, scale.false_reports, scale.false_reports, scale.false_reports // 3
    )
    journey.run()
    publication = reporter.publish()
    return Simulation(scale, world, publication, truth.truths(world, publication))
