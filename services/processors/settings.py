"""Settings of a worker: environment variables LIANYUN_*, read once, printed with secrets masked."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from services.ledger.admission.model import AdmissionSettings
from services.processors.topics.declaration import read_declaration
from services.runtime.connections import Connections


class WorkerSettings(Connections):
    """Settings of a worker. Durations are seconds. A missing address is an error, never a guess."""

    bootstrap: str = Field(description="host:port of Kafka brokers, separated by commas")
    dsn: SecretStr = Field(description="URL of the database")
    topics: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias="LIANYUN_WORKER_TOPICS",
        description="topics to read and no others; empty: those declared and those of the registry",
    )
    group: str = Field("lianyun", description="consumer group; the ledger belongs to one group")
    worker_owner: str | None = Field(None, description="who restarts this process: it gets its slot back")
    slot_lease: float = Field(15.0, ge=3, description="how long a slot outlives its process")
    session_timeout: float = Field(10.0, ge=6, description="Kafka waits so long for a vanished worker")
    heartbeat: float = Field(3.0, gt=0)

    batch_events: int = Field(4_000, ge=1, le=4_096, description="events per transaction")
    batch_bytes: int = Field(8 << 20, ge=1 << 16, description="bytes per transaction")
    batch_heads: int = Field(20_000, ge=1, description="consignment heads touched per transaction")
    idle_tick: float = Field(0.25, gt=0, description="how often an idle worker settles")
    examine_every: float = Field(
        5.0, gt=0, description="how often topics and stopped partitions are looked at"
    )
    stuck_after: float = Field(
        60.0, gt=0, description="without progress while messages wait: end the process"
    )

    refused_ratio: float = Field(
        0.99, gt=0, le=1, description="a topic of one party alone with more refused messages rests"
    )
    refused_window: int = Field(5_000, ge=10, description="messages by which that is judged")
    letters_per_hour: int = Field(
        5_000,
        ge=1,
        description="new dead letters of one publisher and hour; beyond them refusals are counted only",
    )

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65_535, description="0: any free port; unset: none")

    @field_validator("topics", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.replace(",", " ").split())) if isinstance(value, str) else value


def declared_topics() -> tuple[str, ...]:
    """The declared topics. Raises DeclarationError."""
    return read_declaration().names()


def admission_settings(network: str) -> AdmissionSettings:
    """The admission settings of `network`; topics without a party are the gateway's. Raises DeclarationError."""
    gateway = frozenset(topic.name for topic in read_declaration().topics if not topic.parties)
    return AdmissionSettings(network, gateway)
