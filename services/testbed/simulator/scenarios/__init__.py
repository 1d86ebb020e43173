"""Scenarios by name: package data with the source and certainty of every number, and their reader."""

from services.testbed.simulator.scenarios.model import (
    Assumption,
    Scenario,
    UnknownScenario,
    names,
    scenario,
    services,
)

__all__ = ["Assumption", "Scenario", "UnknownScenario", "names", "scenario", "services"]
