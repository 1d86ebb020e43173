"""`lianyun dashboards`: Grafana's dashboards."""

from __future__ import annotations

import typer

from services.cli.previewing import preview

app = typer.Typer(help="Grafana's dashboards.", no_args_is_help=True)


@app.callback()
def dashboards() -> None:
    """Grafana's dashboards."""


app.command("preview")(preview)
