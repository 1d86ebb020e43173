"""Capacity from trains a year and the measured cost of an event: events a second, partitions, workers, cores and disk."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from math import ceil

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str = Field(description="what measured it")
    hardware: str = Field(description="on what")
    commit: str = Field(description="of which source")


class Processing(_Section):
    """Rates and processor time; microseconds are summed over all cores."""

    events_per_second: int = Field(gt=0)
    workers_us: int = Field(gt=0)
    postgres_us: int = Field(gt=0)
    kafka_us: int = Field(gt=0)
    worker_mb: int = Field(gt=0)


class Storage(_Section):
    """Bytes per event."""

    database_bytes: int = Field(gt=0)
    state_bytes: int = Field(gt=0)
    wal_bytes: int = Field(gt=0)
    kafka_bytes: int = Field(gt=0)


class Figures(BaseModel):
    """The measured cost of an event, each figure with its source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processing: Processing
    storage: Storage


def load_figures() -> Figures:
    """The figures of this release."""
    text = files("services.monitoring.capacity").joinpath("measured.toml").read_text(encoding="utf-8")
    return Figures.model_validate(tomllib.loads(text))


_YEAR = 365 * 86_400
_HOURS = 365 * 24
LEAST_WORKERS = 2
"""One continues while the other is replaced."""
LEAST_PARTITIONS = 8
"""As declared; there is no reason to have fewer."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The load. ``boxes_under_way`` overrides the number derived from trains and ``days_under_way``.

    ``peak`` is the multiple of the mean of business events to be sustained for hours, as when a border reports days after an outage;
    telemetry is even. ``busy`` is the share of a core to be used at that peak.
    """

    trains_per_year: int
    boxes_per_train: int = 50
    events_per_box: int = 100
    telemetry_per_hour: float = 0.0
    days_under_way: int = 18
    boxes_under_way: int | None = None
    peak: float = 20.0
    busy: float = 0.5
    years: int = 10
    kafka_days: int = 30
    kafka_replicas: int = 3
    wal_days: int = 7


@dataclass(frozen=True, slots=True)
class Size:
    """The capacity needed: events, processes, cores at the peak, and bytes on disk after ``Demand.years``.

    ``single_writer`` is false where the peak exceeds what one database was measured to take. ``hours_to_catch_up_a_day`` is the time to
    process the backlog of a day on a machine like the measured one; None where it never ends.
    """

    boxes_per_year: int
    boxes_under_way: int
    events_per_year: int
    mean_per_second: float
    peak_per_second: float
    partitions: int
    workers: int
    worker_cores: float
    postgres_cores: float
    kafka_cores: float
    worker_memory_mb: int
    database_bytes: int
    replay_bytes: int
    wal_bytes: int
    kafka_bytes: int
    single_writer: bool
    hours_to_catch_up_a_day: float | None

    @property
    def disk_bytes(self) -> int:
        """All of it, on whatever machines."""
        return self.database_bytes + self.replay_bytes + self.wal_bytes + self.kafka_bytes


def size(demand: Demand, figures: Figures) -> Size:
    """The capacity for ``demand`` on machines like those of ``figures``. Pure. Raises ValueError for a figure out of range."""
    if demand.trains_per_year < 0 or not 0 < demand.busy <= 1 or demand.peak < 1:
        raise ValueError("trains cannot be negative, busy is in (0, 1], peak is at least 1")
    boxes = demand.trains_per_year * demand.boxes_per_train
    under_way = demand.boxes_under_way
    if under_way is None:
        under_way = ceil(boxes * demand.days_under_way / 365)
    business = boxes * demand.events_per_box
    telemetry = under_way * demand.telemetry_per_hour * _HOURS
    events = business + ceil(telemetry)
    mean = events / _YEAR
    peak = business / _YEAR * demand.peak + telemetry / _YEAR
    cost, bytes_ = figures.processing, figures.storage

    def cores(microseconds: int) -> float:
        return peak * microseconds / 1e6 / demand.busy

    workers = max(LEAST_WORKERS, ceil(cores(cost.workers_us)))
    able = cost.events_per_second * demand.busy
    a_day = events / 365
    return Size(
        boxes_per_year=boxes,
        boxes_under_way=under_way,
        events_per_year=events,
        mean_per_second=mean,
        peak_per_second=peak,
        partitions=_partitions(workers),
        workers=workers,
        worker_cores=cores(cost.workers_us),
        postgres_cores=cores(cost.postgres_us),
        kafka_cores=cores(cost.kafka_us),
        worker_memory_mb=workers * cost.worker_mb,
        database_bytes=events * demand.years * bytes_.database_bytes,
        replay_bytes=events * demand.years * bytes_.state_bytes,
        wal_bytes=ceil(a_day * demand.wal_days) * bytes_.wal_bytes,
        kafka_bytes=ceil(a_day * demand.kafka_days) * bytes_.kafka_bytes * demand.kafka_replicas,
        single_writer=peak <= cost.events_per_second,
        hours_to_catch_up_a_day=mean * 24 / (able - mean) if able > mean else None,
    )


def _partitions(workers: int) -> int:
    """A power of two of at least two partitions per worker: room to double the workers without moving a key."""
    count = LEAST_PARTITIONS
    while count < 2 * workers:
        count *= 2
    return count
