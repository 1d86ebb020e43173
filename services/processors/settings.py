"""Settings of a worker: environment variables LIANYUN_*, read once, printed with secrets masked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.admission.model import AdmissionSettings
from services.topics.declaration import read_declaration


class WorkerSettings(BaseSettings):
    """Everything that a worker can be told. Durations are seconds. Unset addresses are an error, never a guess."""

    model_config = SettingsConfigDict(env_prefix="LIANYUN_", frozen=True, extra="ignore")

    bootstrap: str = Field(description="host:port of Kafka brokers, separated by commas")
    dsn: SecretStr = Field(description="URL of the database")
    network: str = Field("demo", description="the network whose signatures count: demo or prod")
    topics: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias="LIANYUN_WORKER_TOPICS", description="topics to read; empty: those declared"
    )
    group: str = Field("lianyun", description="consumer group; the ledger belongs to one group")
    kafka_user: str | None = Field(None, description="SASL user (SCRAM-SHA-512)")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_ca: Path | None = Field(None, description="certificate authority of the brokers; given: TLS")

    worker_owner: str | None = Field(None, description="who restarts this process: it gets its slot back")
    slot_lease: float = Field(15.0, ge=3, description="how long a slot outlives its process")
    session_timeout: float = Field(10.0, ge=6, description="Kafka waits so long for a vanished worker")
    heartbeat: float = Field(3.0, gt=0)

    batch_events: int = Field(2_000, ge=1, le=4_096, description="events per transaction")
    batch_bytes: int = Field(8 << 20, ge=1 << 16, description="bytes per transaction")
    batch_heads: int = Field(20_000, ge=1, description="consignment heads touched per transaction")
    idle_tick: float = Field(0.25, gt=0, description="how often an idle worker settles")
    examine_every: float = Field(
        5.0, gt=0, description="how often topics and stopped partitions are looked at"
    )
    stuck_after: float = Field(
        60.0, gt=0, description="without progress while messages wait: end the process"
    )

    refused_ratio: float = Field(0.99, gt=0, le=1, description="a topic with more refused messages rests")
    refused_window: int = Field(5_000, ge=10, description="messages by which that is judged")

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65_535, description="0: any free port; unset: none")
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("topics", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.replace(",", " ").split())) if isinstance(value, str) else value

    def lines(self) -> list[str]:
        """Return `name=value` lines for the log; passwords are not among them."""
        masked = self.model_dump(exclude={"dsn"})
        return [f"{name}={value}" for name, value in masked.items()] + [
            f"dsn={mask(self.dsn.get_secret_value())}"
        ]

    def kafka_connection(self) -> dict[str, Any]:
        """Return the settings of kafka-python's clients: addresses and security."""
        connection: dict[str, Any] = {"bootstrap_servers": self.bootstrap.split(",")}
        if self.kafka_user is not None:
            connection |= {
                "security_protocol": "SASL_SSL" if self.kafka_ca else "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.kafka_user,
                "sasl_plain_password": self.kafka_password.get_secret_value() if self.kafka_password else "",
            }
        elif self.kafka_ca is not None:
            connection["security_protocol"] = "SSL"
        if self.kafka_ca is not None:
            connection["ssl_cafile"] = str(self.kafka_ca)
        return connection


def mask(dsn: str) -> str:
    """Return a database URL without its password."""
    head, at, tail = dsn.rpartition("@")
    if not at:
        return dsn if "password" not in dsn else "***"
    scheme, _, rest = head.partition("://")
    return f"{scheme}://{rest.partition(':')[0]}:***@{tail}"


def declared_topics() -> tuple[str, ...]:
    """Return the declared topics. Raises DeclarationError."""
    return read_declaration().names()


def admission_settings(network: str) -> AdmissionSettings:
    """Return what `network` fixes for everybody; topics without a party are the gateway's. Raises DeclarationError."""
    gateway = frozenset(topic.name for topic in read_declaration().topics if not topic.parties)
    return AdmissionSettings(network, gateway)
