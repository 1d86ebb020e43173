"""`lianyun webhooks`: the process that delivers webhooks, and its overview for operators."""

from __future__ import annotations

import os
import runpy

import typer

from services.cli.database import dsn_of, session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings
from services.notifications.webhooks import subscriptions
from services.notifications.webhooks.sealed_secrets import SealError, new_key
from services.notifications.webhooks.settings import WebhookSettings

app = typer.Typer(help="Messages to parties about what changed.", no_args_is_help=True)


@app.callback()
def webhooks() -> None:
    """Messages to parties about what changed."""


@app.command()
def run() -> None:
    """Make and deliver messages in this terminal until Ctrl-C, settings from LIANYUN_* variables; any number may run."""
    settings = CliSettings()
    dsn = dsn_of(settings)
    os.environ.setdefault("LIANYUN_DSN", dsn)
    try:
        WebhookSettings().seal()
    except SealError as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun webhooks new-key") from None
    runpy.run_module("services.notifications.webhooks", run_name="__main__")


@app.command("new-key")
def new_key_() -> None:
    """Print a key for LIANYUN_WEBHOOK_KEYS; put it before the present ones to replace them."""
    typer.echo(new_key())


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all webhooks with what waits and what was given up."""
    with session(CliSettings()) as connection:
        found = subscriptions.endpoints(connection)
    if as_json:
        print_json(
            {
                "webhooks": [
                    {
                        **each._asdict(),
                        "oldest_due": None if each.oldest_due is None else iso(each.oldest_due),
                        "failing_since": None if each.failing_since is None else iso(each.failing_since),
                    }
                    for each in found
                ]
            }
        )
        return
    rows = [
        (
            each.id,
            each.party,
            each.url,
            each.state,
            each.waiting,
            each.dead,
            "" if each.failing_since is None else iso(each.failing_since),
            each.reason,
        )
        for each in found
    ]
    print_table(("webhook", "party", "url", "state", "waiting", "dead", "failing since", "reason"), rows)
    out.print(f"{sum(each.waiting for each in found)} deliveries wait")
