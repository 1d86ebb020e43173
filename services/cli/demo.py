"""`lianyun demo`: the corridor in September 2025 through the whole system, from publishers to what people see; and two dares."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.cli import demo_report
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.live import Screen
from services.cli.moving_picture import moving_picture
from services.cli.output import err, print_json
from services.cli.running import announced, credit_follower, wait_for_ctrl_c
from services.cli.settings import RUNNING, CliSettings
from services.fsck.check import fsck
from services.localstack.engine import GivenBroker, GivenDatabase, Servers
from services.localstack.errors import StackError
from services.localstack.platform import Platform, RunningPlatform, register
from services.processors.settings import admission_settings
from services.proving import counts_of_trains, dares
from services.proving import demo as playing
from services.proving.demo_money import Lending, follow
from services.query import rendering
from services.simulator import files
from services.simulator.conditions import Closure
from services.simulator.corridors import SimulatedWorld, conditions_of, running
from services.simulator.corridors import simulate as world_of
from services.simulator.scenarios import UnknownScenario, scenario
from services.simulator.scenarios.model import Scenario, micros
from services.simulator.signing import members, profiles

demo = typer.Typer(invoke_without_command=True)

SCENARIO = "polish-closure-2025"
NEEDS = "needs about 1.5 GB of memory, 500 MB of disk and 2 to 3 minutes (two cores); everything here is simulated"
PICTURES, SECONDS_OF_PICTURE = 48, 24.0
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
            help="Play it on the platform that runs already (LIANYUN_BOOTSTRAP and LIANYUN_DSN, or this folder's), "
            "which has to be empty.",
        ),
    ] = False,
    moving: Annotated[
        Path | None,
        typer.Option(
            "--picture", help="Write the living picture to this file too: an SVG that moves by itself."
        ),
    ] = None,
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
    given = _running_platform() if on_running else None
    err.print(NEEDS, markup=False)
    world = _world(name, seed, trains, end)
    try:
        body, wrong = _run(world, given, workers, keep, as_json, moving)
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
    outcome = dares.kill(seed, _say)
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
    outcome = dares.tamper(seed, _say)
    if as_json:
        print_json(outcome)
    else:
        demo_report.show_tamper(outcome)
    if not outcome["found"]:
        raise typer.Exit(Exit.FAILED)


def _say(line: str) -> None:
    err.print(line, markup=False)


def _world(name: str, seed: int, trains: int | None, end: str) -> SimulatedWorld:
    """The world that was asked for; ends the command where there is none such."""
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


def _running_platform() -> RunningPlatform:
    """The platform of the settings, if it is there and nothing was published to it yet; ends the command otherwise."""
    settings = CliSettings()
    if not settings.bootstrap:
        raise Failure(Exit.USAGE, "no broker is configured", "set LIANYUN_BOOTSTRAP=host:port")
    with session(settings) as connection:
        row = connection.execute("SELECT max(next_offset) FROM lianyun.kafka_offset").fetchone()
    if row is not None and row[0]:
        raise Failure(
            Exit.FAILED,
            "events were published to this platform before: the demo is counted and compared as a whole",
            "play it on an empty one",
        )
    servers = Servers(GivenBroker(settings.bootstrap), GivenDatabase(settings.dsn.get_secret_value()))
    return RunningPlatform(servers, settings.network)


def _run(
    world: SimulatedWorld,
    given: RunningPlatform | None,
    workers: int,
    keep: bool,
    as_json: bool,
    moving: Path | None,
) -> tuple[dict[str, Any], list[str]]:
    """Play ``world``; returns what the command prints as JSON, and what is not as it has to be."""
    started = time.monotonic()
    closures: tuple[Closure, ...] = conditions_of(world.scenario, world.scale).closures
    known = profiles(world.seed)
    with ExitStack() as stack:
        screen = stack.enter_context(Screen(err, world.snapshot, closures, world.scenario.title))
        with ThreadPoolExecutor(1) as aside:  # the world takes shape while the servers start
            shaping = aside.submit(lambda: (world.simulation(), files.handed(world.kept)))
            platform: Platform | RunningPlatform
            if given is not None:
                platform = given
                register(given.stack.dsn, members(known))
            else:
                screen.say(f"starting Kafka, Postgres and {workers} workers ...")
                platform = stack.enter_context(Platform(workers=workers, members=members(known)))
            screen.say(f"the world of {world.scenario.name} takes shape ...")
            simulation, handed = shaping.result()
            money = Lending.of(simulation, world.opens)
            handed = money.added_to(handed)
        dsn, network = platform.stack.dsn, platform.network

        def show(at: int, flow: playing.Flow) -> None:
            screen.show(at, flow)
            money.look(dsn, network, at)

        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lianyun-demo-")))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as beside:
            following = []
            outcome = playing.play(
                simulation,
                handed,
                world.opens,
                platform,
                folder,
                screen.say,
                show,
                workers,
                money.events,
                lambda: following.append(beside.submit(follow, dsn)),
            )
            screen.still()
            screen.say("what became of the loan, and what the bank reads of three shippers ...")
            for each in following:
                each.result()
        lent = money.finish(dsn, network)
        outcome.mismatches.extend(money.unlike())
        if moving is not None:
            _write(moving, screen.frames(world.opens, PICTURES), world.scenario.title)
        screen.say("fsck: recomputing everything from the stored bytes ...")
        gateways = admission_settings(platform.network).gateway_topics
        checked = fsck(platform.stack.dsn, platform.network, gateway_topics=gateways, processes=workers)
        with psycopg.connect(platform.stack.dsn) as connection:
            found = counts_of_trains.disputes(counts_of_trains.counts(connection))
        body = {
            "simulated": True,
            "scenario": world.scenario.name,
            "seed": world.seed,
            "ends": f"{world.scenario.ends:%Y-%m-%dT%H:%M:%SZ}",
            "trains": len(world.timetable),
            "containers": len({lading.box for lading in simulation.world.ladings}),
            "digest": outcome.digest,
            **outcome.counts,
            "lists": _in_all(outcome.formats),
            "formats": outcome.formats,
            **lent,
            "disputed": outcome.disputed,
            "disputes": [[count.plain() for count in group] for group in found],
            "world_mismatches": len(outcome.mismatches),
            "fsck": "ok" if checked.sound else checked.plain()["findings"],
            "seconds": round(time.monotonic() - started, 1),
        }
        if as_json:
            print_json(body)
        else:
            shown = None if outcome.shown is None else rendering.plain(outcome.shown)
            demo_report.show(body, shown, found)
        wrong = _wrong(outcome)
        if keep and isinstance(platform, Platform) and not wrong:
            stack.enter_context(credit_follower(platform))
            stack.enter_context(announced(platform))
            demo_report.show_kept(outcome.shown)
            wait_for_ctrl_c()
    return body, wrong


def _write(path: Path, frames: list[list[str]], title: str) -> None:
    """Write the moving picture of ``frames`` to ``path``."""
    said = f"{title}: a living picture of the corridor in a terminal, all of it simulated"
    try:
        path.write_text(moving_picture(frames, SECONDS_OF_PICTURE, said), encoding="utf-8")
    except OSError as problem:
        raise Failure(
            Exit.FAILED, f"the picture cannot be written: {problem}", "give --picture a file that can be made"
        ) from None
    err.print(f"{len(frames)} pictures in {path}, {path.stat().st_size // 1_000} kB", markup=False)


def _in_all(formats: dict[str, Any]) -> dict[str, int]:
    """How many files were read, and how many events their rows and records became."""
    told = formats.values()
    return {"files": sum(each["files"] for each in told), "rows": sum(each["events"] for each in told)}


def _wrong(outcome: playing.Outcome) -> list[str]:
    wrong = outcome.mismatches[:20]
    refusals = outcome.counts["events"]["dead_letters"]
    if refusals != outcome.expected_refusals:
        wrong.append(f"expected refusals {outcome.expected_refusals}, found {refusals}")
    return wrong
