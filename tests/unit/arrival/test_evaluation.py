"""The interval of a coverage counts what hangs together as one draw."""

from __future__ import annotations

import random

import pytest

from services.testbed.arrival_evaluation.evaluate import clustered_interval


def test_what_hangs_together_says_no_more_than_one_draw() -> None:
    alone = clustered_interval([[each != 0] for each in range(5)] * 20)
    repeated = clustered_interval([[each != 0] * 50 for each in range(5)] * 20)
    assert alone is not None
    assert repeated == pytest.approx(alone)
    assert alone == pytest.approx((0.8 - 0.0798, 0.8 + 0.0798), abs=1e-3)


def test_few_draws_have_the_wider_interval_of_student() -> None:
    interval = clustered_interval([[True] * 7 + [False] * 3, [True] * 9 + [False]] * 4)
    assert interval == pytest.approx((0.8 - 2.365 * 0.1 / 7**0.5, 0.8 + 2.365 * 0.1 / 7**0.5), abs=1e-4)
    assert clustered_interval([[True]] * 3) is None, "three worlds say nothing of others"


def test_it_holds_the_true_share_nineteen_times_of_twenty() -> None:
    draw = random.Random(1)
    held = 0
    for _ in range(400):
        shares = [draw.uniform(0.7, 0.9) for _ in range(8)]
        found = clustered_interval([[draw.random() < share for _ in range(100)] for share in shares])
        assert found is not None
        held += found[0] <= 0.8 <= found[1]
    assert 0.92 <= held / 400 <= 0.98
