"""Backoff: longer and longer, spread, bounded, and at an end after days."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.webhooks.sender import retry_after_seconds
from services.notifications.webhooks.settings import Backoff

PLAN = Backoff()


@given(st.integers(1, 11), st.floats(0, 1, exclude_max=True), st.floats(0, 1e9))
def test_a_pause_is_within_its_bounds(attempt: int, chance: float, asked: float) -> None:
    pause = PLAN.pause(attempt, chance, asked)
    assert pause is not None
    assert 5 * 0.75 <= pause <= PLAN.longest * 1.25
    assert pause >= min(asked, PLAN.longest)


def test_it_grows_for_days_and_ends() -> None:
    pauses = [PLAN.pause(attempt, 0.5) for attempt in range(1, 13)]
    assert pauses[:4] == [5.0, 20.0, 80.0, 320.0]
    assert pauses[-1] is None
    assert 3 * 86_400 < PLAN.total() < 5 * 86_400
    assert PLAN.pause(10_000_000, 0.5) is None
    assert Backoff(attempts=10_000).pause(9_000, 0.5) == 86_400


def test_jitter_goes_both_ways() -> None:
    assert PLAN.pause(1, 0.0) == 3.75
    assert PLAN.pause(1, 0.999) > 6.2  # type: ignore[operator]


def test_what_a_receiver_asks_for() -> None:
    assert retry_after_seconds("120", 0) == 120
    assert retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", 30) == 30
    assert retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", 90) == 0
    assert [retry_after_seconds(text, 0) for text in ("", "-1", "soon", "٣", "Fri, 99 Foo")] == [0] * 5
