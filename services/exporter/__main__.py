"""`python -m services.exporter`: shows what the database says until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.loading import loading
from services.processors.parentage import end_with_parent


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    end_with_parent(os.environ)
    with loading():
        from services.exporter.process import run
        from services.exporter.settings import ExporterSettings
        from services.observability.logs import began, configure

    settings = ExporterSettings()
    configure(settings.log_format, settings.log_level)
    began("exporter", settings.lines())
    run(settings)


if __name__ == "__main__":
    main()
