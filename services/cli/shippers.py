"""`lianyun shipper`: credit signals of shippers for entitled readers, and the evaluation of the scorer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli.commands import part
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros, now
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings
from services.credit.domain.presentation import events_of, plain
from services.credit.domain.signals import model
from services.credit.store import follower, projector, records
from services.ledger.registry import store
from services.telemetry.logs import configure

app = typer.Typer(
    help="Read a shipper's credit signals as somebody with consent, and evaluate the scorer.",
    no_args_is_help=True,
)


@app.command("score")
def score(
    shipper: Annotated[str, typer.Argument(help="The shipper's party code.")],
    reader: Annotated[
        str, typer.Option("--as", help="Who reads: a bank with consent, or the shipper itself.")
    ],
    purpose: Annotated[
        str, typer.Option(help="The purpose for which consent was given.")
    ] = "CREDIT_ASSESSMENT",
    as_of: Annotated[str, typer.Option(help="The score of that moment (RFC 3339); now by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the credit signals of a shipper as far as the reader may have them."""
    read_at = now()
    moment = micros(as_of, "--as-of") if as_of else read_at
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
        given = records.read_as(connection, reader, purpose, shipper, read_at, moment, registry)
        if given is None:
            raise Failure(
                Exit.NOT_FOUND,
                f"{reader!r} may read nothing about {shipper!r} for {purpose}",
                "the shipper grants consent with a cre.credit.consent_granted.v1 event",
            )
        named = records.names(connection, shipper, events_of(given.record, given.disputes, given.permission))
        shown = plain(given.permission, given.record, given.disputes, named)
        shown["record"] = records.issue(connection, reader, purpose, shipper, read_at, shown)
    if as_json:
        print_json({"record": shown})
    else:
        _show(shown)


@app.command("records")
def list_records(
    shipper: Annotated[str, typer.Argument(help="The shipper's party code.")],
    reader: Annotated[str, typer.Option("--as", help="Who was given the records.")],
    as_json: AsJson = False,
) -> None:
    """List the records about a shipper that a reader was given, and which superseded which."""
    with session(CliSettings()) as connection:
        found = records.issued_records(connection, reader, shipper)
    if as_json:
        print_json(
            {
                "records": [
                    {"record": k.no, "given": iso(k.given), "supersedes": k.supersedes, "body": k.body}
                    for k in found
                ]
            }
        )
        return
    rows = [
        (k.no, iso(k.given), k.body["as_of_day"], _headline(k.body["assessment"]), k.supersedes or "")
        for k in found
    ]
    print_table(("record", "given", "as of", "what", "supersedes"), rows)


@app.command("follow")
def follow(
    keep_on: Annotated[
        bool,
        typer.Option(
            "--keep-on",
            help="Go on until Ctrl-C or SIGTERM, with health and metrics on LIANYUN_CREDIT_METRICS_PORT.",
        ),
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget what stands and begin at the first event.")
    ] = False,
) -> None:
    """Bring the credit signals up to all events that have been accepted by now."""
    settings = CliSettings()
    with session(settings) as connection:
        if anew:
            projector.forget(connection)
        connection.commit()  # each step is a transaction of its own
        if not keep_on:
            out.print(f"followed {projector.catch_up(connection)} events")
    if keep_on:
        beside = follower.FollowerSettings(dsn=settings.dsn)
        configure(beside.log_format, beside.log_level)
        follower.run(beside)


@app.command("evaluate")
def evaluate(
    firms: Annotated[int, typer.Option(min=1, max=20_000, help="How many simulated shippers.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed is another population.")] = 1,
) -> None:
    """Score a SIMULATED population through the real code; print AUC, calibration and four-fifths ratios as JSON."""
    print_json(part("testbed.credit_evaluation.evaluate").evaluate(firms, seed, model()))


def _show(record: dict[str, Any]) -> None:
    found = record["assessment"]
    out.print(
        f"shipper {record['shipper']} as of {record['as_of_day']}, model {record['model']}", markup=False
    )
    out.print(_headline(found), markup=False)
    if record["under_dispute"]:
        out.print(f"under dispute; without it: {_headline(record['without_what_is_disputed'])}", markup=False)
    if "signals" in found:
        rows = [
            (
                s["signal"],
                s["name"],
                f"{s['bad'] / 1000:.1f} of {s['observed'] / 1000:.1f}",
                f"{s['points']}/{s['of']}",
            )
            for s in found["signals"]
        ]
        print_table(("signal", "of what", "went wrong (weighted)", "points"), rows)
    for reason in found.get("reasons", ()):
        out.print(f"- {reason['points_lost']} points: {reason['reason']} ({reason['signal']})", markup=False)
        for event in reason.get("events", ()):
            out.print(f"    {event['source']} {event['id']}", markup=False)
    out.print(record["scope_note"], markup=False)


def _headline(found: dict[str, Any]) -> str:
    if found.get("score") is None:
        return str(found["status"])
    low, high = found["band"]
    return f"{found['status']}  {found['score']} of {found['of']} ({low} to {high})"
