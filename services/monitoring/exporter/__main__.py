"""`python -m services.monitoring.exporter`: shows what the database says until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.runtime.imports import loading
from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    end_with_parent(os.environ)
    with loading():
        from services.monitoring.exporter.process import run
        from services.monitoring.exporter.settings import ExporterSettings
        from services.telemetry.logs import began, configure

    settings = ExporterSettings()
    configure(settings.log_format, settings.log_level)
    began("exporter", settings.lines())
    run(settings)


if __name__ == "__main__":
    main()
