"""`lianyun fsck`: everything stored, recomputed from the bytes as published."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.output import err, out, print_json, print_table
from services.cli.settings import CliSettings
from services.fsck.check import fsck as check
from services.fsck.passes import INFRASTRUCTURE
from services.processors.settings import admission_settings


def fsck(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes for the pass over the events.")
    ] = 1,
) -> None:
    """Recompute signatures, identities, admission, claims, links, heads and offsets, verify registers and logs; exit 1 with damage."""
    settings = CliSettings()
    dsn = dsn_of(settings)

    def progress(stage: str, done: int, of: int) -> None:
        err.print(f"{stage}: {done}" + (f" of {of}" if of else ""), markup=False)

    gateways = admission_settings(settings.network).gateway_topics
    try:
        report = check(dsn, settings.network, progress, gateway_topics=gateways, processes=processes)
    except INFRASTRUCTURE as problem:
        raise Failure(Exit.UNREACHABLE, f"the check could not go on: {problem}", "lianyun doctor") from None
    if as_json:
        print_json(report.plain())
    else:
        for finding in report.findings:
            out.print(str(finding), markup=False)
        if report.found:
            print_table(("damage", "findings"), sorted(report.found.items()))
        looked = ", ".join(f"{count} {what}" for what, count in sorted(report.counts.items()))
        verdict = "sound" if report.sound else f"{sum(report.found.values())} findings"
        out.print(f"{verdict}: looked at {looked} in {report.seconds:.1f} s", markup=False)
        if report.waiting:
            out.print(f"{report.waiting} heads were not settled yet; nothing is said of them", markup=False)
    if not report.sound:
        raise typer.Exit(Exit.FAILED)
