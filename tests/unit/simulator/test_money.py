"""What is told of money beside a world: which cargo is financed, and the pasts of three shippers."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from services.api.banking.asked import Reservation
from services.testbed.demo.banks import look_alike, reservation, true_papers
from services.testbed.demo.financing import VALID_TO, DemoFinancing
from services.testbed.simulator import financing
from services.testbed.simulator.corridors import simulate
from services.testbed.simulator.signed_messages import profiles, sign_all
from services.testbed.simulator.simulate import Simulation

WORLD = simulate("polish-closure-2025", 1, scale=0.02)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return WORLD.simulation()


def test_the_financed_cargo_waited_at_the_closed_border_and_was_delivered(simulation: Simulation) -> None:
    found = financing.chosen(simulation, WORLD.opens)
    assert found is not None
    assert found == financing.chosen(simulation, WORLD.opens)
    assert "brest" in found.place
    assert found.waits < found.leaves
    assert found.leaves - found.waits > 5 * 86_400_000_000
    moved = simulation.truths[found.consignment].movement
    assert moved is not None
    assert moved.at > found.leaves
    assert [lading.cargo for lading in simulation.world.ladings if lading.box == found.box] == [
        found.consignment
    ]


def test_what_the_second_bank_is_shown_reads_otherwise_and_means_the_same(simulation: Simulation) -> None:
    found = financing.chosen(simulation, WORLD.opens)
    assert found is not None
    true, written = (
        Reservation.model_validate(reservation(found, "LN-1", found.reference, each)).papers
        for each in (true_papers(found), look_alike(found))
    )
    assert written.invoices[0].number != true.invoices[0].number
    assert written.boxes[0].container != true.boxes[0].container
    assert (written.notes, written.consignments) == (true.notes, true.consignments)


def test_everything_can_be_signed_and_says_when_it_was_said(simulation: Simulation) -> None:
    money = DemoFinancing.of(simulation, WORLD.opens)
    signed = sign_all(money.messages, profiles(WORLD.seed))
    assert len(signed) == len(money.messages) == len(money.events)
    ids = {(m.party, m.record["id"]) for m in simulation.publication.messages}
    assert not ids & {(m.party, m.record["id"]) for m in money.messages}
    assert all(m.record["time"] <= datetime.fromtimestamp(m.sent / 1e6, UTC).isoformat() or m.sent < WORLD.opens
               for m in money.messages)  # fmt: skip


def test_the_same_is_told_whenever_the_demo_runs(simulation: Simulation) -> None:
    told = DemoFinancing.of(simulation, WORLD.opens).messages
    time.sleep(1.1)
    assert DemoFinancing.of(simulation, WORLD.opens).messages == told


def test_the_good_the_bad_and_the_thin_file() -> None:
    told = list(financing.histories(WORLD.opens, WORLD.starts))
    opened = Counter(
        party["party"]
        for message in told
        if message.record["type"] == "cre.link.consignment_opened.v1"
        for party in message.record["data"]["parties"]
        if party["role"] == "shipper"
    )
    assert opened == financing.CARGOES
    rejected = [m.record["id"] for m in told if m.record["type"] == "cre.customs.rejected.v1"]
    assert rejected
    assert all(financing.BAD_SHIPPER in each for each in rejected)
    until = datetime.fromtimestamp(WORLD.opens / 1e6, UTC).isoformat()
    assert all(message.record["time"] <= until for message in told)
    leaves = list(financing.leave(0, WORLD.opens, VALID_TO))
    assert [m.party for m in leaves] == list(financing.CARGOES)
