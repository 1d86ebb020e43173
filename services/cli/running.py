"""`lianyun up|worker`: the platform on this machine and its parts."""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.output import err, out
from services.cli.settings import RUNNING, CliSettings
from services.localstack.errors import StackError
from services.localstack.platform import Platform
from services.localstack.ports import free_port
from services.processors.supervisor import Supervisor

DATA = Path(".lianyun") / "data"


def up(workers: Annotated[int, typer.Option(min=1, max=8, help="Worker processes.")] = 2) -> None:
    """Run broker, database and workers here until Ctrl-C; data stays in .lianyun/ for the next time."""
    settings = CliSettings()
    if RUNNING.exists():
        raise Failure(
            Exit.FAILED,
            f"a platform seems to run in this folder already ({RUNNING})",
            "stop it with Ctrl-C; if it is gone, remove that file",
        )
    port = int(os.environ.get("LIANYUN_EXPORTER_METRICS_PORT") or free_port())
    err.print("starting Kafka, Postgres and the workers ...")
    try:
        with (
            Platform(DATA, workers=workers, network=settings.network) as platform,
            credit_follower(platform),
            webhooks(platform),
            exporter(platform, port),
            announced(platform),
        ):
            out.print("The platform runs. In another terminal, in this folder:")
            for line in (
                "lianyun party list",
                "lianyun track ID",
                "lianyun events tail -f",
                "lianyun doctor",
            ):
                out.print(f"  {line}")
            out.print(f"Metrics of the whole platform: http://127.0.0.1:{port}/metrics")
            out.print("Ctrl-C stops it.")
            wait_for_ctrl_c()
    except StackError as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun doctor") from None


def credit_follower(platform: Platform) -> Supervisor:
    """The process beside the workers that keeps credit signals up to date, started again when it ends."""
    return Supervisor(
        platform.worker_environment(),
        workers=1,
        logs=platform.stack.folder / "logs" / "credit",
        command=(sys.executable, "-m", "services.processors.credit"),
    )


def webhooks(platform: Platform) -> Supervisor:
    """The process that tells parties of what changed, started again when it ends."""
    return Supervisor(
        platform.worker_environment(),
        workers=1,
        logs=platform.stack.folder / "logs" / "webhooks",
        command=(sys.executable, "-m", "services.webhooks"),
    )


def exporter(platform: Platform, port: int) -> Supervisor:
    """The process that shows what the database says as metrics on ``port``, started again when it ends."""
    return Supervisor(
        {**platform.worker_environment(), "LIANYUN_EXPORTER_METRICS_PORT": str(port)},
        workers=1,
        logs=platform.stack.folder / "logs" / "exporter",
        command=(sys.executable, "-m", "services.exporter"),
    )


@contextmanager
def announced(platform: Platform) -> Iterator[None]:
    """Write where the platform is, so that commands in this folder find it; take it back at the end."""
    RUNNING.parent.mkdir(exist_ok=True)
    RUNNING.touch(mode=0o600)
    body = {
        "bootstrap": platform.stack.bootstrap,
        "dsn": platform.stack.dsn,
        "network": platform.network,
        "pid": os.getpid(),
    }
    RUNNING.write_text(json.dumps(body), encoding="utf-8")
    try:
        yield
    finally:
        RUNNING.unlink(missing_ok=True)


def wait_for_ctrl_c() -> None:
    """Block until SIGINT or SIGTERM."""
    stop = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    while not stop:
        signal.pause()


def worker() -> None:
    """Run one worker in this process, settings from LIANYUN_* variables."""
    settings = CliSettings()
    os.environ.setdefault("LIANYUN_BOOTSTRAP", settings.bootstrap)
    os.environ.setdefault("LIANYUN_DSN", settings.dsn.get_secret_value())
    runpy.run_module("services.processors", run_name="__main__")
