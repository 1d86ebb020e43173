"""`lianyun fsck`: everything stored, recomputed from the bytes as published."""

from __future__ import annotations

from typing import Annotated

import psycopg
import typer

from services.audit.fsck.check import fsck as check
from services.audit.fsck.snapshot import INFRASTRUCTURE
from services.cli.checks import broker, workers
from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.output import err, out, print_json, print_table
from services.cli.settings import CliSettings
from services.processors.log_identity import LogMoved
from services.processors.settings import admission_settings
from services.processors.topics import cluster


def fsck(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes for the pass over the events.")
    ] = 1,
) -> None:
    """Recompute signatures, identities, admission, claims, links, heads and offsets, verify registers and logs; exit 1 with damage.

    Where a broker is configured, the last record that was applied of each partition is compared with the log too.
    """
    settings = CliSettings()
    dsn = dsn_of(settings)

    def progress(stage: str, done: int, of: int) -> None:
        err.print(f"{stage}: {done}" + (f" of {of}" if of else ""), markup=False)

    gateways = admission_settings(settings.network).gateway_topics
    try:
        report = check(dsn, settings.network, progress, gateway_topics=gateways, processes=processes)
    except INFRASTRUCTURE as problem:
        raise Failure(Exit.UNREACHABLE, f"the check could not go on: {problem}", "lianyun doctor") from None
    moved = _moved(settings, dsn) if settings.bootstrap else None
    if as_json:
        told = [
            {
                "where": f"{m.partition.topic}[{m.partition.partition}]",
                "moved": m.moved.value,
                "detail": m.detail,
            }
            for m in moved or ()
        ]
        print_json({**report.plain(), "log": {"compared": moved is not None, "moved": told}})
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
