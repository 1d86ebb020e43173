"""`lianyun prove` and `lianyun bench`: the running system attacked and measured, on servers of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from services.arrival.domain.tables import tables
from services.cli.exits import Exit, Failure
from services.cli.output import err, print_json
from services.testbed.arrival_evaluation.evaluate import evaluate as evaluate_arrival
from services.testbed.bench.bank import Scale as BankScale
from services.testbed.bench.bank import bench_bank
from services.testbed.bench.declarations import bench_declarations, bench_papers
from services.testbed.bench.findings import Scale as FindingsScale
from services.testbed.bench.findings import bench_findings
from services.testbed.bench.line_film import bench_line
from services.testbed.bench.pages import Scale as PagesScale
from services.testbed.bench.pages import bench_pages
from services.testbed.bench.pipeline import Scale, bench_pipeline
from services.testbed.bench.storage_cost import Scale as StorageScale
from services.testbed.bench.storage_cost import bench_storage
from services.testbed.bench.transparency import Scale as LogScale
from services.testbed.bench.transparency import bench_transparency
from services.testbed.bench.view_cost import Scale as ViewScale
from services.testbed.bench.view_cost import bench_views
from services.testbed.chaos.prove import problems
from services.testbed.chaos.prove import prove as attack
from services.testbed.localstack.process import StackError

bench = typer.Typer(no_args_is_help=True, help="Measure this machine.")


def say(line: str) -> None:
    """Progress, for people."""
    err.print(line, markup=False)


def prove(
    kills: Annotated[
        int, typer.Option(min=1, max=10_000, help="Attacks on workers, publishers and servers.")
    ] = 50,
    workers: Annotated[int, typer.Option(min=1, max=8)] = 2,
    seed: Annotated[int, typer.Option(help="The same seed attacks the same way.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """Kill and freeze what runs, then compare journal, events and views with the world's truth; exit 1 if anything is wrong."""
    _ = as_json
    outcome = attack(kills, workers, seed, say=say)
    print_json(outcome)
    if found := problems(outcome):
        raise Failure(
            Exit.FAILED,
            "the proof does not hold: " + "; ".join(found),
            f"read the logs named above, and repeat with --kills {kills} --seed {seed}",
        )


