"""`lianyun replay`: the state built anew beside the running one, compared and put in use; and the way back."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import psycopg
import typer

from services.audit.replay.outcome import Differs, ReplayError, ReplayResult
from services.audit.replay.rebuild import drop as drop_generations
from services.audit.replay.rebuild import replay as rebuild
from services.audit.replay.rebuild import rollback as go_back
from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.output import err, out, print_json
from services.cli.settings import CliSettings

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def replay(
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that rebuild.")] = 2,
    accept_differences: Annotated[bool, typer.Option(help="Switch although rows differ.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the generation before.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the generations that are not in use.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild the state from all stored events while workers go on, compare it with the one in use, and switch."""
    dsn = dsn_of(CliSettings())
    if rollback and drop:
        raise Failure(Exit.USAGE, "--rollback and --drop exclude one another", "lianyun replay --help")
    try:
        if drop:
            gone = drop_generations(dsn)
            if as_json:
                print_json({"dropped": gone})
            else:
                out.print(
                    f"dropped {', '.join(f'g{number}' for number in gone)}" if gone else "nothing to drop"
                )
            return
        done = go_back(dsn, progress=_say) if rollback else _rebuild(dsn, processes, accept_differences)
    except psycopg.OperationalError as problem:
        raise Failure(
            Exit.UNREACHABLE, f"the database does not answer: {problem}", "lianyun doctor"
        ) from None
    except Differs as differs:
        raise Failure(Exit.FAILED, str(differs), "lianyun fsck") from None
    except ReplayError as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun doctor") from None
    if as_json:
        print_json(_plain(done))
        return
    out.print(
        f"generation {done.generation} is in use: {done.events} events at {done.events_per_second:,.0f}/s, "
        f"{done.caught_up} caught up, {done.compared} heads compared, {done.differences} rows differ; "
        f"batches were held for {done.hold_seconds:.2f} s at most"
    )
    out.print(f"generation {done.previous} stays: lianyun replay --rollback, or --drop to remove it")


def _rebuild(dsn: str, processes: int, accept: bool) -> ReplayResult:
    return rebuild(dsn, processes=processes, accept_differences=accept, progress=_say)


def _say(stage: str, done: int, of: int) -> None:
    err.print(f"{stage}: {done}" + (f" of {of}" if of else ""), markup=False)


def _plain(done: ReplayResult) -> dict[str, Any]:
    values = {field.name: getattr(done, field.name) for field in fields(done) if field.name != "shown"}
    return {**values, "events_per_second": round(done.events_per_second), "shown": list(map(str, done.shown))}
