"""How long things take in the simulated world, apart from borders and lines: from a data file with sources and certainty.

How long trains run and stand at borders is of ``schemas.railnet``; what a scenario assumes is in its own file.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from types import MappingProxyType

from schemas.railnet import Certainty
from services.testbed.simulator.world import DAY, HOUR, MINUTE, span

_UNITS = {"min": MINUTE, "h": HOUR, "d": DAY}


@dataclass(frozen=True, slots=True)
class Duration:
    """Between ``least`` and ``most`` ``unit``; ``source`` are ids of dated facts, or OWN for our own estimate."""

    least: float
    most: float
    unit: str
    source: str
    certainty: Certainty
    basis: str


@cache
def durations() -> Mapping[str, Duration]:
    """Every duration by its name; raises ValueError for a row that says no range."""
    text = resources.files(__package__).joinpath("durations.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        least, most = float(row["least"]), float(row["most"])
        if not 0 <= least <= most or row["unit"] not in _UNITS or row["id"] in found:
            raise ValueError(f"durations.csv: {row['id']} is no range of its own in {', '.join(_UNITS)}")
        certainty = Certainty(row["certainty"])
        found[row["id"]] = Duration(least, most, row["unit"], row["source"], certainty, row["basis"])
    return MappingProxyType(found)


def lasting(random: Random, name: str) -> int:
    """How long ``name`` takes this time (microseconds, whole seconds), evenly between its two ends."""
    known = durations()[name]
    return span(random, known.least, known.most, _UNITS[known.unit])
