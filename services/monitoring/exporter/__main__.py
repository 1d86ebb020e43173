"""`python -m services.monitoring.exporter`: shows what the database says until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import log_start, startup_imports


def main() -> None:
    """Work until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    with startup_imports():
        from services.monitoring.exporter.process import run
        from services.monitoring.exporter.settings import ExporterSettings

    run(log_start("exporter", ExporterSettings()))


if __name__ == "__main__":
    main()
