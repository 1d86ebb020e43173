"""`lianyun top`: the border board and the health of the pipeline, live in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas import railnet
from services.cli.database import ReconnectingSession, session
from services.cli.exits import Exit, Failure
from services.cli.options import micros, now
from services.cli.output import LegibleConsole, out, print_json
from services.cli.settings import CliSettings
from services.ledger.storage.session import Session
from services.query.board.board import Boards
from services.query.board.board_json import board_json
from services.query.board.values import Board

BEIJING, MOSCOW = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Moscow")
_PHASES = {"DUE": "due", "QUEUED": "queued", "HANDED_OVER": "over"}
_STYLES = {"DUE": "cyan", "QUEUED": "bold yellow", "HANDED_OVER": "green"}
NAMED = 3
"""Boxes that are named in a row; --json names all."""


def unanswered(problem: str, read_at: int | None, at: int, every: float) -> Text | None:
    """The notice while the database does not answer, with the age of the frame below (UTC microseconds); None while it does."""
    if not problem:
        return None
    since = "nothing was read yet"
    if read_at is not None:
        clock_ = datetime.fromtimestamp(read_at / 1e6, UTC).strftime("%H:%M:%S")
        since = f"what is shown was last read at {clock_} UTC, {(at - read_at) // 1_000_000} s ago"
    # What a narrow terminal cuts off comes last.
    text = f"The database does not answer: {since}. Asking again every {every:g} s. {problem}"
    return Text(text, "bold red", no_wrap=True, overflow="ellipsis")


def frame(
    board: dict[str, Any] | None, language: str, height: int | None = None, notice: Text | None = None
) -> RenderableType:
    """The whole frame; with ``height`` (lines) the trains that do not fit are counted in the last line.

    ``notice`` is printed first; alone where there is no ``board``.
    """
    if board is None:
        return notice or Text()
    at = moment(board["at"])
    head = Text.assemble(
        ("lianyun top ", "bold"),
        f" {clock(at, BEIJING)} Beijing   {clock(at, MOSCOW)} Moscow   {clock(at, UTC)} UTC",
    )
    parts: list[RenderableType] = [head, pipeline(board["pipeline"], at), Text()]
    if notice is not None:
        parts.insert(0, notice)
    left = None if height is None else height - 1 - len(parts)
    hidden = 0
    for crossing in board["crossings"]:
        rows = len(crossing["trains"])
        if left is not None:
            ordered = len(crossing["restrictions"]) + len(crossing["announced"])
            rows = max(0, min(rows, left - 3 - ordered))
            left -= 3 + rows + ordered
            if left < 0:
                hidden += len(crossing["trains"])
                continue
            hidden += len(crossing["trains"]) - rows
        parts += _crossing(crossing, crossing["trains"][:rows], language, at)
    if not board["crossings"]:
        parts.append(Text("No train is due, queued or handed over, and no case is open at a border."))
    if hidden:
        parts.append(
            Text(f"{hidden} more trains; one crossing alone: --crossing, everything: --once", style="dim")
        )
    return Group(*parts)


def _crossing(
    crossing: dict[str, Any], trains: Iterable[dict[str, Any]], language: str, at: datetime
) -> list[RenderableType]:
    zone = ZoneInfo(crossing["zones"][-1])
    title = Text.assemble(
        (crossing["names"][language], "bold"),
        f"  {crossing['crossing']}  {clock(at, zone)} local   due in 12 h {crossing['due']}"
        f"   queued {crossing['queued']}   handed over {crossing['handed_over']}   cases {len(crossing['cases'])}",
    )
    lines: list[RenderableType] = [title]
    for prefix, style in (("restrictions", "bold red"), ("announced", "yellow")):
        for each in crossing[prefix]:
            until = f" to {each['to']}" if each["to"] else ""
            state = "announced: " if prefix == "announced" else ""
            text = (
                f"  {state}{each['kind']} {each['direction']} from {each['from']}{until}, says {each['by']}"
            )
            lines.append(Text(text, style))
    shown = list(trains)
    if shown:
        lines.append(_table(shown, zone))
    lines.append(Text())
    return lines


def _table(trains: list[dict[str, Any]], zone: ZoneInfo) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
    for column in ("", "train", "", "at (Beijing / local / Moscow)", "ready", "waits for", "last", "case"):
        table.add_column(column, overflow="fold", no_wrap=column in ("", "ready"))
    for train in trains:
        table.add_row(
            Text(_PHASES[train["phase"]], style=_STYLES[train["phase"]]),
            Text(" = ".join(number_of(key) for key in train["numbers"])),
            Text(train["bound"]),
            Text(_times(train, zone)),
            Text(
                f"{train['ready']}/{train['boxes']}",
                style="" if train["ready"] == train["boxes"] else "yellow",
            ),
            Text(waits(train)),
            Text(_last(train, zone)),
            Text(_cases(train)),
        )
    return table


def pipeline(state: dict[str, Any], at: datetime) -> Text:
    """The platform's own health in a line."""
    last = "never" if state["last_event"] is None else f"{age(state['last_event'], at)} ago"
    refused = state["dead_letters_open"]
    return Text.assemble(
        f"events {state['events_last_minute']}/min, last {last}   ",
        (f"workers {state['workers']}", "" if state["workers"] else "bold red"),
        f"   waiting to settle {state['unsettled']}   ",
        (f"refused, open {refused}", "yellow" if refused else ""),
        "   cases up to ",
        "never" if state["cases_up_to"] is None else f"{age(state['cases_up_to'], at)} ago",
    )


