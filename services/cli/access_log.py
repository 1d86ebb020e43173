"""`lianyun access-log`: sealed lines of the access log, for two named people together."""

from __future__ import annotations

from typing import Annotated

import typer

from services.api import sealed
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros, now
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings

app = typer.Typer(
    help="Sealed lines of the access log, shown to two named people together.", no_args_is_help=True
)
Opening = Annotated[str, typer.Argument(help="The number of the request.")]


@app.callback()
def access_log() -> None:
    """Sealed lines of the access log, shown to two named people together."""


@app.command()
def ask(
    by: Annotated[str, typer.Option(help="Your name.")],
    reason: Annotated[str, typer.Option(help="Why, for the record: a case, an order.")],
    since: Annotated[str, typer.Option(help="RFC 3339: lines from then on.")],
    until: Annotated[str, typer.Option(help="RFC 3339: lines before then; now by default.")] = "",
) -> None:
    """Ask to see sealed lines; prints the number that somebody else approves."""
    try:
        with session(CliSettings()) as connection:
            moment = now()
            end = micros(until, "--until") if until else moment
            opening = sealed.ask(connection, by, reason, micros(since, "--since"), end, at=moment)
    except sealed.Refused as refused:
        raise Failure(Exit.FAILED, str(refused), "lianyun access-log ask --help") from None
    out.print(opening)
    out.print(f"a second person approves it: lianyun access-log approve {opening} --by NAME")


@app.command()
def approve(
    opening: Opening,
    by: Annotated[str, typer.Option(help="Your name; not that of whoever asked.")],
    hours: Annotated[int, typer.Option(min=1, max=168, help="For how long.")] = 24,
) -> None:
    """Approve a request of somebody else."""
    try:
        with session(CliSettings()) as connection:
            sealed.approve(connection, opening, by, at=now(), hours=hours)
    except sealed.Refused as refused:
        raise Failure(Exit.FAILED, str(refused), "lianyun access-log approve --help") from None
    out.print("approved; each showing is recorded")


@app.command()
def show(
    opening: Opening,
    by: Annotated[str, typer.Option(help="Your name: whoever asked or approved.")],
    as_json: AsJson = False,
) -> None:
    """Show the lines of an approved request; that is recorded."""
    try:
        with session(CliSettings()) as connection:
            lines = sealed.show(connection, opening, by, at=now())
    except sealed.Refused as refused:
        raise Failure(Exit.FAILED, str(refused), "lianyun access-log ask --help") from None
    if as_json:
        print_json(
            {
                "lines": [
                    {
                        "at": iso(line.at), "party": line.party, "client": line.client, "purpose": line.purpose,
                        "method": line.method, "route": line.route, "resource": line.resource,
                        "subjects": line.subjects, "status": line.status, "request": line.request,
                    }
                    for line in lines
                ]
            }
        )  # fmt: skip
        return
    rows = [
        (iso(line.at), line.party, line.purpose, line.resource, ", ".join(line.subjects), line.status)
        for line in lines
    ]
    print_table(("at", "by", "purpose", "what", "subjects", "status"), rows)
