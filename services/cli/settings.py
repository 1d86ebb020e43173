"""The command's settings: from the environment, or from a platform that runs in this folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
)

from services.runtime.connections import Connections

RUNNING = Path(".lianyun") / "platform.json"
"""Written by a platform that runs from this folder (`lianyun up`), removed when it stops."""


class CliSettings(Connections):
    """Environment variables LIANYUN_*; a platform running in this folder gives the addresses they leave open."""

    api_url: str = Field("", description="where the API is")
    pages_url: str = Field("", description="where the pages are")
    prometheus_url: str = Field("", description="where the Prometheus is that watches the platform")
    alertmanager_url: str = Field("", description="where the Alertmanager is that notifies people")
    transparency_policy: Path | None = Field(
        None, description="policy of the transparency log, with its witnesses"
    )
    partners: Path = Field(Path(".lianyun") / "partners", description="folder of partner profiles and spools")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment and its secrets first, then what runs here."""
        given = super().settings_customise_sources(
            settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
        )
        return *given, InitSettingsSource(settings_cls, _running())


def _running() -> dict[str, Any]:
    try:
        found = json.loads(RUNNING.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if "LIANYUN_DSN" not in os.environ:
        for name, value in found.get(
            "environment", {}
        ).items():  # by what the registry of that platform is trusted
            os.environ.setdefault(name, value)
    return {
        name: found[name]
        for name in ("bootstrap", "dsn", "network", "api_url", "pages_url", "transparency_policy")
        if name in found
    }
