"""Backup, restore and recovery, walked through on servers that are destroyed: real Kafka, real PostgreSQL programs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.monitoring.artefacts import ROOT
from services.testbed.localstack.engine import BrokerAddress
from services.testbed.localstack.home import unprivileged_account
from tests.integration.runbooks.ground import Ground
from tests.integration.runbooks.own_server import NEEDED, OwnServer, programs
from tests.support.runbooks.walk import Walk

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder_of_programs() -> Path:
    found = programs()
    if found is None:
        pytest.skip(f"NOT RUN: no folder with {', '.join(NEEDED)}; install PostgreSQL, or `make setup`")
    return found


@pytest.fixture
def server(folder_of_programs: Path) -> Iterator[OwnServer]:
    opened = OwnServer(folder_of_programs, with_roles=True, epoch=3)
    yield opened
    opened.close()


def doctor(ground: Ground) -> dict[str, dict[str, object]]:
    return {c["name"]: c for c in json.loads((ground.folder / "doctor.json").read_text())["checks"]}


@pytest.mark.long
def test_backup_and_restore(
    broker: BrokerAddress, server: OwnServer, folder_of_programs: Path, tmp_path: Path
) -> None:
    ground = Ground(broker.bootstrap, server.dsn, tmp_path)
    ground.found()
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "financing-keys.json").write_text("{}")
    variables = {"ADMIN": server.admin, "BACKUP": str(tmp_path / "backup"), "KEYS": str(keys)}
    page = Walk("backup-and-restore", tmp_path, ground.environment(**variables), folder_of_programs)
    with page.running("lianyun worker"):
        ground.publish(30)
        ground.applied()
        page.do("Back up")
        page.do("Back up")
        lost = ground.query("SELECT max(nextval('lianyun.financing_number')) FROM generate_series(1, 40)")
        ground.publish(30)
        ground.applied()
        without_accident = ground.state()
    server.close()
    fresh = OwnServer(folder_of_programs, with_roles=False)
    try:
        page.set(ADMIN=fresh.admin, LIANYUN_DSN=fresh.dsn, PGDATA=str(fresh.data))
        page.set(BACKUP=given_to_the_server(tmp_path / "backup", fresh))
        ground.dsn = fresh.dsn
        page.do("Restore")
        assert ground.stored() == 30, "what the backup held"
        with psycopg.connect(fresh.dsn) as session:
            assert latest(session) > counter(session), "the new server counts from the beginning"
        assert ground.run("events", "tail", "--limit", "100") == "", (
            "so that nobody who follows sees anything"
        )
        page.do("Raise the transaction counter", as_server=True)
        page.do("Before the workers start")
        assert doctor(ground)["transaction counter"]["ok"]
        next_number = ground.query("SELECT nextval('lianyun.financing_number')")
        assert next_number > lost, "the number of a decision that was lost is not given to another"
        with page.beside("Start"):
            ground.applied()
            told = page.do("Check")
        assert ground.state() == without_accident
        assert told.count("walk-") >= 20
        assert len(ground.run("events", "tail", "--limit", "100").splitlines()) == 60, (
            "who follows misses nothing"
        )
    finally:
        fresh.close()
    page.whole()


def counter(session: psycopg.Connection[tuple[object, ...]]) -> int:
    row = session.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric").fetchone()
    assert row is not None
    return int(str(row[0]))


def latest(session: psycopg.Connection[tuple[object, ...]]) -> int:
    row = session.execute("SELECT max(xid::text::numeric) FROM lianyun.batch").fetchone()
    assert row is not None
    return int(str(row[0]))


def given_to_the_server(backup: Path, server: OwnServer) -> str:
    """Bring the backup to the machine of the server, where its account can read it; returns where it is."""
    there = server.folder / "backup"
    shutil.copytree(backup, there)
    account = unprivileged_account()
    if account is not None:
        for path in (there, *there.rglob("*")):
            os.chown(path, account.uid, account.gid)
    return str(there)


@pytest.mark.long
def test_point_in_time_recovery(
    broker: BrokerAddress, server: OwnServer, folder_of_programs: Path, tmp_path: Path
) -> None:
    ground = Ground(broker.bootstrap, server.dsn, tmp_path)
    ground.found()
    wal = server.folder / "wal"
    wal.mkdir()
    wal.chmod(0o777)
    page = Walk(
        "point-in-time-recovery",
        tmp_path,
        ground.environment(
            PGDATA=str(server.data), LIANYUN_WAL=str(wal), LIANYUN_INFRA=infra_for(server),
            ADMIN=server.admin, BACKUP=str(server.folder / "base"),
        ),
        folder_of_programs,
    )  # fmt: skip
    page.do("Turn archiving on", as_server=True)
    with page.running("lianyun worker"):
        ground.publish(20)
        ground.applied()
        page.do("Base backup", as_server=True)
        ground.publish(20)
        ground.applied()
        ((moment,),) = ground.query("SELECT clock_timestamp()::text")
        ground.publish(20)
        ground.applied()
        without_accident = ground.state()
    with psycopg.connect(server.dsn) as session:  # the accident
        session.execute("DELETE FROM lianyun.identity")
        session.execute("DELETE FROM lianyun.body")
    page.set(MOMENT=moment)
    page.do("Recover", as_server=True)
    assert ground.stored() == 40, "everything up to that moment, the log beyond the archive included"
    page.do("Before the workers start")
    with page.beside("Start"):
        ground.applied()
        page.do("Check")
    assert ground.state() == without_accident
    assert len(ground.run("events", "tail", "--limit", "100").splitlines()) == 60
    page.whole()


def infra_for(server: OwnServer) -> str:
    """The folder of the release, where the server's account can read it."""
    there = server.folder / "infra"
    shutil.copytree(ROOT / "infra" / "postgres", there / "postgres")
    there.chmod(0o755)
    return str(there)