def number_of(key: str) -> str:
    """A train for display: company, number and day of ``company/number/date/origin``."""
    company, *rest = key.split("/")
    return key if len(rest) < 2 else f"{company} {rest[0]} {rest[1][5:]}"


def waits(train: dict[str, Any]) -> str:
    """How many boxes wait for what, and which ones, as far as there is room."""
    counted = ", ".join(f"{what} {number}" for what, number in train["waits_for"].items())
    boxes = [box["container"] for box in train["not_ready"]]
    named = " ".join(boxes[:NAMED]) + (" ..." if len(boxes) > NAMED else "")
    return f"{counted}: {named}" if boxes else ""


def moment(text: str) -> datetime:
    """A moment of the board."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def clock(at: datetime, zone: Any) -> str:
    """A time in ``zone``, to the minute."""
    return at.astimezone(zone).strftime("%m-%d %H:%M")


def age(text: str, at: datetime) -> str:
    """The age of ``text``, in the largest unit that is precise enough."""
    seconds = max(0, int((at - moment(text)).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _times(train: dict[str, Any], zone: ZoneInfo) -> str:
    at = moment(train["expected"] or train["last"]["at"])
    times = " / ".join(each.strftime("%H:%M") for each in (at.astimezone(z) for z in (BEIJING, zone, MOSCOW)))
    reckoned = "~" if train["expected_by"] == "running time" else ""
    return f"{reckoned}{at.astimezone(BEIJING).strftime('%m-%d')} {times}"


def _last(train: dict[str, Any], zone: ZoneInfo) -> str:
    last = max(train["last"], train["position"], key=lambda state: moment(state["at"]))
    beside = ", beside its planned route" if train["beside_route"] else ""
    return f"{last['milestone']} {clock(moment(last['at']), zone)}, {last['place_name'].partition(' (')[0]}{beside}"


def _cases(train: dict[str, Any]) -> str:
    if not train["cases"]:
        return ""
    first = train["cases"][0]
    more = f" +{len(train['cases']) - 1}" if len(train["cases"]) > 1 else ""
    return f"{first['case'][:8]} {first['kind']} {first['owner'] or 'nobody'}{more}"


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
        return board_json(shown)

    if not (as_json or once) and out.is_terminal:
        _keep_on(board, ReconnectingSession(CliSettings()), every, language)
    with session(CliSettings()) as connection:
        read = board(connection)
    if as_json:
        print_json(read)
    else:
        _print_once(read, language)


def _print_once(board: dict[str, Any], language: str) -> None:
    """The whole board; no colour and no cursor movement without a terminal."""
    console = out if out.is_terminal else LegibleConsole(width=PLAIN_WIDTH, highlight=False, soft_wrap=False)
    console.print(frame(board, language))


def _keep_on(
    board: Callable[[Session], dict[str, Any]], session: ReconnectingSession, every: float, language: str
) -> NoReturn:
    """A frame every ``every`` seconds, until Ctrl-C; the screen is put back as it was.

    While the database does not answer the last frame stays, under how old it is.
    """
    read: dict[str, Any] | None = None
    read_at = now()
    with Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            answer = session.read(board)
            if answer is not None:
                read, read_at = answer, now()
            notice = unanswered(session.problem, None if read is None else read_at, now(), every)
            live.update(frame(read, language, out.size.height, notice), refresh=True)
            time.sleep(every)
