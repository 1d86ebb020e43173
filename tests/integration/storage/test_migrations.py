"""Migrations: once each, in order, by one process at a time, and never changed."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from services.localstack.engine import DatabaseAddress
from services.storage.errors import GenerationMoved, MigrationError
from services.storage.generations import (
    create_generation,
    current_generation,
    drop_generation,
    switch_generation,
)
from services.storage.migrate import FOLDER, migrate, migrations
from tests.storing.harness import start

pytestmark = pytest.mark.integration


@pytest.fixture
def empty(postgres: DatabaseAddress) -> str:
    return postgres.fresh_database("storage_migrations")


def test_each_is_applied_once(empty: str) -> None:
    assert migrate(empty) == [m.name for m in migrations()]
    assert migrate(empty) == []


def test_two_processes_at_once_do_not_meet(empty: str) -> None:
    done: list[list[str]] = []
    running = [start(f"migrating-{n}", lambda: done.append(migrate(empty))) for n in range(3)]
    for each in running:
        each.join()
    assert sorted(map(len, done)) == [0, 0, len(migrations())]


def copied(folder: Path) -> Path:
    for path in FOLDER.glob("*.sql"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_a_file_that_changed_after_it_was_applied_is_refused(empty: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    migrate(empty, folder)
    changed = folder / "0001_schema.sql"
    changed.write_bytes(changed.read_bytes() + b"-- more\n")
    with pytest.raises(MigrationError, match="0001_schema was changed"):
        migrate(empty, folder)


def test_a_database_of_a_newer_release_is_refused(empty: str, tmp_path: Path) -> None:
    newer = copied(tmp_path) / "9000_later.sql"
    newer.write_text("SELECT 1")
    migrate(empty, tmp_path)
    newer.unlink()
    with pytest.raises(MigrationError, match="9000_later"):
        migrate(empty, tmp_path)


def test_a_failing_file_leaves_nothing_of_itself(empty: str, tmp_path: Path) -> None:
    bad = copied(tmp_path) / "9000_bad.sql"
    bad.write_text("CREATE TABLE lianyun.half (a integer); SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, tmp_path)
    with psycopg.connect(empty) as session:
        assert session.execute("SELECT to_regclass('lianyun.half')").fetchone() == (None,)
    bad.write_text("CREATE TABLE lianyun.half (a integer)")
    assert migrate(empty, tmp_path) == ["9000_bad"]


def test_a_generation_is_built_beside_the_current_one_and_takes_over(empty: str) -> None:
    migrate(empty)
    with psycopg.connect(empty) as session:
        create_generation(session, 2)
        assert current_generation(session) == 1
        switch_generation(session, 2)
        assert current_generation(session) == 2
        session.execute("INSERT INTO g2.dead VALUES (gen_random_uuid(), 1)")
        assert session.execute("SELECT count(*) FROM lianyun.dead").fetchone() == (1,)
        drop_generation(session, 1)


def test_a_generation_of_other_rules_is_not_written_to(empty: str) -> None:
    migrate(empty)
    with psycopg.connect(empty) as session:
        session.execute("UPDATE lianyun.generation SET fold_version = 'other'")
        with pytest.raises(GenerationMoved, match="rebuild"):
            current_generation(session)
