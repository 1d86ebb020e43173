"""A table of cases under one test hides no failure."""

from __future__ import annotations

import pytest

from tests.support.invariants import holds_for


def check(number: int) -> None:
    assert number < 10, f"{number} is too large"


def test_every_failing_case_is_named() -> None:
    test = holds_for({"one": 1, "eleven": 11, "two": 2, "twelve": 12})(check)
    with pytest.raises(
        AssertionError, match=r"(?s)2 of 4.*eleven: 11 is too large.*twelve: 12 is too large"
    ) as failed:
        test()
    assert isinstance(failed.value.__cause__, ExceptionGroup)
    assert len(failed.value.__cause__.exceptions) == 2


def test_an_error_in_the_check_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="zero: integer division"):
        holds_for({"zero": 0})(lambda number: check(1 // number))()


def test_no_cases_are_no_proof() -> None:
    with pytest.raises(AssertionError, match="no case"):
        holds_for({})(check)()


def test_it_passes_under_its_own_name() -> None:
    test = holds_for({"one": 1})(check)
    test()
    assert test.__name__ == "check"
