"""`lianyun exporter`: the process that shows what the database says as metrics."""

from __future__ import annotations

import os
import runpy

from services.cli.database import dsn_of
from services.cli.settings import CliSettings


def exporter() -> None:
    """Show what the database says as metrics, in this terminal until Ctrl-C; settings from LIANYUN_* variables."""
    os.environ.setdefault("LIANYUN_DSN", dsn_of(CliSettings()))
    runpy.run_module("services.monitoring.exporter", run_name="__main__")
