"""`lianyun top`: the border board and the pipeline's health, live in a terminal."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import psycopg
import typer
from rich.live import Live

from schemas import railnet
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.moments import micros, now
from services.cli.output import LegibleConsole, out, print_json
from services.cli.settings import CliSettings
from services.cli.top_showing import frame
from services.core.facts import Micros
from services.query.board.board import Boards
from services.query.board.plain import plain
from services.query.board.values import Board
from services.storage.session import Session

PLAIN_WIDTH = 200


def top(
    crossing: Annotated[str | None, typer.Option(help="This crossing only: alashankou-dostyk.")] = None,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two frames.")] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    at: Annotated[
        str, typer.Option(help="The board of that moment (RFC 3339), for a simulated world; now by default.")
    ] = "",
    language: Annotated[
        Literal["en", "zh", "ru"], typer.Option("--lang", help="Names of crossings in this language.")
    ] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and end.")] = False,
) -> None:
    """Show the border board live: trains due, queued and handed over, boxes ready and what keeps the others, cases, health."""
    if crossing is not None and crossing not in railnet.crossings():
        raise Failure(
            Exit.USAGE,
            f"no crossing is called {crossing!r}",
            "one of " + ", ".join(sorted(railnet.crossings())),
        )
    moment = micros(at, "--at") if at else None
    boards = Boards()
    with session(CliSettings()) as connection:
        connection.autocommit = True
        if as_json:
            print_json(_board(boards, connection, moment, crossing))
        elif once or not out.is_terminal:
            _print_once(_board(boards, connection, moment, crossing), language)
        else:
            _keep_on(boards, connection, moment, crossing, every, language)


def _board(
    boards: Boards, connection: Session, moment: Micros | None, crossing: str | None
) -> dict[str, Any]:
    with connection.transaction():
        shown: Board = boards.board(connection, now() if moment is None else moment, only=crossing)
    return plain(shown)


def _print_once(board: dict[str, Any], language: str) -> None:
    """Everything, however long; no colour and no cursor movement where nobody looks."""
    console = out if out.is_terminal else LegibleConsole(width=PLAIN_WIDTH, highlight=False, soft_wrap=False)
    console.print(frame(board, language))


def _keep_on(
    boards: Boards,
    connection: Session,
    moment: Micros | None,
    crossing: str | None,
    every: float,
    language: str,
) -> None:
    """A frame as often as asked, until Ctrl-C; the screen is put back as it was."""
    with Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            try:
                board = _board(boards, connection, moment, crossing)
            except psycopg.OperationalError as problem:
                raise Failure(
                    Exit.UNREACHABLE,
                    f"the database is gone: {problem}",
                    "lianyun doctor, then lianyun top again",
                ) from None
            live.update(frame(board, language, out.size.height), refresh=True)
            time.sleep(every)