@bench.command()
def pipeline(
    events: Annotated[int, typer.Option(min=1_000, help="Messages of each drain.")] = 200_000,
    workers: Annotated[int, typer.Option(min=1, max=8)] = 2,
    consignments: Annotated[int, typer.Option(min=100, help="Active consignments.")] = 100_000,
    rate: Annotated[float, typer.Option(help="Messages a second of the live run.")] = 2_000.0,
    seconds: Annotated[float, typer.Option(help="Length of the live run.")] = 25.0,
    projections: Annotated[
        bool,
        typer.Option(
            "--projections", help="Only what credit and financing cost the drain: with and without them."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """Drain and live rate of the whole pipeline, beside a naive agent and a bare COPY; takes some minutes."""
    _ = as_json
    scale = replace(
        Scale(), events=events, workers=workers, consignments=consignments, rate=rate, seconds=seconds
    )
    print_json(bench_pipeline(scale, say, projections))


@bench.command()
def bank(
    consignments: Annotated[
        int, typer.Option(min=1_000, help="Financed consignments that stand in the database.")
    ] = 1_000_000,
    cargoes: Annotated[int, typer.Option(min=100, help="Cargoes that are reserved at most.")] = 20_000,
    rate: Annotated[float, typer.Option(help="Questions a second for the status of a consignment.")] = 500.0,
    seconds: Annotated[float, typer.Option(help="Length of each of the two runs.")] = 20.0,
    clients: Annotated[int, typer.Option(min=1, max=256, help="Clients that reserve.")] = 16,
    workers: Annotated[
        int, typer.Option(min=1, max=32, help="Processes of the API for the reservations.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """Status of a consignment and check-and-reserve, as a bank feels them through the API; takes some minutes."""
    _ = as_json
    scale = BankScale(consignments, cargoes, rate, seconds, clients, workers)
    print_json(bench_bank(scale, say))


@bench.command()
def storage(
    events: Annotated[int, typer.Option(min=2_000, help="Messages of the mix.")] = 60_000,
    consignments: Annotated[int, typer.Option(min=100, help="Consignments that they are about.")] = 1_000,
    workers: Annotated[int, typer.Option(min=1, max=8)] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """Bytes that an event takes in the database, in the log of the database and in Kafka; takes a minute."""
    _ = as_json
    print_json(bench_storage(StorageScale(events, consignments, workers), say))


@bench.command()
def views(
    trains: Annotated[int, typer.Option(min=2, help="Trains of the simulated world.")] = 10,
    boxes: Annotated[int, typer.Option(min=1, max=100, help="Boxes on each.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """What a view costs by the events behind it, cold and warm; takes some minutes."""
    _ = as_json
    print_json(bench_views(ViewScale(trains, boxes), say))


@bench.command()
def pages(
    consignments: Annotated[
        int, typer.Option(min=1_000, help="Consignments that stand in the database.")
    ] = 1_000_000,
    trains: Annotated[int, typer.Option(min=2, help="Trains of the world that is tracked.")] = 12,
    seconds: Annotated[float, typer.Option(min=1, help="How long the mix is asked for.")] = 20.0,
    connections: Annotated[int, typer.Option(min=1, max=256, help="Connections that ask.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """Pages a second of one worker, and what each kind of page takes, among a million consignments; takes some minutes."""
    _ = as_json
    scale = PagesScale(consignments=consignments, trains=trains, seconds=seconds, connections=connections)
    print_json(bench_pages(scale, say))


@bench.command()
def transparency(
    rates: Annotated[str, typer.Option(help="Messages a second, one run after the other.")] = "500,1000,2000",
    seconds: Annotated[float, typer.Option(min=1, help="Length of each run.")] = 25.0,
    workers: Annotated[int, typer.Option(min=1, max=8)] = 2,
    consignments: Annotated[int, typer.Option(min=100, help="Active consignments.")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """From the broker's append of an event until the log with it is cosigned, with two witnesses; takes some minutes."""
    _ = as_json
    scale = LogScale(tuple(float(each) for each in rates.split(",")), seconds, workers, consignments)
    print_json(bench_transparency(scale, say))


@bench.command()
def arrival(
    learn: Annotated[
        str, typer.Option(help="Seeds of the ordinary worlds that are learned from.")
    ] = "11,12,13",
    ordinary: Annotated[
        str, typer.Option(help="Seeds of ordinary worlds that are forecast.")
    ] = "31,32,33,34",
    closure: Annotated[
        str, typer.Option(help="Seeds of worlds with the closure of September 2025.")
    ] = "5,6,7,8,9,10,40,41",
) -> None:
    """Forecast arrivals in SIMULATED worlds that were not learned from; print coverage, loss, width, bias and jumps as JSON.

    Coverage is given for each world too, and with an interval that counts a world, or in it a train, as one draw; from four worlds on.
    The same seeds give the same figures on every machine; about a quarter of a minute of processor time for each seed.
    """
    known, week, closed = ([int(seed) for seed in text.split(",")] for text in (learn, ordinary, closure))
    print_json(evaluate_arrival(known, week, closed, tables()))


@bench.command()
def line(
    trains: Annotated[int, typer.Option(min=1, max=5_000, help="Trains on the line at once.")] = 500,
    seconds: Annotated[float, typer.Option(min=1, help="How long it plays.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the report is JSON anyway.")] = False,
) -> None:
    """Frames a second of the line as a film, in this machine's Chromium without a graphics card."""
    _ = as_json
    try:
        print_json(bench_line(trains, seconds, say))
    except StackError as problem:
        raise Failure(Exit.UNREACHABLE, str(problem), "lianyun bench --help") from None


@bench.command("declarations")
def declarations(
    lines: Annotated[int, typer.Option(help="Lines of each paper.", min=1, max=999)] = 50,
    rounds: Annotated[
        int, typer.Option(help="Shipments; the fastest and the middle one are shown.", min=1)
    ] = 20,
) -> None:
    """Measure how long it takes to read six papers of one shipment and to find their contradictions, in processor time."""
    print_json(bench_declarations(lines, rounds))


@bench.command()
def findings(
    trades: Annotated[int, typer.Option(min=20, max=100_000, help="Trades that are stored.")] = 1_000,
    filings: Annotated[int, typer.Option(min=20, max=1_000, help="Filings that are timed one by one.")] = 60,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that compute everything again.")
    ] = 2,
) -> None:
    """Measure how soon a filing shows in the findings of its trade, and how long all findings take to be computed again, and whether they are equal."""
    print_json(bench_findings(FindingsScale(trades, min(filings, trades), processes), say))


@bench.command("papers")
def papers(
    seeds: Annotated[str, typer.Option(help="Seeds of the worlds; take fresh ones to judge a change.")] = "1",
    honest: Annotated[int, typer.Option(help="Honest consignments of each world.", min=1)] = 100,
    lies: Annotated[
        int, typer.Option(help="How often each of the 32 lies is seeded in each world.", min=1)
    ] = 5,
    rounds: Annotated[int, typer.Option(help="Shipments of 50 lines that are timed.", min=1)] = 20,
) -> None:
    """Check SIMULATED papers with seeded lies; print of each lie the share found, of each check how often it speaks of honest papers, as JSON.

    The same seeds give the same shares on every machine; about a quarter of a second for each lie and a twentieth for each consignment.
    """
    print_json(bench_papers([int(seed) for seed in seeds.split(",")], honest, lies, rounds))


@bench.callback()
def _group() -> None:
    """Measure this machine."""
