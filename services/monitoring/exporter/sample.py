"""Samples of declared metrics, and the measurement that yields them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import Connection

from services.domain.facts import Micros
from services.telemetry.definitions import Definition

SECOND: Micros = 1_000_000


class Sample(NamedTuple):
    """One value of ``definition``, under the values of its labels in their order."""

    definition: Definition
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """A query of the database, by ``name``, to be run each ``every`` seconds.

    ``measure`` takes a session and the current time; it runs in a read-only transaction of the caller, and takes no lock that others
    need. One that ``writes`` runs outside of any transaction: each of its statements commits by itself, so that none stays open. Raises
    psycopg errors, the statement timeout among them.
    """

    name: str
    every: float
    measure: Callable[[Connection[Any], Micros], Iterable[Sample]]
    writes: bool = False


def percentile(ordered: Sequence[Micros], percent: int) -> Micros:
    """Nearest-rank percentile of ``ordered`` (ascending, not empty)."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
