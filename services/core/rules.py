"""The tables that the fold reads, and the version that covers code and tables together.

Whatever changes the outcome of a fold changes ``FOLD_VERSION``: a state generation carries one, and a worker with
another refuses to write to it (an upgrade is a replay into a new generation and a swap).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from schemas.events import catalogue
from services.core.facts import Micros

SECOND: Micros = 1_000_000
HOUR: Micros = 3_600 * SECOND

SILENT_AFTER: Micros = 7 * 24 * HOUR
"""A consignment on its way of which nobody says anything for longer is shown as silent."""
UNMATCHED_AFTER: Micros = 6 * HOUR
"""A hand-over that only one side has signed for longer is shown as unmatched."""

DELIVERED_PHASE = 6
FOLD_CODE = 1
"""Raise on any change of the rules in this package."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one milestone folds: its phase of the journey, whether it moves the position, tolerance and episode.

    ``episode`` is 0, +n (opens exception n) or -n (closes it); ``tolerance`` is None where answers cannot differ.
    """

    number: int
    name: str
    phase: int
    moves: bool
    tolerance: Micros | None
    episode: int


@cache
def rules() -> Mapping[int, Rule]:
    """The rule of each milestone by its stable number."""
    return {
        spec.number: Rule(
            number=spec.number,
            name=spec.type,
            phase=spec.phase,
            moves=spec.moves,
            tolerance=None if spec.tolerance_seconds is None else spec.tolerance_seconds * SECOND,
            episode=spec.episode,
        )
        for spec in catalogue.specs()
    }


@cache
def fold_version() -> str:
    """A short digest of the fold's code version and of every table it reads; stored with each generation."""
    table = ";".join(repr(rule) for _, rule in sorted(rules().items()))
    return hashlib.sha256(f"{FOLD_CODE}|{SILENT_AFTER}|{UNMATCHED_AFTER}|{table}".encode()).hexdigest()[:16]
