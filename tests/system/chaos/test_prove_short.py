"""A short proof in CI: workers, a publisher and the database are killed at work, and nothing is lost or wrong."""

from __future__ import annotations

from typing import Any

import pytest

from services.testbed.chaos.prove import problems, prove
from services.testbed.simulator.simulate import Scale

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(400)]

ATTACKS = (
    "kill holding_heads",
    "kill after_commit",
    "freeze holding_heads",
    "publisher",
    "replay",
    "postgres",
    "kill before_seek",
)


@pytest.fixture(scope="module")
def outcome() -> dict[str, Any]:
    lines: list[str] = []
    try:
        return prove(
            6,
            workers=2,
            seed=7,
            pace=120.0,
            scale=Scale(seed=7, trains=9, boxes=20, false_reports=9),
            attacks=ATTACKS,
            frozen_seconds=9.0,
            say=lines.append,
        )
    finally:
        print("\n".join(lines))


def test_nothing_is_lost_doubled_invented_or_wrong(outcome: dict[str, Any]) -> None:
    assert outcome["lost"] == 0
    assert outcome["duplicated"] == 0
    assert outcome["invented"] == 0
    assert outcome["wrong_states"] == 0, outcome["wrong_examples"]
    assert outcome["fsck_findings"] == 0, outcome["fsck_examples"]
    assert outcome["dead_letters"] == outcome["dead_letters_expected"]
    assert outcome["problems"] == []
    assert not problems(outcome)


def test_two_banks_lent_meanwhile_and_no_interest_was_given_twice(outcome: dict[str, Any]) -> None:
    lent = outcome["financing"]
    assert lent["reserved"] >= 60, "each cargo has one lender at least, some two after one another"
    assert lent["refused"] > 0
    for name in ("decisions_lost", "wrong_financings", "double_pledges", "wrong_releases"):
        assert lent[name] == 0, lent
    assert lent["unfinished"] == []


def test_the_attacks_really_hit(outcome: dict[str, Any]) -> None:
    assert outcome["kills"] == 6
    points = {"holding_heads", "after_commit", "before_seek", "freeze_holding_heads", "publisher", "postgres"}
    assert outcome["kills_by_point"] == dict.fromkeys(points, 1)
    assert outcome["worker_ends"]["SIGKILL"] >= 3
    assert outcome["accepted"] > 3_000
    assert outcome["offsets"]["ledger"] == outcome["offsets"]["log"] > outcome["accepted"]


def test_the_others_flowed_beside_the_frozen_one(outcome: dict[str, Any]) -> None:
    assert 0 < outcome["takeover_seconds"]["max"] < 30, "measured; the bound only says that somebody flowed"


def test_the_state_was_built_anew_under_load_and_came_out_equal(outcome: dict[str, Any]) -> None:
    [replayed] = outcome["replays"]
    assert replayed["generation"] == 2
    assert replayed["events"] > 100
    assert replayed["differences"] == 0


def test_the_outcome_has_the_promised_form(outcome: dict[str, Any]) -> None:
    promised = [
        "kills",
        "kills_by_point",
        "published",
        "lost",
        "duplicated",
        "wrong_states",
        "fence_rejections",
    ]
    assert list(outcome)[: len(promised)] == promised
    assert outcome["recovery_seconds"].keys() == {"median", "max"}
    assert 0 < outcome["recovery_seconds"]["median"] <= outcome["recovery_seconds"]["max"]
    assert outcome["simulated"] is True
