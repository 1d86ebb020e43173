"""`lianyun dashboards`: Grafana's dashboards, made from code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.database import dsn_of, session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros
from services.cli.output import err, out, print_json, print_table
from services.cli.settings import CliSettings
from services.monitoring.dashboards import files
from services.monitoring.dashboards.preview.board_data import BoardData
from services.monitoring.dashboards.preview.boards import Board, BoardError, load_boards
from services.monitoring.dashboards.preview.data_sources import Postgres, Prometheus, QueryRejected
from services.monitoring.dashboards.preview.picture import (
    PanelReport,
    RenderingError,
    built_page,
    chromium,
    render,
)
from services.monitoring.dashboards.query_check import Checker, QueryOutcome, Unreachable, load_queries
from services.monitoring.dashboards.substitution import TimeRange, UnknownReference

FOLDER = Path(__file__).resolve().parents[2] / "ops" / "dashboards"


def preview(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Which dashboards; all of them without any."),
    ] = None,
    prometheus: Annotated[
        str,
        typer.Option(
            envvar="LIANYUN_PROMETHEUS_URL", help="The URL of a Prometheus that watches the platform."
        ),
    ] = "http://127.0.0.1:9090",
    database: Annotated[
        str, typer.Option(help="The URL of the database, read only; by default LIANYUN_DSN or this folder's.")
    ] = "",
    out: Annotated[Path, typer.Option(help="The folder for the pictures.")] = Path("previews"),
    start: Annotated[
        str,
        typer.Option(
            "--from", help="The first moment: now-6h, a date or RFC 3339; else the dashboard's own."
        ),
    ] = "",
    end: Annotated[str, typer.Option("--to", help="The last moment, alike.")] = "",
    at: Annotated[
        str,
        typer.Option(help="The moment that tables show (RFC 3339), for a simulated world; now by default."),
    ] = "",
    having: Annotated[
        list[str] | None,
        typer.Option(
            "--var", metavar="NAME=VALUE", help="The value of a variable; several times for several."
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=400, max=8_000, help="Pixels.")] = 1_600,
    height: Annotated[
        int, typer.Option(min=0, max=20_000, help="Pixels; 0: as high as the panels need.")
    ] = 0,
    folder: Annotated[Path, typer.Option(help="Where the dashboards are.")] = FOLDER,
) -> None:
    """Draw dashboards with Grafana's own components, without a Grafana: what they look like, no proof that it loads them."""
    given = _given(having or [])
    moment = datetime.fromtimestamp(micros(at, "--at") / 1_000_000, UTC) if at else None
    failed = False
    with _failures():
        wanted = [(board, _span(board, start, end)) for board in load_boards(folder, tuple(names or ()))]
        rows = Postgres(database or dsn_of(CliSettings()), moment)
        out.mkdir(parents=True, exist_ok=True)
        chromium()
        page = built_page(lambda line: err.print(line, markup=False))
        with Prometheus(prometheus) as metrics:
            metrics.ready()
            rows.ready()
            for board, span in wanted:
                target = out / f"{board.name}.png"
                shown = render(
                    BoardData(board, span, metrics, rows, given), page, target, width, height or None
                )
                failed |= any(each.errors for each in shown)
                _report(board.name, target, shown)
    err.print("a preview: whether Grafana loads these files is not shown by it", markup=False)
    if failed:
        raise typer.Exit(Exit.FINDINGS)


def _span(board: Board, start: str, end: str) -> TimeRange:
    """From ``start`` to ``end``, or what the dashboard itself opens with."""
    own = board.body.get("time", {})
    try:
        return TimeRange.of(
            start or own.get("from", "now-6h"), end or own.get("to", "now"), datetime.now(UTC)
        )
    except ValueError as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun dashboards preview --help") from None


def _given(having: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in having:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise Failure(Exit.USAGE, f"--var {each!r} is not NAME=VALUE", "--var crossing=alashankou-dostyk")
        found.setdefault(name, []).append(value)
    return found


def _report(name: str, target: Path, shown: list[PanelReport]) -> None:
    """What was drawn: every panel that shows nothing or could not be drawn by name, the others as a count."""
    drawn = [each for each in shown if not each.errors and not each.empty and each.type != "row"]
    print_table(
        ("panel", "shows"),
        (
            (each.panel, " ".join("; ".join(each.errors).split()) or "nothing: its queries found no data")
            for each in shown
            if each.errors or each.empty
        ),
        title=f"{target} ({target.stat().st_size // 1_000} kB): {name}, {len(drawn)} panels with data",
    )


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except BoardError as problem:
        raise Failure(Exit.NOT_FOUND, str(problem), "lianyun dashboards build") from None
    except RenderingError as problem:
        raise Failure(Exit.FAILED, str(problem), problem.suggestion) from None
    except UnknownReference as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun dashboards preview --help") from None
    except QueryRejected as problem:
        raise Failure(
            Exit.UNREACHABLE, str(problem), "give --prometheus and --database the URLs of a running platform"
        ) from None
    except OSError as problem:
        raise Failure(Exit.FAILED, str(problem), "give --out a folder that can be written") from None


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
    as_json: AsJson = False,
) -> None:
    """Run every query of the dashboards here; exit 3 where one fails, or says nothing and nobody explains why."""
    moment = datetime.fromtimestamp(micros(at, "--at") / 1_000_000, UTC) if at else None
    try:
        wanted = load_queries(folder)
    except ValueError as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun dashboards build") from None
    with session(CliSettings()) as connection:
        connection.autocommit = True
        try:
            answers = Checker(prometheus, connection, interval, moment).check(wanted)
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
