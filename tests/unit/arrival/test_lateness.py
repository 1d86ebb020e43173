"""What a forecast means for a date, with memory."""

from __future__ import annotations

import pytest

from services.arrival.domain.forecast import Bounds, Forecast, Unbounded
from services.arrival.domain.lateness import PROMISE, Due, Judgment, Lateness, lateness, until_now
from services.arrival.domain.tables import tables
from services.domain.rules import HOUR

DUE = 1_000 * HOUR
TABLE = tables()
IN_TIME, LIKELY, LATE = Lateness.IN_TIME, Lateness.LIKELY_LATE, Lateness.LATE


def of(low: int, middle: int | None, high: int | None, unbounded: Unbounded | None = None) -> Forecast:
    """A forecast with these bounds, in hours after the date."""
    p10, p50, p90 = (None if hours is None else DUE + hours * HOUR for hours in (low, middle, high))
    assert p10 is not None
    return Forecast(DUE - 99 * HOUR, "s", 0, Bounds(p10, p50, p90), (), unbounded, (), (), TABLE.version)


@pytest.mark.parametrize(
    ("before", "found", "right"),
    [
        (IN_TIME, of(-50, -5, 30), IN_TIME),
        (IN_TIME, of(-50, 12, 60), IN_TIME),
        (IN_TIME, of(-50, 13, 60), LIKELY),
        (LIKELY, of(-50, 1, 40), LIKELY),
        (LIKELY, of(-50, 0, 40), IN_TIME),
        (LIKELY, of(13, 50, 90), LATE),
        (LATE, of(1, 50, 90), LATE),
        (LATE, of(0, 50, 90), LIKELY),
        (LATE, of(-9, -1, 20), IN_TIME),
        (IN_TIME, of(-20, None, None, Unbounded.NO_ANNOUNCED_END), IN_TIME),
        (LIKELY, of(-20, None, None, Unbounded.NO_ANNOUNCED_END), LIKELY),
        (IN_TIME, of(13, None, None, Unbounded.NO_ANNOUNCED_END), LATE),
        (IN_TIME, of(-20, 13, None, Unbounded.BEYOND_HORIZON), LIKELY),
    ],
)
def test_it_is_raised_behind_a_margin_and_lifted_before_the_date(
    before: Lateness, found: Forecast, right: Lateness
) -> None:
    assert lateness(before, found, DUE, TABLE) is right


def test_a_forecast_that_moves_around_the_date_raises_once_and_lifts_once() -> None:
    state, changes = IN_TIME, 0
    for middle in (5, 11, 13, 9, 14, 2, 11, 1, -1, 3, 11, 8, -4):
        now = lateness(state, of(-90, middle, 90), DUE, TABLE)
        changes += now is not state
        state = now
    assert (changes, state) == (2, IN_TIME)


def test_another_date_is_judged_anew() -> None:
    last = Judgment(1, "a/b", PROMISE, None, 0, 0, DUE, b"e", LATE, None, None, None, "m", ())
    assert until_now(last, Due(PROMISE, DUE, b"e")) is LATE
    assert until_now(last, Due(PROMISE, DUE, b"f")) is IN_TIME
    assert until_now(None, Due(PROMISE, DUE, b"e")) is IN_TIME
