"""The baseline makes what the migrations that it replaces made, and a database that had them goes on as if it had the baseline."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.audit.fsck.check import fsck
from services.audit.fsck.registers import check_release, check_trail
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Finding, Findings
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.generations import create_generation, drop_generation, switch_generation
from services.ledger.storage.migrate import FOLDER, migrate, migrations
from services.ledger.storage.migration import baseline
from services.ledger.storage.schema_window import schema_status
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.releases.comparison import schema
from tests.support.releases.previous import command, environment, previous_release

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return previous_release(tmp_path_factory.mktemp("baseline") / "release", baseline().commit)


@pytest.fixture
def upgraded(postgres: DatabaseAddress, release: Path, tmp_path: Path) -> str:
    """A database that the release itself has migrated."""
    dsn = postgres.fresh_database("baseline_upgraded")
    subprocess.run(
        command("services.cli", "db", "migrate"),
        env=environment(str(release), {"LIANYUN_DSN": dsn}),
        cwd=tmp_path,
        check=True,
    )
    return dsn


def rows(dsn: str) -> list[tuple[int, str, str]]:
    with psycopg.connect(dsn) as session:
        return session.execute(
            "SELECT number, name, checksum FROM lianyun.migration ORDER BY number"
        ).fetchall()


def made(dsn: str, files: Iterable[Path]) -> tuple[object, ...]:
    with psycopg.connect(dsn) as session:
        session.execute("CREATE SCHEMA lianyun")
        for file in files:
            session.execute(file.read_bytes(), prepare=False)
        session.commit()
        first = "SELECT r, e FROM lianyun.registry_version r, lianyun.exporter_cursor e"
        return schema(dsn), session.execute(first).fetchall()


def test_the_baseline_makes_what_the_replaced_migrations_made(
    postgres: DatabaseAddress, release: Path
) -> None:
    replaced = sorted((release / "services" / "storage" / "migrations").glob("*.sql"))
    assert {int(each.name[:4]) for each in replaced} == set(baseline().replaces)
    before = made(postgres.fresh_database("baseline_before"), replaced)
    assert before == made(postgres.fresh_database("baseline_since"), [FOLDER / "0027_baseline.sql"])


def test_a_database_of_the_release_goes_forward_and_keeps_its_history(
    postgres: DatabaseAddress, upgraded: str
) -> None:
    history = [(number, *named) for number, named in baseline().replaces.items()]
    assert rows(upgraded) == history
    assert migrate(upgraded) == [each.name for each in migrations()[1:]]
    assert rows(upgraded)[: len(history)] == history
    assert migrate(upgraded) == []
    fresh = postgres.fresh_database("baseline_fresh")
    assert migrate(fresh) == [each.name for each in migrations()]
    with psycopg.connect(
        upgraded
    ) as session:  # its state is empty: a generation of the present rules is the replay of it
        create_generation(session, 2)
        switch_generation(session, 2)
        drop_generation(session, 1)
    assert schema(upgraded) == schema(fresh)
    for dsn in (upgraded, fresh):
        assert fsck(dsn, "demo").findings == ()
    with psycopg.connect(upgraded) as session:
        assert release_and_trail(session) == ()
        for damage, problem in CHANGED_HISTORY.items():
            session.execute(damage.encode())
            (found,) = (each for each in release_and_trail(session) if each.kind is Damage.RELEASE)
            assert problem in found.stored
            with pytest.raises(MigrationError, match=problem):
                schema_status(session)
            session.rollback()


CHANGED_HISTORY = {
    "UPDATE lianyun.migration SET checksum = 'another' WHERE number = 5": "0005_worker_slot was changed",
    "DELETE FROM lianyun.migration WHERE number = 5": "0005_worker_slot comes before",
    "INSERT INTO lianyun.migration (number, name, checksum) VALUES (20, '0020_x', '')": "0020_x was applied here",
}


def release_and_trail(session: psycopg.Connection[Any]) -> tuple[Finding, ...]:
    snapshot, findings = Snapshot(session), Findings()
    check_release(snapshot, findings)
    check_trail(snapshot, findings)
    return findings.report(0.0).findings


def test_a_database_of_an_earlier_release_goes_through_that_one_first(upgraded: str) -> None:
    with psycopg.connect(upgraded) as session:
        session.execute("DELETE FROM lianyun.migration WHERE number > 23")
    with pytest.raises(MigrationError, match=f"release of commit {baseline().commit[:12]} .* first"):
        migrate(upgraded)
