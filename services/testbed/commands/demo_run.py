"""One run of `lianyun demo`: the world played, its cargo financed through the API, everything compared and reported."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import psycopg

from schemas.rfc3339 import format_micros
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.output import err, print_json
from services.cli.settings import RUNNING, CliSettings
from services.ledger.registry.trust import DEVELOPMENT_NETWORK
from services.ledger.storage.session import open_session
from services.query import view_json
from services.query.views import SourcedView
from services.runtime.ports import free_port, listening
from services.statistics.store.publisher import publish_due
from services.testbed.bench.line_film import chromium
from services.testbed.commands import demo_report
from services.testbed.commands.live_picture import Screen, moving_picture
from services.testbed.commands.page_pictures import write_pictures
from services.testbed.commands.up import (
    announced,
    show_metrics,
    show_receipts,
    signing_in,
    wait_for_ctrl_c,
)
from services.testbed.demo import run as playing
from services.testbed.demo import train_counts
from services.testbed.demo.banks import Banks
from services.testbed.demo.financing import DemoFinancing, follow
from services.testbed.demo.train_counts import Count
from services.testbed.localstack.api import Callers, LocalApi
from services.testbed.localstack.engine import GivenBroker, GivenDatabase, Servers
from services.testbed.localstack.metrics import MetricsPorts
from services.testbed.localstack.pages import PORT as PAGES_PORT
from services.testbed.localstack.pages import LocalPages
from services.testbed.localstack.platform import (
    Platform,
    RunningPlatform,
    case_follower,
    checked,
    credit_follower,
    exporter,
    register,
    signed_registry,
)
from services.testbed.localstack.transparency import PORT as LOG_PORT
from services.testbed.localstack.transparency import local_log, policy_in
from services.testbed.simulator import files
from services.testbed.simulator.conditions import Closure
from services.testbed.simulator.corridors import SimulatedWorld, conditions_of
from services.testbed.simulator.files import Deliveries
from services.testbed.simulator.signed_messages import members, profiles
from services.testbed.simulator.simulate import Simulation


def running_platform() -> RunningPlatform:
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


def api_of(
    stack: ExitStack,
    platform: Platform | RunningPlatform,
    folder: Path,
    *,
    log: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Where the API of ``platform`` is: the one that runs already, else one that ``stack`` ends, with its keys in ``folder``.

    With ``log`` it makes receipts by the policy of the log in that folder. ``environment`` is added to that of its process.
    Ends the command where somebody else's keys decide on that platform and its API is not known.
    """
    if isinstance(platform, RunningPlatform):
        settings = CliSettings()
        if settings.api_url:
            return settings.api_url
        with session(settings) as connection:
            opened = connection.execute("SELECT 1 FROM lianyun.financing_version LIMIT 1").fetchone()
        if opened is not None:
            raise Failure(
                Exit.USAGE, "the API of this platform is not known", "set LIANYUN_API_URL=http://host:port"
            )
    logs = platform.stack.folder / "logs" / "api" if isinstance(platform, Platform) else folder / "logs"
    # The log is made when the world was played, where it goes on running; until then there are no receipts.
    policy = {"LIANYUN_TRANSPARENCY_POLICY": str(policy_in(folder / LOG))} if log else {}
    return stack.enter_context(
        LocalApi(platform, folder / "keys", logs, environment={**policy, **environment})
    ).url


def watched_pages(
    stack: ExitStack, platform: Platform | RunningPlatform, folder: Path, ports: MetricsPorts
) -> tuple[str, str]:
    """The addresses of the pages of ``platform`` and of the issuer that signs people in there, until ``stack`` ends them.

    The line shows every train to everybody: all of it is simulated. On a platform of somebody else there is no issuer ("").
    """
    port = PAGES_PORT if not listening(PAGES_PORT) else free_port()
    settings = {"LIANYUN_PAGES_OPEN_LINE": "1"}
    if isinstance(platform, Platform):
        keys = folder / "keys" / LocalApi.KEYS
        own = ports.setting("cases", "LIANYUN_CASES_METRICS_PORT")
        stack.enter_context(case_follower(platform, keys, own))
        settings |= {**stack.enter_context(signing_in(platform, port)), "LIANYUN_FINANCING_KEYS": str(keys)}
        settings |= ports.setting("pages")
    pages = LocalPages(platform, folder / "logs" / "pages", port=port, environment=settings)
    return stack.enter_context(pages).url, settings.get("LIANYUN_SIGNIN_ISSUER", "")


