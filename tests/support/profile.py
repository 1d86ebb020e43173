"""How much of what is random or repeated a run does: little in ``make test``, all of it in ``make test-long``.

| variable | meaning |
|---|---|
| ``LIANYUN_LONG`` | ``1``: the whole number of rounds and examples |
| ``LIANYUN_SEED`` | the number that every random draw of a round starts from; 0 without it |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

Case = TypeVar("Case")

LONG = os.environ.get("LIANYUN_LONG") == "1"
SEED = int(os.environ.get("LIANYUN_SEED") or "0")


def rounds(ordinary: int, long: int) -> int:
    """How often something random is done in this run."""
    return long if LONG else ordinary


def first_of_each(
    cases: Iterable[Case], group: Callable[[Case], object], name: Callable[[Case], str]
) -> list[ParameterSet]:
    """All ``cases`` as parameters with ids: the first of each group is in every run, the others are in the long one alone."""
    seen: set[object] = set()
    parameters = []
    for case in cases:
        marks = [pytest.mark.long] if group(case) in seen else []
        seen.add(group(case))
        parameters.append(pytest.param(case, marks=marks, id=name(case)))
    return parameters
