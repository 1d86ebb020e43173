"""Budgets of clients: never more than the quota at once or over time, and each its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.api.limits import RateLimit


@given(st.integers(1, 50), st.integers(1, 60), st.lists(st.floats(0, 5), max_size=200))
def test_no_more_than_quota_and_refill(quota: int, window: int, pauses: list[float]) -> None:
    limit, now, allowed = RateLimit(quota, window), 100.0, 0
    for pause in pauses:
        now += pause
        allowed += limit.take("one", now).allowed
    assert allowed <= quota + (now - 100.0) * quota / window + 1e-6


@given(st.integers(1, 50), st.integers(1, 60))
def test_whoever_waits_as_told_is_let_in(quota: int, window: int) -> None:
    limit = RateLimit(quota, window)
    for left in range(quota - 1, -1, -1):
        taken = limit.take("one", 0.0)
        assert taken.allowed
        assert f";r={left};" in taken.headers["ratelimit"]
    refused = limit.take("one", 0.0)
    assert not refused.allowed
    assert limit.take("one", float(refused.headers["retry-after"])).allowed
    assert limit.take("another", 0.0).allowed
