"""The measured cost of an event, read from one file that names where each figure comes from."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str = Field(description="what measured it")
    hardware: str = Field(description="on what")
    commit: str = Field(description="of which source")


class Processing(_Section):
    """Rates and processor time. Microseconds are of all cores together."""

    events_per_second: int = Field(gt=0)
    workers_us: int = Field(gt=0)
    postgres_us: int = Field(gt=0)
    kafka_us: int = Field(gt=0)
    worker_mb: int = Field(gt=0)


class Storage(_Section):
    """Bytes of one event."""

    database_bytes: int = Field(gt=0)
    state_bytes: int = Field(gt=0)
    wal_bytes: int = Field(gt=0)
    kafka_bytes: int = Field(gt=0)


class Figures(BaseModel):
    """All that a computation of capacity rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processing: Processing
    storage: Storage


def measured() -> Figures:
    """Read the figures that come with this release."""
    text = files("services.monitoring.capacity").joinpath("measured.toml").read_text(encoding="utf-8")
    return Figures.model_validate(tomllib.loads(text))
