"""The dispute over stranded trains: found in what the world publishes, and only where two parties differ."""

from __future__ import annotations

from dataclasses import replace

from services.testbed.demo.train_counts import REMARK, Count, disputes
from tests.unit.simulator.corridor_worlds import small


def test_what_the_world_writes_of_its_counts_is_understood() -> None:
    remarks = [
        message.record["data"]["remark"]
        for message in small("polish-closure-2025").played.publication.messages
        if message.record["type"] == "cre.network.restricted.v1" and "remark" in message.record["data"]
    ]
    said = [found for remark in remarks if (found := REMARK.search(remark)) is not None]
    assert len(said) == len(remarks)
    assert {(found["said"], found["fact"]) for found in said} == {("130", "PL2025-09"), ("300", "PL2025-10")}


def test_counts_of_one_place_that_differ_are_a_dispute() -> None:
    count = Count("crossing:a", "bch", "", "2025-09-22T12:00:00Z", 4, 130, "trains", "F1", "")
    other = replace(count, by="xianport", reported=300)
    assert disputes([count, other]) == [[count, other]]
    assert disputes([count, replace(other, reported=130)]) == []
    assert disputes([count, replace(other, place="crossing:b")]) == []
    assert disputes([]) == []
