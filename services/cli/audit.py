"""`lianyun fsck` and `lianyun replay`: recomputation of everything stored, and the rebuilding of the state."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import psycopg
import typer

from services.audit.fsck.check import fsck as check
from services.audit.fsck.snapshot import INFRASTRUCTURE
from services.audit.replay.outcome import Differs, ReplayError, ReplayResult
from services.audit.replay.rebuild import drop as drop_generations
from services.audit.replay.rebuild import replay as rebuild
from services.audit.replay.rebuild import rollback as go_back
from services.cli.checks import broker, workers
from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import err, out, print_json, print_table
from services.cli.settings import CliSettings
from services.processors.log_identity import LogMoved
from services.processors.settings import admission_settings
from services.processors.topics import cluster


def replay(
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that rebuild.")] = 2,
    accept_differences: Annotated[bool, typer.Option(help="Switch although rows differ.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the generation before.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the generations that are not in use.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild the state from all stored events while workers go on, compare it with the one in use, and switch."""
    dsn = dsn_of(CliSettings())
    if rollback and drop:
        raise Failure(Exit.USAGE, "--rollback and --drop exclude one another", "lianyun replay --help")
    try:
        if drop:
            gone = drop_generations(dsn)
            if as_json:
                print_json({"dropped": gone})
            else:
                out.print(
                    f"dropped {', '.join(f'g{number}' for number in gone)}" if gone else "nothing to drop"
                )
            return
        done = go_back(dsn, progress=_progress) if rollback else _rebuild(dsn, processes, accept_differences)
    except psycopg.OperationalError as problem:
        raise Failure(
            Exit.UNREACHABLE, f"the database does not answer: {problem}", "lianyun doctor"
        ) from None
    except Differs as differs:
        raise Failure(Exit.FAILED, str(differs), "lianyun fsck") from None
    except ReplayError as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun doctor") from None
    if as_json:
        print_json(_plain(done))
        return
    out.print(
        f"generation {done.generation} is in use: {done.events} events at {done.events_per_second:,.0f}/s, "
        f"{done.caught_up} caught up, {done.compared} heads compared, {done.differences} rows differ; "
        f"batches were held for {done.hold_seconds:.2f} s at most"
    )
    out.print(f"generation {done.previous} stays: lianyun replay --rollback, or --drop to remove it")


def fsck(
    as_json: AsJson = False,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes for the pass over the events.")
    ] = 1,
) -> None:
    """Recompute signatures, identities, admission, claims, links, heads and offsets, verify registers and logs; exit 1 with damage.

    Where a broker is configured, the last record that was applied of each partition is compared with the log too.
    """
    settings = CliSettings()
    dsn = dsn_of(settings)

    gateways = admission_settings(settings.network).gateway_topics
    try:
        report = check(dsn, settings.network, _progress, gateway_topics=gateways, processes=processes)
    except INFRASTRUCTURE as problem:
        raise Failure(Exit.UNREACHABLE, f"the check could not go on: {problem}", "lianyun doctor") from None
    moved = _moved(settings, dsn) if settings.bootstrap else None
    if as_json:
        moves = [
            {
                "where": f"{m.partition.topic}[{m.partition.partition}]",
                "moved": m.moved.value,
                "detail": m.detail,
            }
            for m in moved or ()
        ]
        print_json({**report.plain(), "log": {"compared": moved is not None, "moved": moves}})
    else:
        for why in moved or ():
            out.print(f"LOG {why}", markup=False)
        for finding in report.findings:
            out.print(str(finding), markup=False)
        if report.found:
            print_table(("damage", "findings"), sorted(report.found.items()))
        looked = ", ".join(f"{count} {what}" for what, count in sorted(report.counts.items()))
        verdict = "sound" if report.sound else f"{sum(report.found.values())} findings"
        out.print(f"{verdict}: looked at {looked} in {report.seconds:.1f} s", markup=False)
        if moved is None:
            out.print("no broker is configured: the ledger was not compared with the log", markup=False)
        elif moved:
            out.print(f"the log of {len(moved)} partitions is not the one that was read", markup=False)
        if report.waiting:
            out.print(f"{report.waiting} heads were not settled yet; nothing is said of them", markup=False)
    if not report.sound or moved:
        raise typer.Exit(Exit.FAILED)


def _moved(settings: CliSettings, dsn: str) -> list[LogMoved]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        held = workers.ledger(connection)
    if not held:
        return []
    marks = {where: claim.last for where, (claim, _) in held.items()}
    try:
        log = broker.compared(settings.bootstrap, settings.kafka_security(), marks)
    except cluster.ClusterError as problem:
        raise Failure(
            Exit.UNREACHABLE,
            f"the log cannot be compared: {problem}",
            "lianyun doctor, or without LIANYUN_BOOTSTRAP",
        ) from None
    return workers.moved(held, log)


def _rebuild(dsn: str, processes: int, accept: bool) -> ReplayResult:
    return rebuild(dsn, processes=processes, accept_differences=accept, progress=_progress)


def _progress(stage: str, done: int, of: int) -> None:
    err.print(f"{stage}: {done}" + (f" of {of}" if of else ""), markup=False)


def _plain(done: ReplayResult) -> dict[str, Any]:
    values = {field.name: getattr(done, field.name) for field in fields(done) if field.name != "shown"}
    return {**values, "events_per_second": round(done.events_per_second), "shown": list(map(str, done.shown))}
