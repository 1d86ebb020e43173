"""The smallest corridor through real publishers, broker, workers and database: what people see is what happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.testbed.demo.run import play
from services.testbed.localstack.platform import Platform
from services.testbed.simulator import files
from services.testbed.simulator.corridors import simulate
from services.testbed.simulator.signed_messages import members, profiles

pytestmark = pytest.mark.integration


def test_a_tiny_corridor_through_the_whole_platform(tmp_path: Path) -> None:
    world = simulate("tiny", 1, scale=0.006)
    simulation, deliveries, lines = world.simulation(), files.deliveries(world.played), list[str]()
    with Platform(workers=1, members=members(profiles(world.seed))) as platform:
        outcome = play(simulation, deliveries, world.opens, platform, tmp_path, lines.append)
    assert outcome.mismatches == []
    events = outcome.counts["events"]
    assert events["dead_letters"] == outcome.expected_refusals
    of_files = sum(each["events"] for each in outcome.formats.values())
    said = {
        (message.party, message.record["id"]) for message in deliveries.messages if not message.refused_as
    }
    assert events["accepted"] == len(said) + of_files > 500
    assert of_files > 50
    assert events["equivocations"] == simulation.publication.equivocations
    assert outcome.counts["consignments"] >= len(simulation.truths) > 10
