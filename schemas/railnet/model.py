"""The network: stations, crossings, legs and corridors as frozen values, each with where its facts come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Certainty(StrEnum):
    """How well a fact is known, best first."""

    CHECKED_IN_LIST = "checked-in-list"
    TWO_SOURCES = "two-sources"
    ONE_SOURCE = "one-source"
    APPROXIMATE = "approximate"


class StationRole(StrEnum):
    """What a station does for China-Europe trains."""

    ORIGIN = "origin"
    HUB = "hub"
    TERMINAL = "terminal"
    JUNCTION = "junction"
    BORDER = "border"
    GAUGE_CHANGE = "gauge_change"
    INTERCHANGE = "interchange"
    PORT = "port"
    SEA_RAIL_PORT = "sea_rail_port"


class Names(NamedTuple):
    """A place in five languages; None where no name is known."""

    zh: str | None
    ru: str | None
    en: str
    de: str | None
    pl: str | None

    def best(self, language: str) -> str:
        """The name in ``language`` (two letters), else the English one."""
        found: str | None = getattr(self, language, None) if language in Names._fields else None
        return found or self.en


@dataclass(frozen=True, slots=True)
class Station:
    """A node of the network; ``esr`` is the station's 1520 code, ``esr_border`` its border points, never the same."""

    id: str
    country: str
    names: Names
    names_read: tuple[str, ...]  # languages whose name was read in a list; the others are our own knowledge
    locode: str | None
    locode_also: tuple[str, ...]
    esr: str | None
    esr_certainty: Certainty | None
    esr_border: tuple[str, ...]
    border_certainty: Certainty | None
    plc: str | None  # TAF TSI primary location code
    plc_certainty: Certainty | None
    uic: str | None  # country 2, station 5, check digit 1
    telecode: str | None  # China Railway, of the station named in ``telecode_of``
    telecode_of: str | None
    tz: str  # of the place; trains may work on another time, see zones.working_zone
    lat: float
    lon: float
    position_certainty: Certainty
    gauges: tuple[int, ...]  # millimetres
    roles: tuple[StationRole, ...]
    managers: tuple[str, ...]  # company codes, the first one leads
    division: str | None  # bureau or regional railway of the first manager
    certainty: Certainty  # of the codes
    sources: tuple[str, ...]
    note: str | None

    @property
    def place(self) -> str:
        """The canonical form on the wire."""
        return f"railnet:{self.id}"

    @property
    def manager(self) -> str:
        """The company that leads here."""
        return self.managers[0]


@dataclass(frozen=True, slots=True)
class CrossingSide:
    """One half of a crossing."""

    station: str
    gauge: int
    managers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dwell:
    """How long trains stand, in hours; an input of the model, so read ``basis`` and ``certainty`` with it."""

    median_hours: float
    p90_hours: float
    basis: str
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Crossing:
    """A pair of neighbouring stations of two managers or states."""

    id: str
    a: CrossingSide
    b: CrossingSide
    by_sea: bool
    gauge_change: bool  # of wagons on rails; boxes that go by sea are lifted, whatever the gauges
    transfer_at: str | None
    transfer_hours: float  # typical, a whole train
    transfer_basis: str
    customs_border: bool
    customs: str
    dwell: Dwell
    trains_per_day: int  # per direction
    capacity: str | None
    volume: str | None
    status: str | None
    certainty: Certainty
    sources: tuple[str, ...]

    @property
    def place(self) -> str:
        """The form on the wire."""
        return f"crossing:{self.id}"


@dataclass(frozen=True, slots=True)
class Leg:
    """A run between two stations; ``run_hours`` is moving time, the dwell of the crossing comes on top."""

    seq: int
    from_station: str
    to_station: str
    crossing: str | None
    by_sea: bool
    km: float
    run_hours: float
    mean_kmh: (
        int | None
    )  # the speed that run_hours was computed with; None: the hours are an estimate themselves
    carriers: tuple[str, ...]  # in order of travel
    certainty: Certainty  # of km
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corridor:
    """A directed route: ``-W`` towards Europe (feeders: towards the trunk), ``-E`` back."""

    id: str
    kind: str
    name: str
    legs: tuple[Leg, ...]
    km: float
    run_hours: float
    transit: str | None  # as published
    transit_sources: tuple[str, ...]
    note: str | None
    certainty: Certainty
    sources: tuple[str, ...]

    @property
    def stations(self) -> tuple[str, ...]:
        """Station ids in order of travel."""
        return (self.legs[0].from_station, *(leg.to_station for leg in self.legs))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read; OWN is our own knowledge or estimate."""

    id: str
    kind: str
    title: str
