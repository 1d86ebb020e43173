"""`lianyun demo`: the whole system on a small simulated world, from publishers to what people see, and checked."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.exits import Exit
from services.cli.output import err, out, print_json, print_table
from services.cli.track import show_view
from services.fsck.check import fsck
from services.localstack.platform import Platform
from services.processors.settings import admission_settings
from services.proving import demo as playing
from services.query import rendering
from services.simulator.signing import members, profiles
from services.simulator.simulate import Scale, simulate


def demo(
    trains: Annotated[int, typer.Option(min=1, max=200, help="Trains of the simulated world.")] = 12,
    boxes: Annotated[int, typer.Option(min=1, max=55, help="Containers on each.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Worker processes.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run a simulated corridor through real publishers, Kafka, workers and Postgres, and check the outcome."""
    started = time.monotonic()

    def say(line: str) -> None:
        err.print(f"[{time.monotonic() - started:6.1f} s] {line}", markup=False)

    say("needs about 1 GB of memory, 300 MB of disk and a minute; everything here is simulated")
    simulation = simulate(Scale(seed=seed, trains=trains, boxes=boxes))
    say(
        f"the world has {trains} trains with {boxes} boxes each; starting Kafka, Postgres and {workers} workers ..."
    )
    known = profiles(seed)
    with (
        tempfile.TemporaryDirectory(prefix="lianyun-demo-") as folder,
        Platform(workers=workers, members=members(known)) as platform,
    ):
        outcome = playing.play(simulation, platform, Path(folder), say)
        say("fsck: recomputing everything from the stored bytes ...")
        gateways = admission_settings(platform.network).gateway_topics
        report = fsck(platform.stack.dsn, platform.network, gateway_topics=gateways)
    body = {
        "simulated": True,
        "trains": trains,
        "containers": len({lading.box for lading in simulation.world.ladings}),
        **outcome.counts,
        "disputed": outcome.disputed,
        "world_mismatches": len(outcome.mismatches),
        "fsck": "ok" if report.sound else report.plain()["findings"],
        "seconds": round(time.monotonic() - started, 1),
    }
    refusals = outcome.counts["events"]["dead_letters"]
    wrong = outcome.mismatches or not report.sound or refusals != outcome.expected_refusals
    if as_json:
        print_json(body)
    else:
        _show(body, outcome)
    if wrong:
        for line in outcome.mismatches[:20]:
            err.print(line, markup=False)
        if refusals != outcome.expected_refusals:
            err.print(f"expected refusals {outcome.expected_refusals}, found {refusals}", markup=False)
        raise typer.Exit(Exit.FAILED)


def _show(body: dict[str, Any], outcome: playing.Outcome) -> None:
    if outcome.shown is not None:
        out.print("\n[bold]One consignment, with who said what and how sure (simulated)[/]")
        show_view(rendering.plain(outcome.shown))
    out.print("\n[bold]Summary (simulated)[/]")
    events = body["events"]
    print_table(
        ("", ""),
        [
            ("trains", body["trains"]),
            ("containers", body["containers"]),
            ("consignments", body["consignments"]),
            ("messages published", events["published"]),
            ("events accepted", events["accepted"]),
            ("duplicates recognised", events["duplicates"]),
            ("equivocations", events["equivocations"]),
            ("consignments with a dispute", body["disputed"]),
            ("views that differ from the world's truth", body["world_mismatches"]),
            ("fsck", body["fsck"] if body["fsck"] == "ok" else f"{len(body['fsck'])} findings"),
            ("seconds", body["seconds"]),
        ],
    )
    print_table(("dead letters by reason", ""), list(events["dead_letters"].items()))
