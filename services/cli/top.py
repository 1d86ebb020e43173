"""`lianyun top`: the border board and the pipeline's health, live in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.live import Live

from schemas import railnet
from services.cli.database import LastingSession, session
from services.cli.exits import Exit, Failure
from services.cli.output import LegibleConsole, out, print_json
from services.cli.settings import CliSettings
from services.cli.times import micros, now
from services.cli.top_frame import frame, unanswered
from services.ledger.storage.session import Session
from services.query.board.board import Boards
from services.query.board.board_json import plain
from services.query.board.values import Board

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

    def board(connection: Session) -> dict[str, Any]:
        shown: Board = boards.board(connection, now() if moment is None else moment, only=crossing)
        return plain(shown)

    if not (as_json or once) and out.is_terminal:
        _keep_on(board, LastingSession(CliSettings()), every, language)
    with session(CliSettings()) as connection:
        read = board(connection)
    if as_json:
        print_json(read)
    else:
        _print_once(read, language)


def _print_once(board: dict[str, Any], language: str) -> None:
    """Everything, however long; no colour and no cursor movement where nobody looks."""
    console = out if out.is_terminal else LegibleConsole(width=PLAIN_WIDTH, highlight=False, soft_wrap=False)
    console.print(frame(board, language))


def _keep_on(
    board: Callable[[Session], dict[str, Any]], session: LastingSession, every: float, language: str
) -> NoReturn:
    """A frame every ``every`` seconds, until Ctrl-C; the screen is put back as it was.

    While the database does not answer the last frame stays, under how old it is.
    """
    read: dict[str, Any] | None = None
    read_at = now()
    with Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            answer = session.ask(board)
            if answer is not None:
                read, read_at = answer, now()
            notice = unanswered(session.problem, None if read is None else read_at, now(), every)
            live.update(frame(read, language, out.size.height, notice), refresh=True)
            time.sleep(every)