def line_address(pages: str, since: int, until: int) -> str:
    """Where the line plays from ``since`` to ``until`` (UTC microseconds)."""
    return f"{pages}/line?{urlencode({'from': format_micros(since), 'to': format_micros(until)}, safe=':')}"


LOG = "transparency"
"""The folder of the log's files, in that of the demo."""
PICTURES, SECONDS_OF_PICTURE = 48, 24.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How the world is played: on ``given`` or on a platform of its own with ``workers``, and what is made of it."""

    given: RunningPlatform | None
    workers: int
    keep: bool
    as_json: bool
    moving: Path | None
    pictures: Path | None = None
    """Where pictures of the pages are written."""
    browser: bool = False
    """End with the line playing in a browser, until Ctrl-C."""


@dataclass(frozen=True, slots=True)
class DemoEnvironment:
    """What a world is played on, and the world as it is handed to it."""

    platform: Platform | RunningPlatform
    api: str
    folder: Path
    simulation: Simulation
    deliveries: Deliveries


def run(world: SimulatedWorld, options: DemoOptions) -> tuple[dict[str, Any], list[str]]:
    """Play ``world``; returns what the command prints as JSON, and what is not as it has to be.

    Raises StackError, Failure, TimeoutError.
    """
    started, ports = time.monotonic(), MetricsPorts.of_environment()
    if options.pictures is not None:
        chromium()  # before anything is played
    closures: tuple[Closure, ...] = conditions_of(world.scenario, world.scale).closures
    with ExitStack() as stack:
        screen = stack.enter_context(Screen(err, world.snapshot, closures, world.scenario.title))
        environment = _prepared(stack, screen, world, options, ports)
        dsn = environment.platform.stack.dsn
        money = DemoFinancing.of(environment.simulation, world.opens)
        callers = stack.enter_context(Callers(dsn, environment.api, environment.folder))
        banks = Banks(money, callers)
        outcome, lending = _played(screen, world, options, environment, banks)
        if options.moving is not None:
            _write(options.moving, screen.frames(world.opens, PICTURES), world.scenario.title)
        screen.say("fsck: recomputing everything from the stored bytes ...")
        report = checked(environment.platform, options.workers)
        with psycopg.connect(dsn) as connection:
            found = train_counts.disputes(train_counts.counts(connection))
        body = _report(world, environment.simulation, outcome, found) | {
            **lending,
            "fsck": "ok" if report.sound else report.plain()["findings"],
            "seconds": round(time.monotonic() - started, 1),
        }
        if options.as_json:
            print_json(body)
        else:
            demo_report.show(
                body, None if outcome.shown is None else view_json.view_json(outcome.shown), found
            )
        wrong = _discrepancies(outcome)
        if not wrong and (options.keep or options.browser or options.pictures):
            _publish_statistics(dsn)
            pages, issuer = watched_pages(stack, environment.platform, environment.folder, ports)
            if options.pictures is not None and outcome.shown is not None:
                _write_pages(options.pictures, dsn, pages, outcome.shown, closures, world.ends)
        if not wrong and (options.keep or options.browser):
            if options.keep and isinstance(environment.platform, Platform):
                own = ports.setting("credit", "LIANYUN_CREDIT_METRICS_PORT")
                stack.enter_context(credit_follower(environment.platform, own))
                stack.enter_context(exporter(environment.platform, ports.take("exporter")))
                sequencer = ports.take("transparency")
                log = stack.enter_context(
                    local_log(environment.platform, environment.folder / LOG, LOG_PORT, sequencer)
                )
                stack.enter_context(announced(environment.platform, environment.api, pages, log.policy))
                demo_report.show_kept(outcome.shown, environment.api, banks.example)
                show_receipts(log)
                show_metrics(ports.write(RUNNING.absolute().parent / "prometheus"))
            demo_report.show_console(pages, issuer)
            demo_report.show_line(line_address(pages, world.opens, world.ends), open_it=options.browser)
            wait_for_ctrl_c()
    return body, wrong


def _publish_statistics(dsn: str) -> None:
    """Publish the months that are due, though their events have only just come in: the whole world has been told."""
    with open_session(dsn) as session_:
        session_.autocommit = True
        publish_due(session_, quiet=0)


def _prepared(
    stack: ExitStack, screen: Screen, world: SimulatedWorld, options: DemoOptions, ports: MetricsPorts
) -> DemoEnvironment:
    """The platform and its API, started where they do not run; the world takes shape meanwhile."""
    known = profiles(world.seed)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lianyun-demo-")))
    with ThreadPoolExecutor(1) as aside:
        shaping = aside.submit(lambda: (world.simulation(), files.deliveries(world.played)))
        platform: Platform | RunningPlatform
        if options.given is not None:
            platform = options.given
            register(platform.stack.dsn, members(known))
        else:
            screen.say(f"starting Kafka, Postgres, {options.workers} workers and the API ...")
            stack.enter_context(signed_registry(folder, DEVELOPMENT_NETWORK))
            platform = stack.enter_context(
                Platform(
                    workers=options.workers,
                    members=members(known),
                    metrics_port=ports.take("workers", options.workers),
                )
            )
        api = api_of(stack, platform, folder, log=options.keep, environment=ports.setting("api"))
        screen.say(f"the world of {world.scenario.name} takes shape ...")
        simulation, deliveries = shaping.result()
    return DemoEnvironment(platform, api, folder, simulation, deliveries)


def _played(
    screen: Screen, world: SimulatedWorld, options: DemoOptions, environment: DemoEnvironment, banks: Banks
) -> tuple[playing.DemoOutcome, dict[str, Any]]:
    """What the platform made of the world, and what became of its money."""

    def show(at: int, flow: playing.Flow) -> None:
        screen.show(at, flow)
        banks.look(at)

    dsn = environment.platform.stack.dsn
    spools = environment.folder / "spools"
    spools.mkdir()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as beside:
        following = []
        outcome = playing.play(
            environment.simulation,
            banks.money.added_to(environment.deliveries),
            world.opens,
            environment.platform,
            spools,
            screen.say,
            show,
            options.workers,
            banks.money.events,
            lambda: following.append(beside.submit(follow, dsn)),
        )
        screen.still()
        screen.say("what became of the loan, and what the bank reads of three shippers ...")
        for each in following:
            each.result()
    lending = banks.finish()
    outcome.mismatches.extend(banks.unlike())
    return outcome, lending


def _report(
    world: SimulatedWorld, simulation: Simulation, outcome: playing.DemoOutcome, found: list[list[Count]]
) -> dict[str, Any]:
    """The figures of the world and of what was published of it."""
    return {
        "simulated": True,
        "scenario": world.scenario.name,
        "seed": world.seed,
        "ends": f"{world.scenario.ends:%Y-%m-%dT%H:%M:%SZ}",
        "trains": len(world.timetable),
        "containers": len({lading.box for lading in simulation.world.ladings}),
        "digest": outcome.digest,
        **outcome.counts,
        "lists": _totals(outcome.formats),
        "formats": outcome.formats,
        "disputed": outcome.disputed,
        "disputes": [[count.plain() for count in group] for group in found],
        "world_mismatches": len(outcome.mismatches),
    }


def _write_pages(
    folder: Path, dsn: str, pages: str, shown: SourcedView, closures: tuple[Closure, ...], ends: int
) -> None:
    """Pictures of the pages, the line near the end of the first closure: there the queues are longest."""
    first = min(closures, key=lambda each: each.start, default=None)
    at = ends if first is None else first.start + (first.end - first.start) * 9 // 10
    for path in write_pictures(folder, dsn, pages, shown, at):
        err.print(str(path), markup=False)


def _write(path: Path, frames: list[list[str]], title: str) -> None:
    """Write the moving picture of ``frames`` to ``path``."""
    title = f"{title}: a living picture of the corridor in a terminal, all of it simulated"
    try:
        path.write_text(moving_picture(frames, SECONDS_OF_PICTURE, title), encoding="utf-8")
    except OSError as problem:
        raise Failure(
            Exit.FAILED, f"the picture cannot be written: {problem}", "give --picture a file that can be made"
        ) from None
    err.print(f"{len(frames)} pictures in {path}, {path.stat().st_size // 1_000} kB", markup=False)


def _totals(formats: dict[str, Any]) -> dict[str, int]:
    """How many files were read, and how many events their rows and records became."""
    read = formats.values()
    return {"files": sum(each["files"] for each in read), "rows": sum(each["events"] for each in read)}


def _discrepancies(outcome: playing.DemoOutcome) -> list[str]:
    wrong = outcome.mismatches[:20]
    refusals = outcome.counts["events"]["dead_letters"]
    if refusals != outcome.expected_refusals:
        wrong.append(f"expected refusals {outcome.expected_refusals}, found {refusals}")
    return wrong
