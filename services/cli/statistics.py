"""`lianyun statistics`: publishes trade and finance by corridor and month, and derives again what was published."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli.database import dsn_of, session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings
from services.domain.rules import HOUR
from services.ledger.storage.session import open_session
from services.statistics.domain import months
from services.statistics.domain.definitions import definitions
from services.statistics.domain.publication import ALL, Figure
from services.statistics.store import publisher
from services.statistics.store.publisher import Compared, NotAsPublished, Outcome
from services.statistics.store.reader import query_of, read_published

APPLICATION = "lianyun-statistics"

app = typer.Typer(
    help="Trade and finance by corridor and month: publish what is due, and derive again what was published.",
    no_args_is_help=True,
)


@app.command("publish")
def publish(
    quiet_hours: Annotated[
        float,
        typer.Option(
            min=0, help="Publish a month once nothing about its journeys was stored for so many hours."
        ),
    ] = publisher.QUIET / HOUR,
    as_json: AsJson = False,
) -> None:
    """Publish every month that is due: first a month after its end, finally half a year after it. To be run daily."""
    done = _publish(int(quiet_hours * HOUR))
    if as_json:
        print_json({"months": [{**each._asdict(), "month": months.written(each.month)} for each in done]})
        return
    for each in done:
        out.print(_line(each))
    if not done:
        out.print("nothing is due")


@app.command("recompute")
def recompute(
    definition: Annotated[str, typer.Argument(help="The id of a definition: transit_time, dwell, ...")],
    month: Annotated[str, typer.Option(help="The month, like 2025-09.")],
    corridor: Annotated[str, typer.Option(help="One corridor only, as `statistics show` writes it.")] = "",
    query: Annotated[
        bool, typer.Option("--query", help="Show only the query that finds the events.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Derive the figures of a month again from the signed events and compare them with what is shown; exit 1 on a difference."""
    known = definitions().get(definition)
    if known is None:
        raise Failure(
            Exit.USAGE, f"there is no definition {definition!r}", f"one of: {', '.join(definitions())}"
        )
    if query:
        out.print(query_of(known), markup=False)
        return
    try:
        with open_session(dsn_of(CliSettings()), APPLICATION) as connection:
            connection.autocommit = True
            compared = publisher.recompute(connection, _month(month))
    except LookupError:
        raise Failure(
            Exit.NOT_FOUND, f"{month} was not published", "see what was: lianyun statistics show"
        ) from None
    found = [each for each in compared if _of(each, definition, corridor)]
    if as_json:
        print_json(
            {
                "figures": [
                    {"derived": _plain(e.derived), "shown": _plain(e.shown), "equal": e.equal} for e in found
                ]
            }
        )
    else:
        print_table(
            ("corridor", "", "derived", "shown", "counted", "events", "inputs", ""),
            [
                (
                    any_.corridor or "all",
                    any_.part,
                    "" if each.derived is None else each.derived.middle,
                    "" if each.shown is None else each.shown.middle,
                    any_.counted,
                    any_.events,
                    any_.inputs.hex()[:16],
                    "equal" if each.equal else "DIFFERENT",
                )
                for each in found
                for any_ in (each.derived or each.shown,)
                if any_ is not None
            ],
        )
    if not all(each.equal for each in found):
        raise Failure(Exit.FAILED, "what is shown is not what the signed events say", "run: lianyun fsck")


@app.command("show")
def show(
    definition: Annotated[str, typer.Argument(help="The id of a definition; all without it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what is published."""
    with session(CliSettings()) as connection:
        found = read_published(connection)
    rows = [
        (each.publication, figure)
        for each in found
        for figure in each.figures
        if definition in ("", figure.definition)
    ]
    if as_json:
        print_json(
            {
                "figures": [
                    {
                        "month": months.written(p.month),
                        "as_of": iso(p.position.as_of),
                        "final": p.final,
                        **(_plain(figure) or {}),
                    }
                    for p, figure in rows
                ]
            }
        )
        return
    print_table(
        ("month", "definition", "corridor", "", "P10", "value", "P90", "counted", "as of", "final"),
        [
            (
                months.written(p.month),
                figure.definition,
                figure.corridor or "all",
                figure.part,
                _value(figure, figure.low),
                _value(figure, figure.middle),
                _value(figure, figure.high),
                figure.counted,
                iso(p.position.as_of),
                "yes" if p.final else "no",
            )
            for p, figure in rows
        ],
    )


def _publish(quiet: int) -> list[Outcome]:
    try:
        with open_session(dsn_of(CliSettings()), APPLICATION) as connection:
            connection.autocommit = True
            return publisher.publish_due(connection, quiet)
    except NotAsPublished as problem:
        raise Failure(
            Exit.FAILED, f"{problem} does not come out of the events as it was published", "run: lianyun fsck"
        ) from None


def _line(done: Outcome) -> str:
    if done.figures is None:
        return f"{months.written(done.month)}: events about it are still coming in; later"
    return f"{months.written(done.month)}: {done.figures} figures published{', final' if done.final else ''}"


def _month(text: str) -> int:
    try:
        return months.parse(text)
    except ValueError as problem:
        raise Failure(Exit.USAGE, str(problem), "write it like 2025-09") from None


def _of(compared: Compared, definition: str, corridor: str) -> bool:
    either = compared.derived or compared.shown
    return either is not None and either.definition == definition and corridor in (ALL, either.corridor)


def _value(figure: Figure, value: int | None) -> str:
    if value is None:
        return ""
    kind = definitions()[figure.definition].kind
    return f"{value / HOUR:g} h" if kind == "DURATION" else f"{value} %" if kind == "SHARE" else str(value)


def _plain(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else {**figure._asdict(), "inputs": figure.inputs.hex()}
