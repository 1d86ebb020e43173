"""Where the command finds the platform: from the environment, or from a platform that runs in this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

RUNNING = Path(".lianyun") / "platform.json"
"""Written by a platform that runs from this folder (`lianyun up`), removed when it stops."""


class CliSettings(BaseSettings):
    """Environment variables LIANYUN_*; a platform running in this folder gives the addresses they leave open."""

    model_config = SettingsConfigDict(env_prefix="LIANYUN_", frozen=True, extra="ignore")

    bootstrap: str = Field("", description="host:port of a Kafka broker")
    dsn: SecretStr = Field(SecretStr(""), description="URL of the database")
    network: str = Field("demo", description="the network whose signatures count: demo or prod")
    partners: Path = Field(Path(".lianyun") / "partners", description="folder of partner profiles and spools")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, InitSettingsSource(settings_cls, _running())


def _running() -> dict[str, Any]:
    try:
        found = json.loads(RUNNING.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: found[name] for name in ("bootstrap", "dsn", "network") if name in found}
