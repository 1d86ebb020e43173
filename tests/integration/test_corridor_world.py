"""The smallest corridor through real publishers, broker, workers and database: what people see is what happened."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.domain.rules import HOUR
from services.query.line.film import picture
from services.query.line.reading import Lines
from services.query.line.run import State
from services.testbed.demo.run import play
from services.testbed.localstack.platform import Platform
from services.testbed.simulator import files
from services.testbed.simulator.corridors import simulate
from services.testbed.simulator.signed_messages import members, profiles
from services.testbed.simulator.tracks import State as TrackState

pytestmark = pytest.mark.integration


@pytest.mark.long
def test_a_tiny_corridor_through_the_whole_platform(tmp_path: Path) -> None:
    world = simulate("tiny", 1, scale=0.006)
    simulation, deliveries, lines = world.simulation(), files.deliveries(world.played), list[str]()
    with Platform(workers=1, members=members(profiles(world.seed))) as platform:
        outcome = play(simulation, deliveries, world.opens, platform, tmp_path, lines.append)
        with psycopg.connect(platform.stack.dsn) as session:
            film = Lines().film(session, world.opens, world.ends, world.ends).film
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
    moments = range(world.opens, world.ends, 6 * HOUR)
    assert sum(map(len, (picture(film, at) for at in moments))) > 20
    for at in moments:
        seen = {name.key: each for each in picture(film, at) for name in each.run.names}
        waiting = {
            canonical_key(ObjectKind.TRAIN, each.train): each
            for each in world.snapshot(at).trains
            if each.state in (TrackState.AT_BORDER, TrackState.QUEUED) and each.since < at - 2 * HOUR
        }
        for name, truth in waiting.items():
            assert seen[name].station == truth.station, (name, at)
            assert seen[name].state is State.WAITS
