"""`lianyun api`: the HTTP API for banks and partners."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from pydantic import ValidationError

from services.api.serving import serve as served
from services.api.settings import ApiSettings, faults
from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.output import err
from services.cli.settings import CliSettings

app = typer.Typer(help="The HTTP API for banks and partners.", no_args_is_help=True)


@app.callback()
def api() -> None:
    """The HTTP API for banks and partners."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 8443 by default.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
) -> None:
    """Serve the API in this terminal until Ctrl-C, settings from LIANYUN_* variables."""
    found = CliSettings()
    dsn = dsn_of(found)
    given = {"API_HOST": host, "API_PORT": port, "API_WORKERS": workers}
    os.environ.update({f"LIANYUN_{name}": str(value) for name, value in given.items() if value is not None})
    os.environ.setdefault("LIANYUN_DSN", dsn)
    os.environ.setdefault("LIANYUN_BOOTSTRAP", found.bootstrap)
    os.environ.setdefault("LIANYUN_NETWORK", found.network)
    try:
        settings = ApiSettings()
    except ValidationError as wrong:
        raise Failure(Exit.USAGE, faults(wrong), "docs/guides/api.md lists the settings of the API") from None
    scheme = "http" if settings.api_certificate is None else "https"
    err.print(f"the API listens on {scheme}://{settings.api_host}:{settings.api_port}", markup=False)
    served(settings)
