"""`lianyun demo`: the corridor in September 2025 through the whole system, from publishers to what people see; and four drills."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.cli.exits import Exit, Failure
from services.cli.output import err, out, print_json
from services.cli.settings import RUNNING
from services.testbed.commands import demo_report
from services.testbed.commands.demo_run import DemoOptions, run, running_platform
from services.testbed.demo import drills, transparency
from services.testbed.localstack.process import StackError
from services.testbed.simulator.corridors import SimulatedWorld, running
from services.testbed.simulator.corridors import simulate as world_of
from services.testbed.simulator.scenarios import Scenario, UnknownScenario, micros, scenario


def chosen_world(name: str, seed: int, trains: int | None, end: str) -> SimulatedWorld:
    """The world of these options; ends the command where there is none."""
    try:
        known = scenario(name)
    except UnknownScenario as problem:
        raise Failure(Exit.NOT_FOUND, str(problem), "lianyun simulate --list") from None
    if end:
        known = known.model_copy(update={"ends": _end(end, known)})
    if trains is None:
        return world_of(known, seed)
    whole = world_of(known, seed, 1.0)
    a_day = sum(service.per_day for service in running(known))
    days = (micros(known.last_departure) - whole.starts) / 86_400_000_000
    return world_of(known, seed, trains / (a_day * days))


def _end(text: str, known: Scenario) -> datetime:
    try:
        at = parse_micros(text if "T" in text else f"{text}T00:00:00Z")
    except Refusal as refusal:
        raise Failure(Exit.USAGE, f"--end: {refusal.detail}", "write it like 2025-09-26") from None
    if not micros(known.opens) < at <= micros(known.ends):
        limits = f"after {known.opens:%Y-%m-%d} and not after {known.ends:%Y-%m-%d}"
        raise Failure(
            Exit.USAGE, f"--end: the world of {known.name} ends {limits}", "write it like 2025-09-26"
        )
    return datetime.fromtimestamp(at / 1_000_000, UTC)


demo = typer.Typer(invoke_without_command=True)

SCENARIO = "polish-closure-2025"
NEEDS = "needs about 1.5 GB of memory, 500 MB of disk and 2 to 3 minutes (two cores); everything here is simulated"
Seed = Annotated[int, typer.Option(help="The same seed gives the same world.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@demo.callback()
def _demo(
    context: typer.Context,
    name: Annotated[
        str, typer.Option("--scenario", help="Which world; `lianyun simulate --list` shows them.")
    ] = SCENARIO,
    trains: Annotated[
        int | None,
        typer.Option(min=1, max=500, help="About how many trains, not as many as the scenario has."),
    ] = None,
    end: Annotated[
        str, typer.Option(help="The moment at which the world ends (RFC 3339 or a date), not the scenario's.")
    ] = "",
    seed: Seed = 1,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Worker processes.")] = 2,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on running afterwards, for a look around, until Ctrl-C.")
    ] = False,
    on_running: Annotated[
        bool,
        typer.Option(
            "--running",
            help="Play it on the platform that runs already (LIANYUN_BOOTSTRAP, LIANYUN_DSN and LIANYUN_API_URL, or this "
            "folder's), which has to be empty.",
        ),
    ] = False,
    moving: Annotated[
        Path | None,
        typer.Option(
            "--picture", help="Write the living picture to this file too: an SVG that moves by itself."
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Write pictures of the pages over this world to this folder too; needs Chromium and playwright."
        ),
    ] = None,
    no_browser: Annotated[
        bool,
        typer.Option(
            "--no-browser",
            help="End with the report, without the line playing at an address until Ctrl-C; so it ends where the output is no "
            "terminal.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a simulated corridor through real publishers, Kafka, workers and Postgres, and check the outcome."""
    if context.invoked_subcommand is not None:
        return
    if keep and RUNNING.exists():
        raise Failure(
            Exit.FAILED,
            f"a platform seems to run in this folder already ({RUNNING})",
            "stop it, or leave out --keep",
        )
    if keep and on_running:
        raise Failure(Exit.USAGE, "--running starts nothing that --keep could keep", "leave out --keep")
    given = running_platform() if on_running else None
    err.print(NEEDS, markup=False)
    world = chosen_world(name, seed, trains, end)
    browser = not (no_browser or as_json) and sys.stdout.isatty()
    try:
        body, wrong = run(world, DemoOptions(given, workers, keep, as_json, moving, pictures, browser))
    except StackError as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun doctor") from None
    for line in wrong:
        err.print(line, markup=False)
    if wrong or body["fsck"] != "ok":
        raise typer.Exit(Exit.FAILED)


@demo.command()
def kill(seed: Seed = 1, as_json: AsJson = False) -> None:
    """Kill a worker in the middle of a transaction while it has work, and show that nothing is lost or doubled."""
    err.print(
        "needs about 1 GB of memory, 200 MB of disk and a minute; everything here is simulated", markup=False
    )
    outcome = drills.kill(seed, _say)
    if as_json:
        print_json(outcome)
    else:
        demo_report.show_kill(outcome)
    if not outcome["held"]:
        raise typer.Exit(Exit.FAILED)


@demo.command()
def tamper(seed: Seed = 1, as_json: AsJson = False) -> None:
    """Change stored rows by SQL, and show that fsck names each row, its publisher and the field; exit 0 when it does."""
    err.print(
        "needs about 1 GB of memory, 200 MB of disk and half a minute; everything here is simulated",
        markup=False,
    )
    outcome = drills.tamper(seed, _say)
    if as_json:
        print_json(outcome)
    else:
        demo_report.show_tamper(outcome)
    if not outcome["found"]:
        raise typer.Exit(Exit.FAILED)


@demo.command()
def fork(as_json: AsJson = False) -> None:
    """Show two banks two histories under the log's own key; ends with the evidence, exit 0 when it was noticed."""
    _show_noticed(transparency.fork(_say), as_json)


@demo.command()
def rewrite(seed: Seed = 1, as_json: AsJson = False) -> None:
    """Take an accepted event out and sign the log anew; shows who notices and by what, exit 0 when it was noticed."""
    err.print(
        "needs about 1 GB of memory, 200 MB of disk and half a minute; everything here is simulated",
        markup=False,
    )
    _show_noticed(transparency.rewrite(seed, _say), as_json)


def _show_noticed(outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(outcome)
    else:
        for note in outcome["evidence"]:
            typer.echo(note)
        out.print(f"noticed by {', '.join(outcome['noticed_by']) or 'nobody'}", markup=False)
    if not outcome["detected"]:
        raise typer.Exit(Exit.FAILED)


def _say(line: str) -> None:
    err.print(line, markup=False)
