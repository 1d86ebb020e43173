"""A day of a paper is what is written as one."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from services.api.requests.financing import Day

DAY = TypeAdapter(Day)


def test_a_day_is_taken_as_written() -> None:
    assert DAY.validate_json('"2026-02-26"') == date(2026, 2, 26)


@pytest.mark.parametrize(
    "text", ["0", '"0"', "20260226", '"20260226"', '"2026-02-26T00:00:00"', '"2026-02-30"', "null"]
)
def test_a_number_or_moment_is_none(text: str) -> None:
    with pytest.raises(ValidationError):
        DAY.validate_json(text)
