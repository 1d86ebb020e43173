"""The published table of the forecast: everything arguable in it, with its version."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CURRENT = "tables-2"

Points = tuple[tuple[int, float], ...]
"""(percent, value): what so many percent do not exceed."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClosureTable(_Table):
    """What is assumed of closed borders."""

    disturbed_before_days: int
    disturbed_after_days: int
    clearing_percent: Annotated[int, Field(ge=100)]
    prior_trains: Annotated[int, Field(ge=1)]
    place_off: Annotated[int, Field(ge=0)] = 0
    least_per_day: Annotated[int, Field(ge=1)]
    slip_strength: int
    slips_of_an_order: tuple[tuple[int, int], ...]
    slips_of_a_lifting: tuple[tuple[int, int], ...]


class EstimateTable(_Table):
    """When the estimates of others count."""

    least_known: int
    strength: int


class SilenceTable(_Table):
    """What makes silence unusual."""

    percent: Annotated[int, Field(ge=1, le=99)]
    least_known: int
    case_percent: Annotated[int, Field(ge=100)]
    case_least_hours: Annotated[int, Field(ge=1)]


class Tables(_Table):
    """The table of one version."""

    version: str
    table_strength: Annotated[int, Field(ge=1)]
    service_strength: Annotated[int, Field(ge=1)]
    least_shown: Annotated[int, Field(ge=1)]
    weights: tuple[tuple[int, int], ...]
    season_weeks: int
    season_weight: int
    unproven: tuple[tuple[int, int], ...]
    run: Points
    held_hours: Points
    share_before_handover: float
    share_after_handover: float
    share_after_transshipment: float
    late_margin_hours: Annotated[int, Field(ge=0)]
    origin: Mapping[str, Points]
    closure: ClosureTable
    estimates: EstimateTable
    silence: SilenceTable

    def __hash__(self) -> int:
        return hash(self.version)


@cache
def tables(name: str = CURRENT) -> Tables:
    """The table ``name``."""
    text = files(__package__).joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
    return Tables.model_validate(tomllib.loads(text))
