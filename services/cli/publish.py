"""`lianyun publish`: from a partner's files, or a watched folder, to acknowledged signed events."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import SCHEMA_VERSION, err, iso, json_text, out, print_json, print_table
from services.cli.settings import CliSettings
from services.producers import profile, publisher, spool
from services.producers.folder_watch import FolderWatch, Inbox, InboxBusy, WatchOptions
from services.producers.formats.model import Position, Remark
from services.producers.intake import Intake
from services.producers.outcomes import FileOutcome, PublishOutcome, RecordStatus, plain_run, settle
from services.producers.profile import Profile
from services.producers.spool import SpoolError
from services.producers.unsigned_event import trace_source
from services.telemetry.tracing import open_spans

Patience = Annotated[float, typer.Option(min=0.0, help="Seconds to wait for a broker that does not answer.")]
_COLUMNS = ("where", "outcome", "record", "what", "to do")
_FATES = (
    RecordStatus.PUBLISHED,
    RecordStatus.CORRECTED,
    RecordStatus.ALREADY,
    RecordStatus.WAITING,
    RecordStatus.REFUSED,
    RecordStatus.WITHHELD,
    RecordStatus.PASSED_OVER,
)
_SHOWN = 100


def show(run: PublishOutcome, every: bool) -> None:
    """Print per file the records that need a person, with ``every`` all of them, then one line of counts per file."""
    for file in run.files:
        if file.refusal is not None:  # no table: a remedy may be a line to copy
            out.print(f"{file.path}: {file.refusal.detail}", markup=False)
            out.print(f"to do: {file.refusal.remedy}", markup=False)
        rows = list(_rows(file, every))
        if rows:
            shown = rows if every else rows[:_SHOWN]
            print_table(_COLUMNS, shown, title=file.path)
            if len(shown) < len(rows):
                out.print(f"... and {len(rows) - len(shown)} more: --every or --json shows all")
    columns = ("file", "format", *(status.value.replace("_", " ") for status in _FATES))
    print_table(columns, [_counts(file) for file in run.files])
    if run.waiting:
        out.print(f"{run.waiting} events wait in the spool; they go out with the next run")


def line(file: FileOutcome) -> str:
    """A file in one line: how many records met which fate."""
    if file.refusal is not None:
        return f"{file.refusal.detail} {file.refusal.remedy}".strip()
    counted = ", ".join(
        f"{count} {status.value.replace('_', ' ')}" for status, count in sorted(file.counts.items())
    )
    remarks = f"; {file.remarked} remarks" if file.remarked else ""
    return f"{file.format}: {counted or 'no records'}{remarks}"


def _counts(file: FileOutcome) -> tuple[object, ...]:
    counts = file.counts
    return (file.path, file.format or "not read", *(counts[status] or "" for status in _FATES))


def _rows(file: FileOutcome, every: bool) -> Iterator[tuple[object, ...]]:
    yield from (_remark("", each, Position()) for each in file.remarks)
    for record in file.records:
        if record.refusal is not None:
            why = record.refusal
            at = f"{why.detail} ({why.pointer})" if why.pointer else why.detail
            yield record.where, why.reason, record.id, at, why.remedy
        elif every or record.status in (RecordStatus.CORRECTED, RecordStatus.WITHHELD):
            yield record.where, record.status.value.replace("_", " "), record.id, record.note, ""
        yield from (_remark(record.id, each, record.where) for each in record.remarks)


def _remark(record: str, remark: Remark, where: Position) -> tuple[object, ...]:
    place = remark.where if str(remark.where) else where
    return place, remark.code or "remark", record, remark.text, remark.remedy


def watch(
    folder: Path,
    who: Profile,
    spool: Path,
    bootstrap: str,
    options: WatchOptions,
    security: dict[str, Any],
    *,
    settle: float,
    grace: float,
    once: bool,
    as_json: bool,
) -> None:
    """Publish what is dropped into ``folder`` until SIGTERM or SIGINT; with ``once`` until it is empty."""
    try:
        with _stopping() as stopped, Inbox(folder, settle, grace) as inbox:
            progress = _Progress(folder, as_json)
            watching = FolderWatch(inbox, who, spool, bootstrap, progress, options, security=security)
            if not once:
                err.print(f"watching {folder} as {who.party}; stop with Ctrl-C", markup=False)
            watching.run(lambda: bool(stopped), every=min(1.0, settle), once=once)
    except InboxBusy as busy:
        raise Failure(Exit.FAILED, str(busy), "one watch per folder; stop the other one") from None
    except SpoolError as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun publish --status") from None
    if not once:
        err.print(f"stopped; {watching.acknowledged} published, {watching.waiting} wait in the spool")
    elif watching.waiting:
        raise Failure(
            Exit.UNREACHABLE, f"{watching.waiting} events wait in the spool", "lianyun doctor; run it again"
        )
    elif watching.failed:
        raise typer.Exit(Exit.FAILED)


class _Progress:
    """Prints one line per event of a watch, for a terminal or, with ``as_json``, for a program."""

    def __init__(self, folder: Path, as_json: bool) -> None:
        self._folder, self._as_json = folder, as_json

    def archived(self, outcome: FileOutcome, target: Path) -> None:
        """A file was moved aside."""
        name = str(target.relative_to(self._folder))
        if self._as_json:
            counts = {status.value: count for status, count in outcome.counts.items()}
            self._print(
                {"file": Path(outcome.path).name, "moved_to": name, "format": outcome.format, **counts}
            )
        else:
            out.print(f"{name}  {line(outcome)}", markup=False)

    def broker(self, problem: str, waiting: int) -> None:
        """The broker went away or came back."""
        if self._as_json:
            self._print({"broker": problem or "back", "waiting": waiting})
        else:
            err.print(
                f"{problem} {waiting} events wait; trying again" if problem else "the broker is back",
                markup=False,
            )

    def busy(self, problem: str) -> None:
        """Another process holds the spool."""
        err.print(problem, markup=False)

    @staticmethod
    def _print(body: dict[str, object]) -> None:
        sys.stdout.write(json_text({"schema_version": SCHEMA_VERSION, **body}) + "\n")
        sys.stdout.flush()


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """A list that receives the first signal to stop; a second signal ends the process at once, which loses nothing."""
    stopped: list[int] = []

    def request_stop(number: int, _frame: FrameType | None) -> None:
        if stopped:
            sys.exit(Exit.INTERRUPTED)
        stopped.append(number)

    before = {number: signal.signal(number, request_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    patience: Patience = 120.0,
    as_json: AsJson = False,
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
    if folder is not None:
        # Spans that are still here when the command ends are sent by the SDK then.
        context = trace_source(open_spans("lianyun-publish", os.environ), os.environ)
        options = WatchOptions(format, amend, whole, patience if once else min(patience, 5.0), context)
        watch(
            folder,
            who,
            store,
            _bootstrap(settings),
            options,
            settings.kafka_security(),
            settle=quiet,
            grace=max(grace, quiet),
            once=once,
            as_json=as_json,
        )
        return
    sent(
        settings,
        who,
        lambda intake: [intake.path(path) for path in paths or ()],
        format=format,
        amend=amend,
        whole=whole,
        patience=patience,
        every=every,
        as_json=as_json,
    )


def sent(
    settings: CliSettings,
    who: Profile,
    take: Callable[[Intake], Sequence[FileOutcome]],
    *,
    format: str = "",
    amend: bool = False,
    whole: bool = False,
    patience: float = 120.0,
    every: bool = False,
    as_json: bool = False,
) -> None:
    """Sign and publish what ``take`` gives to the intake, and print what became of it; ends the command where something is refused or waits."""
    bootstrap = _bootstrap(settings)
    context = trace_source(open_spans("lianyun-publish", os.environ), os.environ)
    run = PublishOutcome([])
    problem: Failure | None = None
    with _spool(settings.partners / f"{who.party}.spool") as waiting:
        acknowledged = waiting.counts()[1]
        if moved := waiting.readdress(who.topic):
            err.print(f"{moved} events that wait go to {who.topic} now, as the profile says", markup=False)
        intake = Intake(who, waiting, format=format, amend=amend, whole=whole, trace_source=context)
        run.files += take(intake)
        intake.close()
        try:
            publisher.drain(
                waiting,
                bootstrap,
                patience=patience,
                security=settings.kafka_security(),
                progress=lambda sent: err.print(f"{sent} acknowledged") if err.is_terminal else None,
                notice=lambda said: err.print(f"{said} Trying for {patience:g} s in all.", markup=False),
                party=who.party,
            )
        except publisher.BrokerUnreachable as away:
            problem = Failure(Exit.UNREACHABLE, str(away), "run it again when there is one; lianyun doctor")
        except publisher.MessageRefused as refusal:
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
