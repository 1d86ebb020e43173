"""Scenarios by name: package data with the source and certainty of every number, and their reader."""

import csv
import io
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas import railnet
from schemas.railnet import Certainty, ScenarioFact
from services.testbed.simulator.service import Service

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """``moment`` in UTC microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


@cache
def fact(identity: str) -> ScenarioFact:
    """The dated fact ``identity``; raises ValueError where railnet has none."""
    for known in railnet.scenario_facts():
        if known.id == identity:
            return known
    raise ValueError(f"no dated fact {identity!r} in railnet; look in schemas/railnet/data/scenarios.csv")


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sourced(_Said):
    """Something assumed: where it comes from and how sure it is."""

    source: str
    certainty: Certainty
    basis: str

    @model_validator(mode="after")
    def _known(self) -> Self:
        for identity in self.source.split():
            if identity != "OWN":
                fact(identity)
        return self


class Assumption(_Sourced):
    """One number of the model."""

    value: float
    unit: str


class Range(_Sourced):
    """A number of the model that lies between two."""

    least: float
    most: float
    unit: str


class Way(_Sourced):
    """Some ``services`` run ``by`` another corridor: the ``share`` of their trains."""

    services: tuple[str, ...]
    by: str
    share: Annotated[float, Field(ge=0, le=1)]


class ClosedBy(_Said):
    """A dated closure, with who orders it and the fact that dates the order."""

    fact: str
    by: str
    announced_by: str

    @property
    def interval(self) -> tuple[int, int]:
        """From and to in UTC microseconds."""
        return _interval(self.fact, None)

    @property
    def crossings(self) -> tuple[str, ...]:
        return _crossings(self.fact)

    @property
    def announced(self) -> int:
        """Noon of the day of the announcement."""
        day = date.fromisoformat(fact(self.announced_by).starts[:10])
        return micros(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


class StoppedBy(_Said):
    """A dated order that stops loading; ``starts`` and ``crossings`` where the fact is less precise."""

    fact: str
    by: str
    direction: Literal["WEST", "EAST", "BOTH"]
    spares_timetabled: bool
    starts: datetime | None = None
    crossings: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[int, int]:
        """From and to in UTC microseconds."""
        return _interval(self.fact, self.starts)

    @property
    def concerned(self) -> tuple[str, ...]:
        return self.crossings or _crossings(self.fact)


class Counted(_Said):
    """A published count of trains that stand before a crossing."""

    fact: str
    crossing: str
    by: str
    at: datetime

    @property
    def reported(self) -> str:
        """The number of the press with its unit."""
        known = fact(self.fact)
        return f"{known.value} {known.unit}"


class Unheard(_Sourced):
    """A party whose messages stop, and come later."""

    party: str
    starts: datetime
    ends: datetime
    backfill_hours: float


class Scenario(_Said):
    """One scenario as its file has it; times are UTC."""

    name: str
    title: str
    story: str
    starts: datetime
    opens: datetime
    ends: datetime
    last_departure: datetime
    services: tuple[str, ...]
    scale: Assumption
    boxes: Assumption
    yard: Assumption | None = None
    least_per_day: Assumption | None = None
    detained: Assumption | None = None
    detained_hours: Range | None = None
    returned: Assumption | None = None
    detour: Way | None = None
    via: Way | None = None
    closure: tuple[ClosedBy, ...] = ()
    stop: tuple[StoppedBy, ...] = ()
    count: tuple[Counted, ...] = ()
    outage: tuple[Unheard, ...] = ()

    @property
    def facts(self) -> tuple[str, ...]:
        """The ids of the dated facts that it plays."""
        played = {entry.fact for entry in self.closure} | {entry.announced_by for entry in self.closure}
        return tuple(sorted(played | {s.fact for s in self.stop} | {c.fact for c in self.count}))

    @property
    def assumptions(self) -> dict[str, Assumption | Range | Way]:
        """Every assumption by its name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: said for name, said in found.items() if isinstance(said, Assumption | Range | Way)}


def _crossings(identity: str) -> tuple[str, ...]:
    return tuple(
        place.removeprefix("crossing:") for place in fact(identity).places if place.startswith("crossing:")
    )


def _interval(identity: str, starts: datetime | None) -> tuple[int, int]:
    known = fact(identity)
    begin = starts or known.starts_utc or _day(known.starts)
    end = known.ends_utc or (_day(known.ends) if known.ends else None)
    if end is None:
        raise ValueError(f"the dated fact {identity!r} has no end; choose another")
    return micros(begin), micros(end)


def _day(text: str) -> datetime:
    day = date.fromisoformat(text[:10])
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


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


__all__ = ["Assumption", "Scenario", "UnknownScenario", "names", "scenario", "services"]
