"""`lianyun notifications`: the process that notifies subscribers."""

from __future__ import annotations

import os
import runpy

import typer
from pydantic import ValidationError

from services.api.settings import faults
from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.settings import CliSettings
from services.pages.subscriptions.settings import NotificationSettings

app = typer.Typer(help="Notices to subscribers of a consignment, by mail and in feeds.", no_args_is_help=True)


@app.callback()
def notifications() -> None:
    """Notices to subscribers of a consignment, by mail and in feeds."""


@app.command()
def run() -> None:
    """Make notices and send mail in this terminal until Ctrl-C, settings from LIANYUN_* variables; any number may run."""
    found = CliSettings()
    dsn = dsn_of(found)
    os.environ.setdefault("LIANYUN_DSN", dsn)
    os.environ.setdefault("LIANYUN_NETWORK", found.network)
    try:
        NotificationSettings()
    except ValidationError as wrong:
        raise Failure(Exit.USAGE, faults(wrong), "docs/guides/subscriptions.md lists the settings") from None
    runpy.run_module("services.pages.subscriptions", run_name="__main__")
