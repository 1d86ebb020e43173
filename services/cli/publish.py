"""`lianyun publish`: from a partner's native records to acknowledged signed events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.output import err, print_json, print_table
from services.cli.settings import CliSettings
from services.producers import native, profile, publisher, spool

Party = Annotated[str, typer.Option("--as", help="The partner whose profile signs the events.")]
Paths = Annotated[list[Path], typer.Argument(help="Files of native JSON lines.", exists=True, dir_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def publish(
    party: Party,
    paths: Paths,
    as_json: AsJson = False,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for a broker that does not answer.")
    ] = 120.0,
) -> None:
    """Sign the records of PATHS and publish them through a durable spool; repeating it repeats nothing."""
    settings = CliSettings()
    if not settings.bootstrap:
        raise Failure(
            Exit.USAGE,
            "no broker is configured",
            "set LIANYUN_BOOTSTRAP=host:port, or start a platform here with: make up",
        )
    try:
        who = profile.load(settings.partners, party)
    except profile.ProfileError as problem:
        raise Failure(
            Exit.NOT_FOUND, str(problem), f"lianyun party list; lianyun key add {party} --new"
        ) from None
    outcome = publisher.Outcome()
    try:
        with spool.Spool(settings.partners / f"{party}.spool") as waiting:
            publisher.enqueue(native.read(paths, who), who, waiting, outcome)
            publisher.drain(
                waiting,
                settings.bootstrap,
                outcome,
                patience=patience,
                progress=lambda sent: err.print(f"{sent} acknowledged") if err.is_terminal else None,
            )
    except spool.SpoolBusy as busy:
        raise Failure(Exit.FAILED, str(busy), "one publisher per partner and machine at a time") from None
    except publisher.BrokerUnreachable as unreachable:
        _report(outcome, as_json)
        raise Failure(Exit.UNREACHABLE, str(unreachable), "lianyun doctor") from None
    _report(outcome, as_json)
    if outcome.failed:
        raise typer.Exit(Exit.FAILED)


def _report(outcome: publisher.Outcome, as_json: bool) -> None:
    refused = [
        {
            "path": path,
            "line": line,
            "reason": refusal.reason.value,
            "pointer": refusal.pointer,
            "detail": refusal.detail,
            "remedy": refusal.remedy,
        }
        for path, line, refusal in outcome.refused
    ] + [
        {
            "path": path,
            "line": line,
            "reason": "ID_USED_TWICE",
            "pointer": "/id",
            "detail": f"event {identity!r} was published before with other content",
            "remedy": "to change what you said, publish a correction under a new id",
        }
        for path, line, identity in outcome.different
    ]
    counts = {
        "acknowledged": outcome.acknowledged,
        "already": outcome.already,
        "waiting": outcome.waiting,
        "refused": len(refused),
    }
    if as_json:
        print_json({**counts, "refusals": refused})
        return
    if refused:
        columns = ("path", "line", "reason", "pointer", "detail", "remedy")
        print_table(columns, [[row[column] for column in columns] for row in refused])
    print_table(tuple(counts), [tuple(counts.values())])
