"""`lianyun doctor`: everything that breaks a first run or the next night, each with the command that mends it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
import typer

from services.cli.exits import Exit
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.core.rules import fold_version
from services.topics import cluster
from services.topics.declaration import read_declaration

DAY = 86_400
CONNECTION = {"connect_timeout": 3, "application_name": "lianyun-doctor"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: ``ok`` or not, what was found, and what mends it."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Check what a platform needs: versions, disk, clock, broker, topics, database, workers. Exit 3 on a finding."""
    checks = list(_checks(CliSettings()))
    if as_json:
        print_json(
            {"checks": [{"name": c.name, "ok": c.ok, "found": c.found, "mend": c.mend} for c in checks]}
        )
    else:
        print_table(
            ("", "check", "found", "to do"),
            [("ok" if c.ok else "!!", c.name, c.found, c.mend) for c in checks],
        )
    findings = sum(not check.ok for check in checks)
    if findings:
        if not as_json:
            out.print(f"{findings} findings")
        raise typer.Exit(Exit.FINDINGS)


def _checks(settings: CliSettings) -> Iterator[Check]:
    yield from _machine()
    yield from _guarded("broker", lambda: _broker(settings))
    yield from _guarded("database", lambda: _database(settings))


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except (psycopg.Error, cluster.ClusterError) as problem:
        first = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        mend = "check LIANYUN_BOOTSTRAP" if name == "broker" else "check LIANYUN_DSN; lianyun db migrate"
        yield Check(name, False, first, f"{mend}, or start a platform here with: make up")


def _machine() -> Iterator[Check]:
    version = platform.python_version_tuple()
    good = ("3", "11") <= version[:2] <= ("3", "13")
    yield Check("python", good, platform.python_version(), "" if good else "use Python 3.11 to 3.13")
    for name in ("faust-streaming", "aiokafka", "kafka-python", "psycopg", "PyNaCl"):
        try:
            yield Check(name, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, False, "not installed", "make setup")
    free = shutil.disk_usage(Path.cwd()).free
    yield Check(
        "disk here",
        free > 2 << 30,
        f"{free / (1 << 30):.1f} GiB free",
        "" if free > 2 << 30 else "free some disk",
    )
    offset = datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo("Asia/Almaty")).utcoffset()
    fresh = offset is not None and offset.total_seconds() == 5 * 3_600
    yield Check(
        "time zones", fresh, f"Kazakhstan is UTC{offset}", "" if fresh else "pip install --upgrade tzdata"
    )


def _broker(settings: CliSettings) -> Iterator[Check]:
    if not settings.bootstrap:
        yield Check("broker", False, "none is configured", "set LIANYUN_BOOTSTRAP, or: make up")
        return
    with cluster.admin_client(settings.bootstrap) as admin:
        yield Check("broker", True, settings.bootstrap)
        plan = cluster.make_plan(admin, read_declaration())
        found = (
            "as declared"
            if plan.done
            else f"{len(plan.actions)} differences, {len(plan.conflicts)} conflicts"
        )
        yield Check(
            "topics", plan.done, found, "" if plan.done else "lianyun topics plan; lianyun topics apply"
        )


def _database(settings: CliSettings) -> Iterator[Check]:
    dsn = settings.dsn.get_secret_value()
    if not dsn:
        yield Check("database", False, "none is configured", "set LIANYUN_DSN, or: make up")
        return
    with psycopg.connect(dsn, **CONNECTION) as connection:  # type: ignore[arg-type]
        version = connection.info.server_version // 10_000
        yield Check(
            "database",
            version >= 15,
            f"PostgreSQL {version}",
            "" if version >= 15 else "use PostgreSQL 15 to 18",
        )
        yield _durable(connection)
        skew = abs(float(_one(connection, "SELECT extract(epoch FROM clock_timestamp())")) - time.time())
        yield Check(
            "clock",
            skew < 5,
            f"{skew:.1f} s from the database's",
            "" if skew < 5 else "synchronise the clocks",
        )
        current = _one(connection, "SELECT fold_version FROM lianyun.generation WHERE state = 'CURRENT'")
        same = current == fold_version()
        yield Check(
            "fold version", same, f"state {current}, code {fold_version()}", "" if same else "lianyun replay"
        )
        parties = _one(connection, "SELECT count(*) FROM lianyun.party")
        yield Check("parties", parties > 0, f"{parties} registered", "" if parties else "lianyun party add")
        stopped = _one(
            connection,
            "SELECT count(*) FROM lianyun.kafka_offset o WHERE o.owner IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM pg_stat_activity a WHERE a.pid = o.backend AND a.backend_start = o.backend_start)",
        )
        yield Check(
            "partitions",
            stopped == 0,
            f"{stopped} without a live worker",
            "" if not stopped else "start workers: lianyun worker",
        )
        letters = _one(connection, "SELECT count(*) FROM lianyun.dead_letter WHERE state = 'OPEN'")
        yield Check(
            "dead letters", letters < 1_000, f"{letters} open", "" if letters < 1_000 else "lianyun dlq list"
        )
        yield from _days_left(connection)


def _durable(connection: psycopg.Connection[Any]) -> Check:
    row = connection.execute(
        "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
    ).fetchone()
    good = row == ("on", "on")
    return Check("durability", good, f"fsync, synchronous_commit = {row}", "" if good else "turn both on")


def _days_left(connection: psycopg.Connection[Any]) -> Iterator[Check]:
    """Days until the disk of the data folder is full at the growth of the last day; only where it can be seen."""
    size = _one(connection, "SELECT pg_database_size(current_database())")
    row = connection.execute(
        "SELECT coalesce(sum(events), 0), coalesce(extract(epoch FROM max(at) - min(at)), 0), (SELECT coalesce(sum(events), 0)"
        " FROM lianyun.batch) FROM lianyun.batch WHERE at > clock_timestamp() - interval '1 day'"
    ).fetchone()
    recent, seconds, total = (float(value) for value in row) if row else (0.0, 0.0, 0.0)
    try:
        folder = Path(str(_one(connection, "SELECT current_setting('data_directory')")))
        free = shutil.disk_usage(folder).free
    except (psycopg.Error, OSError):
        connection.rollback()
        yield Check(
            "database disk", True, f"{size / (1 << 30):.2f} GiB used; its disk cannot be seen from here"
        )
        return
    if total < 1_000 or seconds < 60:
        yield Check(
            "database disk", free > 2 << 30, f"{free / (1 << 30):.1f} GiB free, too few events for a forecast"
        )
        return
    growth = size / total * recent * DAY / seconds
    days = free / growth if growth else float("inf")
    good = days > 14
    mend = "" if good else "add disk, or shorten retention (lianyun db retain --help)"
    yield Check(
        "database disk", good, f"{free / (1 << 30):.1f} GiB free: {days:,.0f} days at the present rate", mend
    )


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]
