"""`lianyun dashboards`: Grafana's dashboards, made from code."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.output import out
from services.cli.previewing import preview
from services.dashboards import publishing

app = typer.Typer(help="Grafana's dashboards, made from code.", no_args_is_help=True)


@app.callback()
def dashboards() -> None:
    """Grafana's dashboards, made from code."""


@app.command()
def build(
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is stale; exit 1 when anything is.")
    ] = False,
) -> None:
    """Write ops/dashboards again from services/dashboards."""
    try:
        old = publishing.stale() if check else publishing.write()
    except ImportError:
        raise Failure(
            Exit.FAILED,
            "the SDK that draws dashboards is not installed here",
            "make setup, in a working copy of the repository",
        ) from None
    for path in old:
        out.print(f"stale: {path}; run `make schemas`" if check else f"written: {path}", markup=False)
    if old and check:
        raise typer.Exit(Exit.FAILED)


app.command("preview")(preview)
