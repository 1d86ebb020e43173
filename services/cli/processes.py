"""`lianyun worker` and `lianyun exporter`: processes of the platform in this terminal."""

from __future__ import annotations

import os
import runpy

from services.cli.database import dsn_of
from services.cli.settings import CliSettings


def exporter() -> None:
    """Show what the database says as metrics, in this terminal until Ctrl-C; settings from LIANYUN_* variables."""
    settings = CliSettings()
    os.environ.setdefault("LIANYUN_DSN", dsn_of(settings))
    os.environ.setdefault("LIANYUN_BOOTSTRAP", settings.bootstrap)
    runpy.run_module("services.monitoring.exporter", run_name="__main__")


def worker() -> None:
    """Run one worker in this process, settings from LIANYUN_* variables."""
    settings = CliSettings()
    os.environ.setdefault("LIANYUN_BOOTSTRAP", settings.bootstrap)
    os.environ.setdefault("LIANYUN_DSN", settings.dsn.get_secret_value())
    runpy.run_module("services.processors", run_name="__main__")
