"""A train of the line: its names and where it stopped when. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from services.domain.facts import Micros
from services.domain.objects import Thing
from services.domain.rules import HOUR

KEPT: Micros = 28 * 24 * HOUR
"""How long a train without news is taken to wait where it was last known to wait. Borders were closed for 13 days."""
QUIET: Micros = 3 * 24 * HOUR
"""How long any other train without news is shown where it was last."""
ARRIVED_SHOWN: Micros = 12 * HOUR
"""How long a train stays in sight at its destination."""


class State(IntEnum):
    """What a train does at a stop. Numbers are published, never reused."""

    STANDS = 0
    WAITS = 1  # for its turn at a border
    HELD = 2  # set aside on the way
    PASSES = 3  # between two reports, by running times


@dataclass(frozen=True, slots=True)
class Stop:
    """A train at ``station`` (id) in [since, until]; ``crossing`` is the id of the one that it waits for, else ""."""

    station: str
    since: Micros
    until: Micros
    state: State
    crossing: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One train: its names in the order of use, where it is bound (WEST, EAST or ""), how many boxes, and its stops in order.

    Between two stops it runs on one leg.
    """

    names: tuple[Thing, ...]
    bound: str
    boxes: int
    stops: tuple[Stop, ...]
