"""The `lianyun` command, and the output of its failures: one line for the problem, one for the suggestion."""

from __future__ import annotations

import signal
import sys

import typer

from services.cli.commands import Commands
from services.cli.exits import Exit, Failure
from services.cli.output import err

app = typer.Typer(
    name="lianyun",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 findings, 4 dependency unreachable, 5 not found, 130 interrupted.",
)


@app.callback()
def lianyun() -> None:
    """One shared, provable record of every China-Europe Railway Express consignment."""


def run() -> None:
    """Entry point: runs a command and turns its failure into a documented exit code."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(Exit.INTERRUPTED))
    try:
        app()
    except Failure as failure:
        err.print(f"error: {failure.problem}", markup=False)
        err.print(f"to do: {failure.suggestion}", markup=False)
        sys.exit(failure.code)
