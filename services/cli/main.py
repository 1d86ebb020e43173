"""The `lianyun` command and how every failure of it ends: one line on what was wrong, one on what to do."""

from __future__ import annotations

import signal
import sys

import typer

from services.cli.checking import fsck
from services.cli.demo import demo
from services.cli.doctor import doctor
from services.cli.events import events
from services.cli.exits import Exit, Failure
from services.cli.letters import dlq
from services.cli.offsets import offsets
from services.cli.output import err
from services.cli.parties import key, party
from services.cli.proofs import bench, prove
from services.cli.publish import publish
from services.cli.rebuilding import replay
from services.cli.retaining import retain
from services.cli.running import db, up, worker
from services.cli.simulating import simulate
from services.cli.topics import topics
from services.cli.track import track

app = typer.Typer(
    name="lianyun",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 findings, 4 dependency unreachable, 5 not found, 130 interrupted.",
)
for command in (publish, track, fsck, doctor, up, worker, demo, prove, replay, simulate):
    app.command()(command)
db.command()(retain)
for name, group in {
    "events": events,
    "party": party,
    "key": key,
    "dlq": dlq,
    "topics": topics,
    "db": db,
    "bench": bench,
    "offsets": offsets,
}.items():
    app.add_typer(group, name=name)


@app.callback()
def lianyun() -> None:
    """One shared, provable record of every China-Europe Railway Express consignment."""


def run() -> None:
    """Entry point: runs a command and turns its failure into a documented exit code."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(Exit.INTERRUPTED))
    try:
        app()
    except Failure as failure:
        err.print(f"error: {failure.problem}", markup=False)
        err.print(f"to do: {failure.suggestion}", markup=False)
        sys.exit(failure.code)
