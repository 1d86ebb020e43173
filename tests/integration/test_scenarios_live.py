"""Scenarios by name, each once, small: real publishers, broker, worker and database show what the world knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from services.audit.fsck.check import fsck
from services.processors.settings import admission_settings
from services.testbed.demo.banks import Banks
from services.testbed.demo.financing import DemoFinancing
from services.testbed.demo.run import DemoOutcome, Flow, play
from services.testbed.localstack.api import Callers, LocalApi
from services.testbed.localstack.platform import Platform
from services.testbed.simulator import files
from services.testbed.simulator.corridors import SimulatedWorld, conditions_of, simulate
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.scenarios import scenario
from services.testbed.simulator.signed_messages import members, profiles
from services.testbed.simulator.simulate import Simulation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

BOXES = 4


def small(name: str, ends: str, scale: float, **more: float) -> SimulatedWorld:
    """Scenario ``name`` with short trains up to ``ends``, at ``scale`` and with other values of its assumptions."""
    known = scenario(name)
    values = {"boxes": float(BOXES), "scale": scale, **more}
    changed = {key: getattr(known, key).model_copy(update={"value": value}) for key, value in values.items()}
    until = datetime.fromisoformat(ends).replace(tzinfo=UTC)
    return simulate(known.model_copy(update={**changed, "ends": until}), 1)


@dataclass
class Watch:
    """What is looked at while a world is played; ``look`` gets each of the moments ``at`` and a connection."""

    at: tuple[int, ...] = ()
    look: Callable[[int, psycopg.Connection[tuple[int]]], None] = lambda _at, _connection: None
    refused: Counter[str] = field(default_factory=Counter)


def live(world: SimulatedWorld, folder: Path, watch: Watch) -> tuple[Simulation, DemoOutcome]:
    """Play ``world`` on a platform of its own; every view and every stored byte has to be right."""
    simulation, deliveries = world.simulation(), files.deliveries(world.played)
    with Platform(workers=1, members=members(profiles(world.seed))) as platform:
        dsn, network = platform.stack.dsn, platform.network
        with psycopg.connect(dsn, autocommit=True) as connection:

            def show(at: int, flow: Flow) -> None:
                if at in watch.at:
                    watch.look(at, connection)
                watch.refused = Counter(flow.refused)

            outcome = play(
                simulation,
                deliveries,
                world.opens,
                platform,
                folder,
                lambda _line: None,
                show,
                pauses=watch.at,
            )
        gateways = admission_settings(network).gateway_topics
        checked = fsck(dsn, network, gateway_topics=gateways, processes=1)
    assert outcome.mismatches == []
    assert checked.sound, checked.plain()["findings"]
    assert outcome.counts["consignments"] >= len(simulation.truths) > 20
    wanted = troubles(simulation) + Counter(
        kind for t in simulation.truths.values() for kind in {each for _, _, each in t.restricted}
    )
    assert outcome.counts["troubles"] == wanted
    assert outcome.counts["events"]["dead_letters"] == outcome.expected_refusals == watch.refused
    return simulation, outcome


def troubles(simulation: Simulation) -> Counter[str]:
    """How many consignments are in which trouble in the end."""
    return Counter(kind for t in simulation.truths.values() for kind in {each.kind for each in t.troubles})


@pytest.mark.long
def test_a_border_closes_and_banks_that_reach_for_others_cargo_are_refused(tmp_path: Path) -> None:
    world = small("polish-closure-2025", "2025-10-03", 0.02)
    simulation, deliveries = world.simulation(), files.deliveries(world.played)
    money = DemoFinancing.of(simulation, world.opens)
    keys = tmp_path / "keys"
    keys.mkdir()
    with (
        Platform(workers=1, members=members(profiles(world.seed))) as platform,
        LocalApi(platform, keys, tmp_path / "logs") as api,
        Callers(platform.stack.dsn, api.url, keys) as callers,
    ):
        banks = Banks(money, callers)

        def look(at: int, _flow: Flow) -> None:
            banks.look(at)

        told = (
            simulation,
            money.added_to(deliveries),
            world.opens,
            platform,
            tmp_path,
            lambda _line: None,
            look,
        )
        outcome = play(*told, apart=money.events, pauses=(money.at,))
        banks.finish()
    assert outcome.mismatches == []
    assert banks.unlike() == []
    asked = Counter((d["by"], d["outcome"]) for d in banks.decisions[:-1])
    assert asked == {
        ("silkbank", "DONE"): 3, ("silkbank", "REFUSED"): 1, ("ostbank", "REFUSED"): 1, ("ostbank", "UNKNOWN"): 3,
    }  # fmt: skip
    last = banks.decisions[-1]
    assert (last["action"], last["outcome"]) == ("RELEASE_ORDER", "REFUSED"), "the cargo is pledged"


@pytest.mark.long
def test_a_loading_stop_order_stands_before_what_waits_and_cancels_trains(tmp_path: Path) -> None:
    world = small("stop-loading-order", "2020-12-15", 0.012)
    simulation, _ = live(world, tmp_path, Watch())
    restricted = Counter(order for t in simulation.truths.values() for order in t.restricted)
    assert {(by, kind) for by, _, kind in restricted} == {("cr", "ACCEPTANCE_BAN")}
    assert {place for _, place, _ in restricted} == {
        "crossing:alashankou-dostyk", "crossing:erenhot-zamyn-uud", "crossing:manzhouli-zabaikalsk",
    }  # fmt: skip
    assert troubles(simulation)["TRAIN_CANCELLED"] > 2


@pytest.mark.long
def test_a_wave_of_detentions_keeps_boxes_and_their_neighbours(tmp_path: Path) -> None:
    world = small("decree-1374-wave", "2024-11-18", 0.025, detained=0.2)
    simulation, _ = live(world, tmp_path, Watch())
    assert troubles(simulation)["DETAINED"] > 1
    grounds = Counter(
        h.details["ground"] for h in simulation.world.happenings if h.what == "customs.detained"
    )
    assert grounds.keys() == {"DUAL_USE", "NEIGHBOUR_ON_WAGON"}


@pytest.mark.long
def test_a_railway_that_falls_silent_is_missed_and_then_heard_as_if_nothing_had_been(tmp_path: Path) -> None:
    world = small("reporting-outage", "2026-03-09", 0.012)
    [outage] = conditions_of(world.scenario, world.scale).outages
    looks = outage.start - 1, outage.end - 1, outage.end + outage.backfill
    reported: dict[int, int] = {}
    source = PARTIES[outage.party].source.encode()

    def look(at: int, connection: psycopg.Connection[tuple[int]]) -> None:
        row = connection.execute(
            "SELECT count(*) FROM lianyun.body WHERE position(%s IN headers) > 0", (source,)
        ).fetchone()
        assert row is not None
        reported[at] = row[0]

    simulation, _ = live(world, tmp_path, Watch(looks, look))
    before, silent, after = (reported[at] for at in looks)
    assert 0 < before == silent
    assert after > silent + 20
    others = [m for m in simulation.publication.messages if outage.start <= m.sent < outage.end]
    assert len(others) > 20, "the others went on"
