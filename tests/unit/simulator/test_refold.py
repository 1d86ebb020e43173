"""A view out of what can reach a consignment equals the view out of everything that was ever told."""

from __future__ import annotations

from services.domain.derive import derive
from services.testbed.chaos.audit import Refold
from services.testbed.chaos.oracle import consignment_of
from tests.unit.simulator.conftest import facts_of, world


def test_only_what_reaches_a_consignment_counts() -> None:
    simulation = world(13, trains=2, boxes=4, days=30)
    facts, now = facts_of(simulation), simulation.scale.now
    refold = Refold(facts)
    for truth in simulation.truths.values():
        consignment = consignment_of(truth)
        assert refold.view(consignment, now) == derive(facts, consignment, now)
