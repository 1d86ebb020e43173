"""What an answer of the database becomes: values of declared gauges, and the question that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import Connection

from services.domain.facts import Micros
from services.telemetry.definitions import Definition

SECOND: Micros = 1_000_000


class Sample(NamedTuple):
    """One value of ``definition`` under the values of its labels, in their order."""

    definition: Definition
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is parameters, how often (seconds), and how: in the caller's transaction, at the moment given.

    One that ``writes`` is asked outside any: each of its statements commits by itself, so that none is open for long.

    ``ask`` locks nothing that others need. Raises psycopg errors: the statement timeout among them.
    """

    name: str
    every: float
    measure: Callable[[Connection[Any], Micros], Iterable[Sample]]
    writes: bool = False


def percentile(ordered: Sequence[Micros], percent: int) -> Micros:
    """The least of ``ordered`` (ascending, not empty) that so many in a hundred do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
