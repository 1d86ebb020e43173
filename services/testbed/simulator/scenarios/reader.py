"""Reads scenarios and services from the package data."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from schemas import railnet
from services.testbed.simulator.scenarios.model import Scenario
from services.testbed.simulator.service import Service

_FOLDER = "services.testbed.simulator.scenarios"


class UnknownScenario(Exception):
    """There is no scenario of that name; the text lists those that there are."""


@cache
def names() -> tuple[str, ...]:
    """All scenarios by name."""
    found = (entry.name for entry in files(_FOLDER).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


@cache
def scenario(name: str) -> Scenario:
    """The scenario ``name``; raises UnknownScenario."""
    if name not in names():
        raise UnknownScenario(f"no scenario {name!r}; there are {', '.join(names())}")
    table = tomllib.loads((files(_FOLDER) / f"{name}.toml").read_text(encoding="utf-8"))
    return Scenario.model_validate({"name": name, **table})


@cache
def services() -> Mapping[str, Service]:
    """Every train service by id."""
    text = (files(_FOLDER) / "services.csv").read_text(encoding="utf-8")
    return MappingProxyType(
        {row["id"]: _service(row) for row in csv.DictReader(io.StringIO(text, newline=""))}
    )


def _service(row: Mapping[str, str]) -> Service:
    return Service(
        id=row["id"],
        corridor=row["corridor"],
        path=railnet.corridors()[row["corridor"]].stations,
        operator=row["operator"],
        per_day=float(row["trains_per_day"]),
        timetabled=row["timetabled"] == "yes",
    )
