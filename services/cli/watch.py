"""`lianyun publish --watch`: a folder published day after day, told a line at a time, stopped in order."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from services.cli.exits import Exit, Failure
from services.cli.outcomes import line
from services.cli.output import SCHEMA_VERSION, err, json_text, out
from services.producers.folder_watch import Inbox, InboxBusy, Manner, Watch
from services.producers.outcomes import FileOutcome
from services.producers.profile import Profile
from services.producers.spool import SpoolError


def watch(
    folder: Path,
    who: Profile,
    spool: Path,
    bootstrap: str,
    manner: Manner,
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
            told = _Told(folder, as_json)
            watching = Watch(inbox, who, spool, bootstrap, told, manner, security=security)
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


class _Told:
    """Tells a person, or a program with ``as_json``, one line for each thing that happened."""

    def __init__(self, folder: Path, as_json: bool) -> None:
        self._folder, self._as_json = folder, as_json

    def shelved(self, outcome: FileOutcome, target: Path) -> None:
        """A file was moved aside."""
        name = str(target.relative_to(self._folder))
        if self._as_json:
            counts = {fate.value: count for fate, count in outcome.counts.items()}
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
    """A list that gets the signal when somebody asks to stop; a second signal ends at once, which loses nothing."""
    stopped: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        if stopped:
            sys.exit(Exit.INTERRUPTED)
        stopped.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
