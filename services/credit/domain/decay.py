"""How much an observation still weighs: a table of integers, read at the time of reading, so that nothing has to tick.

The weight at age ``a`` days with half-life ``H`` is 2^(-a/H) in units of 2^-20, rounded down. ``data/decay.json`` holds one
half-life of it; each further half-life halves (a shift). Everybody who reads the table gets the same number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

ONE = 1 << 20
"""The weight of an observation of today."""


@cache
def tables() -> Mapping[int, tuple[int, ...]]:
    """The weights of the first half-life, by its length in days."""
    text = files("services.credit.domain").joinpath("data", "decay.json").read_text(encoding="utf-8")
    return {int(days): tuple(weights) for days, weights in json.loads(text).items()}


def weight(age: int, half_life: int, retention: int) -> int:
    """The weight at ``age`` days: 0 for the future and beyond ``retention``; KeyError for an unpublished half-life."""
    if age < 0 or age > retention:
        return 0
    halvings, rest = divmod(age, half_life)
    return tables()[half_life][rest] >> halvings
