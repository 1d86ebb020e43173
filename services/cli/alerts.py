"""`lianyun alerts`: how alerts reach people."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.output import err, print_table
from services.monitoring.alerting.alertmanager import Receivers, configuration
from services.monitoring.alerting.alerts import RUNBOOKS_URL
from services.monitoring.alerting.rules import alert_rules, all_alerts
from services.notifications.alert_relay.relay import Relay, RelaySettings
from services.telemetry.logs import configure

app = typer.Typer(help="How alerts reach people.", no_args_is_help=True)


@app.callback()
def alerts() -> None:
    """How alerts reach people."""


@app.command("list")
def list_() -> None:
    """List all alerts with how loud they are, what they say, and their runbooks."""
    print_table(
        ("alert", "severity", "summary", "runbook"),
        ((each.name, each.severity, each.summary, each.runbook) for each in all_alerts()),
    )


@app.command()
def config(
    mail_to: Annotated[str, typer.Option(help="Who gets mail.")] = "",
    mail_from: Annotated[str, typer.Option(help="From whom.")] = "",
    smarthost: Annotated[str, typer.Option(help="host:port of the mail server.")] = "",
    webhook: Annotated[str, typer.Option(help="A URL that takes Alertmanager's own form.")] = "",
    relay: Annotated[str, typer.Option(help="The URL of `lianyun alerts relay`.")] = "",
    wecom: Annotated[bool, typer.Option("--wecom", help="Through the relay to a robot of WeCom.")] = False,
    dingtalk: Annotated[
        bool, typer.Option("--dingtalk", help="Through the relay to a robot of DingTalk.")
    ] = False,
    watchdog: Annotated[
        str, typer.Option(help="A URL that somebody watches who calls when nothing comes.")
    ] = "",
) -> None:
    """Print Alertmanager's configuration for these receivers; without any, alerts are only shown on its page."""
    try:
        text = configuration(
            Receivers(mail_to, mail_from, smarthost, webhook, relay, wecom, dingtalk, watchdog)
        )
    except ValueError as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun alerts config --help") from None
    sys.stdout.write(text)


@app.command()
def rules(
    runbooks: Annotated[
        str, typer.Option(help="The URL of a folder with the runbooks; by default Prometheus serves them.")
    ] = RUNBOOKS_URL,
) -> None:
    """Print the alerting rules of Prometheus (ops/alerts/alerts.yml), with their runbooks at another address."""
    sys.stdout.write(alert_rules(runbooks.rstrip("/")))


@app.command("relay")
def relay_() -> None:
    """Hand Alertmanager's notifications to chat robots until Ctrl-C, settings from LIANYUN_* variables."""
    configure()
    serving = Relay(RelaySettings())
    err.print(f"the relay listens on port {serving.port}", markup=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=serving.stop).start())
    serving.run()
