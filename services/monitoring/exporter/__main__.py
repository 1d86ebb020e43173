"""`python -m services.monitoring.exporter`: export metrics of the database until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import log_start, startup_imports


def main() -> None:
    """Work until SIGTERM or SIGINT. An error ends the process, to be restarted by its supervisor."""
    with startup_imports():
        from services.monitoring.exporter.process import run
        from services.monitoring.exporter.settings import ExporterSettings

    run(log_start("exporter", ExporterSettings()))


if __name__ == "__main__":
    main()
