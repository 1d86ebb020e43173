"""`lianyun publish`: from a partner's own files to acknowledged signed events."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.outcomes import show
from services.cli.output import err, iso, print_json, print_table
from services.cli.settings import CliSettings
from services.cli.watch import watch
from services.producers import profile, publisher, spool
from services.producers.folder_watch import Manner
from services.producers.intake import Intake
from services.producers.outcomes import Run, plain_run, settle
from services.producers.unsigned_event import traced
from services.telemetry.tracing import open_spans


def publish(
    party: Annotated[str, typer.Option("--as", help="The partner whose profile signs the events.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files in any format that `lianyun convert` reads.", exists=True, dir_okay=False),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="Read the files as this format, instead of recognising it.")
    ] = "",
    amend: Annotated[
        bool,
        typer.Option(
            "--amend",
            help="Publish changed records as corrections; later editions of full lists take back earlier ones.",
        ),
    ] = False,
    whole: Annotated[
        bool, typer.Option("--all-or-nothing", help="Publish nothing unless every record is good.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--watch", help="Go on publishing what is dropped into this folder.", file_okay=False, exists=True
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="With --watch: end when the folder is empty.")] = False,
    quiet: Annotated[
        float, typer.Option("--settle", min=0.05, help="With --watch: seconds a complete file lies still.")
    ] = 3.0,
    grace: Annotated[
        float, typer.Option(min=0.05, help="With --watch: seconds for a file that seems to be cut short.")
    ] = 60.0,
    state: Annotated[
        bool, typer.Option("--status", help="Show what waits in the spool and what was acknowledged last.")
    ] = False,
    every: Annotated[bool, typer.Option("--every", help="List good records too.")] = False,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait for a broker that does not answer.")
    ] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sign the records of PATHS and publish them through a durable spool; repeating it repeats nothing."""
    settings = CliSettings()
    who = profile_of(settings, party)
    store = settings.partners / f"{party}.spool"
    if sum((bool(paths), folder is not None, state)) != 1:
        raise Failure(Exit.USAGE, "give files, or --watch FOLDER, or --status", "lianyun publish --help")
    if state:
        _status(store, as_json)
        return
    bootstrap = _bootstrap(settings)
    # Spans that are still here when the command ends are sent by the SDK then.
    context = traced(open_spans("lianyun-publish", os.environ), os.environ)
    if folder is not None:
        manner = Manner(format, amend, whole, patience if once else min(patience, 5.0), context)
        watch(
            folder,
            who,
            store,
            bootstrap,
            manner,
            settings.kafka_security(),
            settle=quiet,
            grace=max(grace, quiet),
            once=once,
            as_json=as_json,
        )
        return
    run = Run([])
    problem: Failure | None = None
    with _spool(store) as waiting:
        acknowledged = waiting.counts()[1]
        intake = Intake(who, waiting, format=format, amend=amend, whole=whole, traced=context)
        run.files += [intake.path(path) for path in paths or ()]
        intake.close()
        try:
            publisher.drain(
                waiting,
                bootstrap,
                patience=patience,
                security=settings.kafka_security(),
                progress=lambda sent: err.print(f"{sent} acknowledged") if err.is_terminal else None,
                notice=lambda said: err.print(f"{said} Trying for {patience:g} s in all.", markup=False),
            )
        except publisher.BrokerUnreachable as away:
            problem = Failure(Exit.UNREACHABLE, str(away), "run it again when there is one; lianyun doctor")
        except publisher.NotTaken as refusal:
            code = Exit.NOT_FOUND if refusal.missing else Exit.FAILED
            problem = Failure(code, str(refusal), f"{refusal.remedy}; then run it again")
        run.waiting, run.acknowledged = waiting.counts()
        run.acknowledged -= acknowledged
        settle(run.files, waiting)
    if as_json:
        print_json(plain_run(run))
    else:
        show(run, every)
    if problem is not None:
        raise problem
    if run.failed:
        raise typer.Exit(Exit.FAILED)


def profile_of(settings: CliSettings, party: str) -> profile.Profile:
    """The profile of ``party``; ends the command where there is none, or it cannot be used."""
    try:
        return profile.load(settings.partners, party)
    except profile.NoProfile as problem:
        raise Failure(
            Exit.NOT_FOUND, str(problem), f"lianyun party list; lianyun key add {party} --new"
        ) from None
    except profile.ProfileError as problem:
        raise Failure(Exit.FAILED, str(problem), "mend the profile and run the command again") from None


def _bootstrap(settings: CliSettings) -> str:
    if not settings.bootstrap:
        raise Failure(
            Exit.USAGE,
            "no broker is configured",
            "set LIANYUN_BOOTSTRAP=host:port, or start a platform here with: make up",
        )
    return settings.bootstrap


def _spool(path: Path) -> spool.Spool:
    try:
        return spool.Spool(path, patience=10.0)
    except spool.SpoolBusy as busy:
        raise Failure(
            Exit.FAILED, str(busy), "wait for it; a folder being watched takes files too: drop them there"
        ) from None
    except spool.SpoolError as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun --help") from None


def _status(path: Path, as_json: bool) -> None:
    found = spool.status(path)
    last = found.last
    if as_json:
        print_json(
            {
                "waiting": found.waiting,
                "acknowledged": found.acknowledged,
                "corrections": found.corrections,
                "oldest": [
                    {"id": each.id, "type": each.type, "topic": each.topic, "spooled": iso(each.queued_us)}
                    for each in found.oldest
                ],
                "last": None
                if last is None
                else {
                    "id": last.id,
                    "type": last.type,
                    "origin": f"{last.topic}[{last.partition}]@{last.offset}",
                    "at": iso(last.at_us),
                },
            }
        )
        return
    rows: list[tuple[object, object]] = [
        ("waiting", found.waiting),
        ("acknowledged", found.acknowledged),
        ("corrections", found.corrections),
    ]
    if last is not None:
        rows.append(("last", f"{iso(last.at_us)} {last.id} {last.topic}[{last.partition}]@{last.offset}"))
    print_table(("", ""), rows)
    if found.oldest:
        columns = ("waiting since", "type", "id")
        print_table(columns, [(iso(each.queued_us), each.type, each.id) for each in found.oldest])
