"""`lianyun dashboards`: Grafana's dashboards, made from code."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.dashboard_preview import preview
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.cli.times import micros
from services.monitoring.dashboards import files
from services.monitoring.dashboards.query_check import Checker, QueryOutcome, Unreachable, load_queries

app = typer.Typer(help="Grafana's dashboards, made from code.", no_args_is_help=True)
app.command("preview")(preview)


@app.callback()
def dashboards() -> None:
    """Grafana's dashboards, made from code."""


@app.command()
def build(
    only_check: Annotated[
        bool, typer.Option("--check", help="Only say what is stale; exit 1 when anything is.")
    ] = False,
) -> None:
    """Write ops/dashboards again from services/monitoring/dashboards."""
    try:
        old = files.stale() if only_check else files.write()
    except ImportError:
        raise Failure(
            Exit.FAILED,
            "the SDK that draws dashboards is not installed here",
            "make setup, in a working copy of the repository",
        ) from None
    for path in old:
        out.print(f"stale: {path}; run `make schemas`" if only_check else f"written: {path}", markup=False)
    if old and only_check:
        raise typer.Exit(Exit.FAILED)


@app.command()
def check(
    prometheus: Annotated[
        str, typer.Option(envvar="LIANYUN_PROMETHEUS_URL", help="Where Prometheus is.")
    ] = "http://127.0.0.1:9090",
    folder: Annotated[Path, typer.Option(help="The dashboards' files.")] = files.ROOT / files.FOLDER,
    at: Annotated[
        str,
        typer.Option(help="The moment that tables show (RFC 3339), for a simulated world; now by default."),
    ] = "",
    interval: Annotated[str, typer.Option(help="What rates are taken over.")] = "5m",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run every query of the dashboards here; exit 3 where one fails, or says nothing and nobody explains why."""
    moment = datetime.fromtimestamp(micros(at, "--at") / 1_000_000, UTC) if at else None
    try:
        asked = load_queries(folder)
    except ValueError as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun dashboards build") from None
    with session(CliSettings()) as connection:
        connection.autocommit = True
        try:
            answers = Checker(prometheus, connection, interval, moment).check(asked)
        except Unreachable as problem:
            raise Failure(
                Exit.UNREACHABLE,
                f"Prometheus does not answer: {problem}",
                "say where it is: --prometheus URL",
            ) from None
    counts = {str(each): sum(answer.outcome is each for answer in answers) for each in QueryOutcome}
    if as_json:
        print_json(
            {
                "counts": counts,
                "queries": [
                    {
                        "dashboard": each.query.dashboard,
                        "panel": each.query.panel,
                        "outcome": str(each.outcome),
                        "detail": each.detail,
                    }
                    for each in answers
                ],
            }
        )
    else:
        wrong = [each for each in answers if each.wrong]
        if wrong:
            print_table(
                ("dashboard", "panel", "outcome", "detail"),
                ((e.query.dashboard, e.query.panel, e.outcome, e.detail) for e in wrong),
            )
        out.print(
            f"{len(answers)} queries: " + ", ".join(f"{many} {what}" for what, many in counts.items() if many)
        )
    if any(each.wrong for each in answers):
        raise typer.Exit(Exit.FINDINGS)
