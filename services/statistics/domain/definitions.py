"""The definitions of the statistics: one published table with a version, which the rules, the pages and the command read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

CURRENT = "definitions-1"


class Kind(StrEnum):
    """How the observations of a cell become numbers."""

    DURATION = "DURATION"  # P10, P50, P90 of microseconds
    SHARE = "SHARE"  # whole percent of those that are 1
    AMOUNT = "AMOUNT"  # the sum of minor units


class Definition(BaseModel):
    """One number: what it is of, in words, and how it is rounded. ``parties`` could be recognised in it; ``by`` is what a corridor is split by.

    Durations are rounded to ``step_hours`` and shown in units of ``unit_hours``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    kind: Kind
    parties: tuple[Literal["shipper", "bank"], ...]
    step_hours: int = 1
    unit_hours: int = 1
    by: Literal["", "crossing", "currency"] = ""
    since: str
    unit: str
    population: str
    counts: str
    leaves_out: str

    @property
    def financial(self) -> bool:
        """Whether it is of pledges, not of journeys."""
        return "bank" in self.parties

    @property
    def texts(self) -> tuple[str, ...]:
        """Its texts for people, English."""
        return self.title, self.unit, self.population, self.counts, self.leaves_out


class Table(BaseModel):
    """The table of one version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    definitions: tuple[Definition, ...]


@cache
def table(name: str = CURRENT) -> Table:
    """The table ``name``."""
    text = files(__package__).joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
    return Table.model_validate(tomllib.loads(text))


@cache
def definitions() -> Mapping[str, Definition]:
    """The definitions by id, in the order in which they are shown."""
    return {each.id: each for each in table().definitions}
