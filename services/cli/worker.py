"""`lianyun worker`: one worker in this process."""

from __future__ import annotations

import os
import runpy

from services.cli.settings import CliSettings


def worker() -> None:
    """Run one worker in this process, settings from LIANYUN_* variables."""
    settings = CliSettings()
    os.environ.setdefault("LIANYUN_BOOTSTRAP", settings.bootstrap)
    os.environ.setdefault("LIANYUN_DSN", settings.dsn.get_secret_value())
    runpy.run_module("services.processors", run_name="__main__")
