"""Settings common to workers and commands: addresses of broker and database, and credentials for them.

Each value is an environment variable LIANYUN_*, or a file of that name in lower case in the folder LIANYUN_SECRETS (mounted secrets
of a container), so that no password need be in an environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

MECHANISM = "SCRAM-SHA-512"
SECRETS = "LIANYUN_SECRETS"


class WithSecretFiles(BaseSettings):
    """Settings from variables, or from files in the folder of mounted secrets."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the secrets' folder where one is named."""
        folder = os.environ.get(SECRETS)
        files = (SecretsSettingsSource(settings_cls, secrets_dir=folder),) if folder else ()
        return init_settings, env_settings, *files


class Connections(WithSecretFiles):
    """Addresses, users and passwords of broker and database; passwords are masked when printed."""

    # An error shows what was wrong, never the value: it may be a password.
    model_config = SettingsConfigDict(
        env_prefix="LIANYUN_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    bootstrap: str = Field("", description="host:port of Kafka brokers, separated by commas")
    dsn: SecretStr = Field(SecretStr(""), description="URL of the database")
    dsn_password: SecretStr | None = Field(None, description="password of the database, if not in the URL")
    network: str = Field("demo", description="the network whose signatures count: demo or prod")
    kafka_user: str | None = Field(None, description=f"SASL user ({MECHANISM})")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_ca: Path | None = Field(None, description="certificate authority of the brokers; given: TLS")
    kafka_certificate: Path | None = Field(
        None, description="own certificate and key in one PEM file, for the brokers' administrator"
    )

    log_format: Literal["text", "json"] = Field("text", description="how log lines are written")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """Insert the password into the URL, so that the URL suffices everywhere."""
        if not isinstance(values, dict) or not values.get("dsn_password") or not values.get("dsn"):
            return values
        return {**values, "dsn": with_password(_plain(values["dsn"]), _plain(values["dsn_password"]).strip())}

    @model_validator(mode="after")
    def _consistent(self) -> Connections:
        if (self.kafka_user is None) != (self.kafka_password is None):
            raise ValueError("kafka_user and kafka_password go together: set both or none")
        if self.kafka_certificate is not None and self.kafka_ca is None:
            raise ValueError("kafka_certificate needs TLS: set kafka_ca too")
        return self

    def kafka_security(self) -> dict[str, Any]:
        """The security settings of kafka-python's clients; empty for an open broker."""
        security: dict[str, Any] = {}
        if self.kafka_user is not None and self.kafka_password is not None:
            security = {
                "security_protocol": "SASL_SSL" if self.kafka_ca else "SASL_PLAINTEXT",
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.kafka_user,
                "sasl_plain_password": self.kafka_password.get_secret_value(),
            }
        elif self.kafka_ca is not None:
            security = {"security_protocol": "SSL"}
        if self.kafka_ca is not None:
            security["ssl_cafile"] = str(self.kafka_ca)
        if self.kafka_certificate is not None:
            security["ssl_certfile"] = security["ssl_keyfile"] = str(self.kafka_certificate)
        return security

    def kafka_connection(self) -> dict[str, Any]:
        """The settings of kafka-python's clients: addresses and security."""
        return {"bootstrap_servers": self.bootstrap.split(","), **self.kafka_security()}

    def lines(self) -> list[str]:
        """`name=value` lines for the log, without passwords."""
        masked = self.model_dump(exclude={"dsn"})
        return [f"{name}={value}" for name, value in masked.items()] + [
            f"dsn={mask(self.dsn.get_secret_value())}"
        ]


def with_password(dsn: str, password: str) -> str:
    """The database URL ``dsn`` with ``password``; an existing password is kept."""
    parts = urlsplit(dsn)
    user, at, host = parts.netloc.rpartition("@")
    if not at or ":" in user:
        return dsn
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def mask(dsn: str) -> str:
    """A database URL without its password."""
    head, at, tail = dsn.rpartition("@")
    if not at:
        return dsn if "password" not in dsn else "***"
    scheme, _, rest = head.partition("://")
    return f"{scheme}://{rest.partition(':')[0]}:***@{tail}"


def _plain(value: Any) -> str:
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value)
