"""Scenarios made small enough for tests: fewer containers, a smaller share of today's trains."""

from __future__ import annotations

from functools import cache

from services.testbed.simulator.corridors import SimulatedWorld, simulate
from services.testbed.simulator.scenarios import names, scenario

SMALL = {
    "ordinary-week": 0.012,
    "stop-loading-order": 0.02,
    "reporting-outage": 0.02,
    "tiny": 0.02,
    "polish-closure-2025": 0.055,
}
NAMES = names()


@cache
def small(name: str, seed: int = 1) -> SimulatedWorld:
    """Scenario ``name`` with trains of a few containers each."""
    known = scenario(name)
    boxes = known.boxes.model_copy(update={"value": 6.0})
    scale = known.scale.model_copy(update={"value": SMALL.get(name, known.scale.value)})
    return simulate(known.model_copy(update={"boxes": boxes, "scale": scale}), seed)
