"""`lianyun notifications`: the process that notifies subscribers."""

from __future__ import annotations

import os
import runpy
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from services.api.settings import faults
from services.cli.database import dsn_of, session
from services.cli.exits import Exit, Failure
from services.cli.output import out, print_json
from services.cli.settings import CliSettings
from services.pages.subscriptions import bounces
from services.pages.subscriptions.settings import NotificationSettings

_LONGEST = 1 << 20
"""Bytes of a returned message that are read: the report stands before the message that it is about."""

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


@app.command()
def bounce(
    file: Annotated[
        Path | None,
        typer.Argument(help="The message (RFC 5322); without it: standard input, as a mail server's pipe."),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(envvar="ORIGINAL_RECIPIENT", help="To whom it came; without it: as the message says."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Read a message that came back to LIANYUN_MAIL_BOUNCES, and suspend the subscription of an address that takes no mail.

    Whatever is no delivery status notification (RFC 3464), or not signed by the platform, changes nothing and is no error.
    """
    raw = sys.stdin.buffer.read(_LONGEST) if file is None else file.read_bytes()[:_LONGEST]
    message = message_from_bytes(raw)
    with session(CliSettings()) as connection:
        found = bounces.read_report(connection, message, to or ())
    if as_json:
        lines = [{**each._asdict(), "state": state} for each, state in found]
        print_json({"bounces": lines})
        return
    for each, state in found:
        line = f"{each.subscription}, notice {each.no}: {each.status}, {state or 'counted before'}"
        out.print(line, markup=False)
    if not found:
        out.print("nothing to count: it reports no failed delivery of a message of ours", markup=False)
