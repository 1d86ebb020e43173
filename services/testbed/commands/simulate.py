"""`lianyun simulate`: a simulated corridor as files that each party could publish, or as one stream."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.output import err, iso, out, print_json, print_table
from services.testbed.simulator import files
from services.testbed.simulator.corridors import SimulatedWorld
from services.testbed.simulator.corridors import simulate as world_of
from services.testbed.simulator.files.folder import ABOUT, described, lines, published, write_records
from services.testbed.simulator.scenarios import UnknownScenario, names, scenario

STDOUT = "-"


def simulate(
    name: Annotated[str, typer.Option("--scenario", help="Which scenario; --list shows them.")] = "tiny",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    scale: Annotated[
        float | None,
        typer.Option(help="Share of today's China-Europe trains (1.0: some 55 a day), not that of the file."),
    ] = None,
    folder: Annotated[
        str, typer.Option("--out", help="Folder for one file per party; - for one stream of all of them.")
    ] = "simulated",
    own_formats: Annotated[
        bool,
        typer.Option(
            "--formats",
            help="Write what parties can say so as files in their own formats: workbooks, CSV, XML, JSON.",
        ),
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Show the scenarios and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write what simulated parties would publish: native JSON lines, in the order of publication."""
    if show:
        _list(as_json)
        return
    try:
        world = world_of(name, seed, scale)
    except UnknownScenario as problem:
        raise Failure(Exit.NOT_FOUND, str(problem), "lianyun simulate --list") from None
    except ValueError as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun simulate --scenario tiny --scale 0.02") from None
    if folder == STDOUT:
        _stream(world)
        return
    deliveries = files.deliveries(world.played) if own_formats else None
    about = write_records(world, Path(folder), None if deliveries is None else deliveries.messages)
    if deliveries is not None:
        written = files.write(deliveries.files, Path(folder))
        about["files"] = {f"{party}/{name}": count for (party, name), count in sorted(written.items())}
    if as_json:
        print_json(about)
        return
    print_table(("party (simulated)", "messages"), list(about["messages"].items()))
    if own_formats:
        print_table(("files (simulated)", ""), list(about["files"].items()))
    total = sum(about["messages"].values())
    out.print(
        f"{total} messages of {about['trains']} simulated trains in {folder}; how they were made: "
        f"{Path(folder) / ABOUT}",
        markup=False,
    )


def _stream(world: SimulatedWorld) -> None:
    err.print("everything in this stream is simulated", markup=False)
    try:
        for message, _ in lines(world.messages()):
            sys.stdout.buffer.write(published(message))
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        sys.stderr.close()


def _list(as_json: bool) -> None:
    known = [scenario(name) for name in names()]
    if as_json:
        print_json({"simulated": True, "scenarios": [described(world_of(each)) for each in known]})
        return
    rows = []
    for each in known:
        world = world_of(each)
        days = (world.ends - world.opens) // (24 * 3_600_000_000)
        rows.append((each.name, iso(world.opens), days, len(world.timetable), each.title))
    print_table(("scenario", "opens", "days", "trains", "what it shows"), rows)
