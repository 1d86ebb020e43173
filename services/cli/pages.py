"""`lianyun pages`: the pages for people."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from pydantic import ValidationError

from services.api.settings import faults
from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.output import err
from services.cli.settings import CliSettings
from services.pages.serving import serve as served
from services.pages.settings import PagesSettings

app = typer.Typer(help="The pages for people: tracking, share links, console.", no_args_is_help=True)


@app.callback()
def pages() -> None:
    """The pages for people: tracking, share links, console."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 8480 by default.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
) -> None:
    """Serve the pages in this terminal until Ctrl-C, settings from LIANYUN_* variables."""
    found = CliSettings()
    dsn = dsn_of(found)
    given = {"PAGES_HOST": host, "PAGES_PORT": port, "PAGES_WORKERS": workers}
    os.environ.update({f"LIANYUN_{name}": str(value) for name, value in given.items() if value is not None})
    os.environ.setdefault("LIANYUN_DSN", dsn)
    os.environ.setdefault("LIANYUN_NETWORK", found.network)
    try:
        settings = PagesSettings()
    except ValidationError as wrong:
        raise Failure(
            Exit.USAGE, faults(wrong), "docs/guides/pages.md lists the settings of the pages"
        ) from None
    err.print(f"the pages are at {settings.pages_urls[0]}", markup=False)
    served(settings)
