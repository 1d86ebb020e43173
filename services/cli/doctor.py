"""`lianyun doctor`: checks of everything that the platform needs, each finding with the command that repairs it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from services.cli.checks import broker, containers, database, machine, monitoring, workers
from services.cli.checks.check import Check, guarded
from services.cli.commands import part
from services.cli.exits import Exit
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.cli.settings import RUNNING, CliSettings
from services.processors.topics import cluster
from services.processors.topics.declaration import Declaration, DeclarationError, read_declaration

_LOCAL_DATA = Path(".lianyun") / "data"
_OPTIONS = "-c lock_timeout=3s -c statement_timeout=30s"


def doctor(
    in_containers: Annotated[
        bool,
        typer.Option(
            "--containers", help="Also what infra/docker-compose.yml needs: engine, Compose, ports."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check what a platform needs: machine, disk, clock, broker, topics, database, workers, keys. Exit 3 on a finding."""
    checks = list(examine(CliSettings(), in_containers))
    findings = sum(not check.ok for check in checks)
    if as_json:
        plain = [{"name": c.name, "ok": c.ok, "found": c.found, "why": c.why, "mend": c.mend} for c in checks]
        print_json({"findings": findings, "checks": plain})
    else:
        rows = [("ok" if c.ok else "!!", c.name, c.found, c.why, c.mend) for c in checks]
        print_table(("", "check", "found", "why it matters", "to do"), rows)
        if findings:
            out.print(f"{findings} findings")
    if findings:
        raise typer.Exit(Exit.FINDINGS)


def examine(settings: CliSettings, in_containers: bool = False) -> Iterator[Check]:
    """Run all checks; a part that does not answer is a finding and does not stop the others."""
    yield from machine.look()
    if find_spec("services.testbed") and (not settings.bootstrap or RUNNING.exists()):
        yield from part("testbed.localstack.checks").look()
    if in_containers:
        yield from containers.look()
    yield monitoring.targets(settings.prometheus_url, os.environ)
    yield monitoring.receivers(settings.alertmanager_url, os.environ)
    yield monitoring.grafana()
    try:
        declaration = read_declaration()
    except DeclarationError as wrong:
        yield Check("declaration", False, str(wrong), "correct the file, or name another: LIANYUN_TOPICS")
        return
    start = "start a platform here with: make up"
    answers = False
    for check in guarded(
        "broker",
        lambda: broker.look(settings.bootstrap, declaration, settings.network, settings.kafka_security()),
        (cluster.ClusterError,),
        f"check LIANYUN_BOOTSTRAP and the broker's log, or {start}",
    ):
        answers = check.ok if check.name == "broker" else answers
        yield check
    yield from guarded(
        "database",
        lambda: _stored(settings, declaration, settings.bootstrap if answers else ""),
        (psycopg.Error, cluster.ClusterError),
        f"check LIANYUN_DSN and the database's log, or {start}",
    )


def _stored(settings: CliSettings, declaration: Declaration, bootstrap: str) -> Iterator[Check]:
    dsn = settings.dsn.get_secret_value()
    if not dsn:
        yield Check("database", False, "none is configured", "set LIANYUN_DSN=postgresql://..., or: make up")
        return
    with psycopg.connect(
        dsn, connect_timeout=3, application_name="lianyun-doctor", options=_OPTIONS, autocommit=True
    ) as connection:
        schema = True
        for check in database.look(connection, declaration):
            schema = schema and (check.ok or check.name != "migrations")
            yield check
        if not schema:
            return
        yield database.disk_space(
            connection, _LOCAL_DATA if RUNNING.exists() and _LOCAL_DATA.exists() else None
        )
        yield database.webhooks(connection)
        yield database.documents(connection)
        yield from _working(connection, bootstrap, settings.kafka_security())


def _working(
    connection: psycopg.Connection[Any], bootstrap: str, security: Mapping[str, Any]
) -> Iterator[Check]:
    yield workers.workers(connection)
    held = workers.ledger(connection)
    yield workers.claims(held)
    if not bootstrap or not held:
        return
    log = broker.compared(bootstrap, security, {where: claim.last for where, (claim, _) in held.items()})
    yield workers.stopped(held, log)
    yield workers.waiting(held, log)
