"""Spans of time as the time picker writes them, and how far apart the points of a curve are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.monitoring.dashboards.substitution import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    TimeRange,
    format_duration,
    parse_duration,
    point_interval,
)

NOW = datetime(2026, 11, 25, 16, 30, tzinfo=UTC)


def moment(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("now-6h", "now", (moment(2026, 11, 25, 10, 30), moment(2026, 11, 25, 16, 30))),
        ("now/d", "now/d", (moment(2026, 11, 25), moment(2026, 11, 26) - 1)),
        ("2026-11-01", "2026-11-02T12:00:00+08:00", (moment(2026, 11, 1), moment(2026, 11, 2, 4))),
    ],
)
def test_a_span_of_the_time_picker(start: str, end: str, expected: tuple[int, int]) -> None:
    found = TimeRange.of(start, end, NOW)
    assert (found.start, found.end) == expected


@pytest.mark.parametrize(
    ("start", "end"), [("now", "now-1h"), ("yesterday", "now"), ("now-5x", "now"), ("", "now")]
)
def test_what_is_no_span_is_told(start: str, end: str) -> None:
    with pytest.raises(ValueError, match=r"between|neither"):
        TimeRange.of(start, end, NOW)


@pytest.mark.parametrize(
    ("span", "points", "expected"), [(HOUR, 1_000, 15_000), (6 * HOUR, 500, 30_000), (DAY, 800, 120_000)]
)
def test_an_interval_is_a_round_one_and_not_below_a_scrape(span: int, points: int, expected: int) -> None:
    assert point_interval(TimeRange(0, span), points, 15 * SECOND) == expected


def test_durations_are_read_and_written() -> None:
    assert [parse_duration(each) for each in ("15s", "1h30m", ">10s", "250ms")] == [
        15 * SECOND,
        90 * MINUTE,
        10 * SECOND,
        250,
    ]
    assert [format_duration(each) for each in (15 * SECOND, 90 * MINUTE, DAY, 250)] == [
        "15s",
        "90m",
        "1d",
        "250ms",
    ]
    for wrong in ("", "soon", "5 bananas"):
        with pytest.raises(ValueError, match="no duration"):
            parse_duration(wrong)
