"""Months as they are counted: whole, disjoint, in UTC, by their number since January 1970; and when each is published."""

from __future__ import annotations

from datetime import UTC, datetime

from services.domain.facts import Micros

FIRST_AFTER = 1
"""Whole months between the end of a month and its first publication: most of what left in it has arrived by then."""
FINAL_AFTER = 6
"""And its final one."""


def month_of(at: Micros) -> int:
    """The month in which a moment lies."""
    moment = datetime.fromtimestamp(at // 1_000_000, UTC)
    return (moment.year - 1970) * 12 + moment.month - 1


def begins(month: int) -> Micros:
    """When a month begins."""
    return int(datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def written(month: int) -> str:
    """As ISO 8601 writes it, 2025-09."""
    return f"{1970 + month // 12:04}-{month % 12 + 1:02}"


def parse(text: str) -> int:
    """The month of a text like 2025-09; ValueError where it is none."""
    year, dash, month = text.partition("-")
    if len(year) != 4 or not dash or not 1 <= int(month) <= 12:
        raise ValueError(f"{text!r} is no month: write it like 2025-09")
    return (int(year) - 1970) * 12 + int(month) - 1


def published_from(month: int, *, final: bool) -> Micros:
    """From when on a month is published."""
    return begins(month + 1 + (FINAL_AFTER if final else FIRST_AFTER))
