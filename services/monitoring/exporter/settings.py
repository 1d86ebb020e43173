"""Settings of the exporter, from LIANYUN_* variables or mounted secrets."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.runtime.connections import Connections


class ExporterSettings(Connections):
    """Settings of ``lianyun exporter``. Durations are seconds."""

    dsn: SecretStr = Field(description="URL of the database")
    exporter_metrics_host: str = "127.0.0.1"
    exporter_metrics_port: int = Field(9465, ge=0, le=65_535, description="0: any free port")
    exporter_every: float = Field(15.0, gt=0, description="between two looks at most things")
    exporter_heads_every: float = Field(
        300.0, gt=0, description="between two passes over all consignments, the dearest question"
    )
    exporter_timeout: float = Field(
        10.0, gt=0, description="until the database must have answered a question"
    )
    exporter_silent_after: float = Field(
        86_400.0, gt=0, description="without an event of a partner: it counts as silent"
    )
    exporter_silent_after_of: dict[str, float] = Field(
        default_factory=dict, description='other values for single partners, as JSON: {"ktz": 3600}'
    )
    disks: dict[str, str] = Field(
        default_factory=dict,
        description='disks to watch, as JSON, a path on each: {"database": "/disks/database", "archive": "/disks/archive"}',
    )
    certificates: dict[str, str] = Field(
        default_factory=dict,
        description='servers whose certificates to watch, as JSON: {"pages": "host:443", "database": "postgresql://host:5432"}',
    )
