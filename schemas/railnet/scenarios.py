"""What really happened on the network: dated closures, embargoes, queues and volumes, for scenarios and tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from schemas.railnet.model import Certainty
from schemas.railnet.table import Row, many, rows


class RestrictionKind(StrEnum):
    """What a dated restriction stops."""

    BORDER_CLOSED = "BORDER_CLOSED"
    EMBARGO = "EMBARGO"
    ACCEPTANCE_BAN = "ACCEPTANCE_BAN"


@dataclass(frozen=True, slots=True)
class ScenarioFact:
    """A dated fact of real operation; ``dissent`` keeps what other sources say."""

    id: str
    group: str
    starts: str  # local, as precise as known: 2021-H1, 2024, 2025-10, 2025-10-06, 2025-09-12T00:00
    ends: str | None
    starts_utc: datetime | None
    ends_utc: datetime | None
    places: tuple[str, ...]  # railnet: and crossing: places
    about: str | None  # what it concerns where that is no place: country codes or words
    restricts: RestrictionKind | None
    towards: tuple[str, ...]  # ISO2 countries of the stopped direction; empty: both
    fact: str
    value: str | None
    unit: str | None
    certainty: Certainty
    sources: tuple[str, ...]
    dissent: str | None


@cache
def scenario_facts() -> tuple[ScenarioFact, ...]:
    """Every dated fact, in the order of the data (by group)."""
    return tuple(_scenario_fact(row) for row in rows("scenarios"))


@cache
def restrictions() -> tuple[ScenarioFact, ...]:
    """The dated facts that closed a border or stopped loading."""
    return tuple(fact for fact in scenario_facts() if fact.restricts is not None)


def _instant(cell: str) -> datetime | None:
    return datetime.fromisoformat(cell) if cell else None


def _scenario_fact(row: Row) -> ScenarioFact:
    return ScenarioFact(
        id=row["id"],
        group=row["group"],
        starts=row["starts"],
        ends=row["ends"] or None,
        starts_utc=_instant(row["starts_utc"]),
        ends_utc=_instant(row["ends_utc"]),
        places=many(row["places"]),
        about=row["about"] or None,
        restricts=RestrictionKind(row["restricts"]) if row["restricts"] else None,
        towards=many(row["towards"]),
        fact=row["fact"],
        value=row["value"] or None,
        unit=row["unit"] or None,
        certainty=Certainty(row["certainty"]),
        sources=many(row["sources"]),
        dissent=row["dissent"] or None,
    )
