"""Migrations: once each, in order, by one process at a time, and never changed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from services.api import context
from services.arrival.store import follower as arrival
from services.cases.store import follower as cases
from services.cli import database_upkeep
from services.cli.main import app
from services.credit.store import follower as credit
from services.documents.pint import settings as exchange
from services.ledger.storage import migrate as migrating
from services.ledger.storage import session as sessions
from services.ledger.storage.errors import GenerationMoved, MigrationError, SchemaMoved
from services.ledger.storage.generations import (
    create_generation,
    current_generation,
    drop_generation,
    switch_generation,
)
from services.ledger.storage.migrate import FOLDER, migrate, migrations
from services.ledger.storage.migration import Phase, Released
from services.ledger.storage.schema_window import describe_older_sessions, require_schema, schema_status
from services.ledger.storage.session import announce_release, open_session, sessions_older_than
from services.ledger.storage.writer import Writer
from services.monitoring.exporter import process as exporter
from services.notifications.webhooks import process as webhooks
from services.pages import context as pages_context
from services.pages.subscriptions import follower as notifications
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency import sequencer
from tests.support.storage.writers import no_letters, start

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
    changed = folder / "0027_baseline.sql"
    changed.write_bytes(changed.read_bytes() + b"-- more\n")
    with pytest.raises(MigrationError, match="0027_baseline was changed"):
        migrate(empty, folder)


def test_a_database_of_a_newer_release_is_refused(empty: str, tmp_path: Path) -> None:
    newer = copied(tmp_path) / "9000_later.sql"
    newer.write_text("-- deploy: after\nSELECT 1")
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


def put(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.sql").write_text(text)


def columns(dsn: str, table: str) -> set[str]:
    with psycopg.connect(dsn) as session:
        rows = session.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (table,),
        ).fetchall()
    return {name for (name,) in rows}


def test_a_deployment_has_its_migrations_before_and_after_it(empty: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    migrate(empty, folder)
    put(folder, "9001_adds", "ALTER TABLE lianyun.topic ADD COLUMN title text")
    put(folder, "9002_takes_away", "-- deploy: after\nALTER TABLE lianyun.topic DROP COLUMN name")
    put(folder, "9003_adds_more", "-- deploy: before\nALTER TABLE lianyun.topic ADD COLUMN more text")
    with pytest.raises(MigrationError, match="9001_adds, 9003_adds_more comes first"):
        migrate(empty, folder, Phase.AFTER)
    with psycopg.connect(empty) as session, pytest.raises(SchemaMoved, match="lianyun db migrate --before"):
        require_schema(session, folder)
    with psycopg.connect(empty) as session:
        require_schema(session)  # of the release that runs
    assert migrate(empty, folder, Phase.BEFORE) == ["9001_adds", "9003_adds_more"]
    assert columns(empty, "lianyun.topic") == {"no", "name", "title", "more"}
    with psycopg.connect(empty) as session:
        require_schema(session)
        require_schema(session, folder)
    assert migrate(empty, folder, Phase.AFTER) == ["9002_takes_away"]
    with psycopg.connect(empty) as session:
        require_schema(session, folder)
        with pytest.raises(SchemaMoved, match="9002_takes_away"):
            require_schema(session)
    with pytest.raises(GenerationMoved, match="start that release"):
        Writer(empty, no_letters)


def test_on_an_empty_database_there_is_nothing_to_deploy_beside(empty: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    put(folder, "9001_old", "-- deploy: after\nSELECT 1")
    assert migrate(empty, folder, Phase.BEFORE)[-1] == "9001_old"


def test_what_the_last_deployment_left_over_comes_first(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tmp_path)
    migrate(empty, folder)
    put(folder, "9001_old", "-- deploy: after\nSELECT 1")
    put(folder, "9002_new", "SELECT 1")
    monkeypatch.setattr(migrating, "released", lambda: Released(9001, ""))
    with pytest.raises(MigrationError, match="9001_old of the release before was never run"):
        migrate(empty, folder, Phase.BEFORE)


def test_a_lock_that_is_not_to_be_had_keeps_nobody_else_waiting(
    empty: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copied(tmp_path)
    migrate(empty, folder)
    put(folder, "9001_waits", "ALTER TABLE lianyun.topic ADD COLUMN title text")
    done: list[str] = []
    with psycopg.connect(empty, application_name="in-the-way") as holder:
        holder.execute("SELECT count(*) FROM lianyun.topic")
        with pytest.raises(MigrationError, match=r"9001_waits did not get its locks .* in-the-way \(pid"):
            migrate(empty, folder, patience=0)
        caplog.clear()
        running = start("waits", lambda: done.extend(migrate(empty, folder)))
        written = 0
        with psycopg.connect(empty, autocommit=True, options="-c lock_timeout=20s") as writer:
            while len([r for r in caplog.records if "is tried again" in r.message]) < 3:
                writer.execute("INSERT INTO lianyun.topic (name) VALUES (%s)", (f"t{written}",))
                written += 1
        assert not done
        holder.commit()
        running.join()
    assert done == ["9001_waits"]
    with psycopg.connect(empty) as session:
        assert session.execute("SELECT count(*) FROM lianyun.topic").fetchone() == (written,)


def test_an_index_is_built_beside_writers_and_again_where_it_was_left_half_done(
    empty: str, tmp_path: Path
) -> None:
    folder = copied(tmp_path)
    migrate(empty, folder)
    with psycopg.connect(empty, autocommit=True) as session:
        session.execute("INSERT INTO lianyun.fence_log (owner, what) VALUES ('a', 'x'), ('a', 'x')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("CREATE UNIQUE INDEX CONCURRENTLY fence_log_owner ON lianyun.fence_log (owner)")
    put(
        folder,
        "9001_index",
        "-- deploy: before, outside a transaction\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS fence_log_owner\n    ON lianyun.fence_log (owner, what);\n"
        "CREATE OR REPLACE VIEW lianyun.fences AS SELECT 1 AS one;\n",
    )
    assert migrate(empty, folder) == ["9001_index"]
    with psycopg.connect(empty) as session:
        index = "SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = 'lianyun.fence_log_owner'::regclass"
        assert session.execute(index).fetchone() == (True, False)
        assert session.execute("SELECT one FROM lianyun.fences").fetchone() == (1,)
        applied = "SELECT phase FROM lianyun.migration WHERE number = 9001"
        assert session.execute(applied).fetchone() == ("before",)


def test_a_partition_of_an_older_release_gets_its_index(empty: str) -> None:
    migrate(empty)
    indexed = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('lianyun.body_0_published')"
    with psycopg.connect(empty, autocommit=True) as session:
        session.execute("DROP INDEX lianyun.body_0_published")
        assert migrate(empty) == []
        assert session.execute(indexed).fetchall() == [(True,)]


def test_a_release_that_is_started_again_has_nothing_to_do(empty: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    put(folder, "9001_adds", "ALTER TABLE lianyun.topic ADD COLUMN title text")
    migrate(empty, folder)
    assert migrate(empty, phase=Phase.BEFORE) == []
    assert migrate(empty) == []


def test_the_plan_names_what_is_to_be_applied_when_and_what_it_locks(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANYUN_DSN", empty)
    monkeypatch.setenv("COLUMNS", "300")
    migrate(empty)
    assert CliRunner().invoke(app, ["db", "plan"]).output == "nothing to do\n"
    with psycopg.connect(empty) as session:
        session.execute("DELETE FROM lianyun.migration WHERE number > 27")
        session.execute(
            "INSERT INTO lianyun.migration (number, name, checksum) VALUES (9001, '9001_newer', '')"
        )
    put(copied(tmp_path), "9000_index", "CREATE INDEX more ON lianyun.dead_letter (reason)")
    monkeypatch.setattr(database_upkeep, "schema_status", partial(schema_status, folder=tmp_path))
    told = CliRunner().invoke(app, ["db", "plan"]).output
    assert "9001_newer was applied by a newer release, before its deployment" in told
    assert all(m.name in told for m in migrations() if m.number > 27)
    assert "9000_index" in told
    assert "SHARE on lianyun.dead_letter" in told
    assert "build it CONCURRENTLY" in told
    refused = CliRunner().invoke(app, ["db", "migrate", "--before", "--after"])
    assert refused.exit_code != 0


def test_what_is_taken_away_waits_until_nobody_of_an_older_release_is_at_work(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one that did not say of which release it is."""
    folder = copied(tmp_path)
    migrate(empty, folder)
    put(folder, "9001_takes_away", "-- deploy: after\nALTER TABLE lianyun.topic DROP COLUMN name")
    monkeypatch.setattr(sessions, "last_known", lambda: 9001)
    with (
        open_session(empty),
        open_session(empty, "lianyun-api"),
        psycopg.connect(empty, autocommit=True) as looking,
    ):
        assert sessions_older_than(looking, 9001) == {}, "all of this release, which knows it"
        with psycopg.connect(empty, application_name="lianyun-api") as silent:
            assert sessions_older_than(looking, 9001) == {"lianyun-api": [silent.info.backend_pid]}
            with pytest.raises(MigrationError, match=r"9001_takes_away .* at work: lianyun-api \(pid \d+\)"):
                migrate(empty, folder, Phase.AFTER, patience=0)
            with pytest.raises(MigrationError, match="Nothing was done"):
                migrate(empty, folder, patience=0)
            announce_release(silent, 9000)
            assert list(sessions_older_than(looking, 9001)) == ["lianyun-api"], (
                "it says that it is of an older one"
            )
            found = schema_status(looking, folder)
            assert describe_older_sessions(looking, found) == f"lianyun-api (pid {silent.info.backend_pid})"
            done: list[str] = []
            running = start("after", lambda: done.extend(migrate(empty, folder, Phase.AFTER)))
        running.join()  # those that end meanwhile are waited for
    assert done == ["9001_takes_away"]


def test_the_owner_sees_sessions_of_roles_that_are_not_its_own(empty: str, postgres: DatabaseAddress) -> None:
    """Migrations run as the owner of the schema, who is no superuser and may not see what others do."""
    migrate(empty)
    head, _, _ = getattr(postgres, "admin_dsn", postgres.dsn).rpartition("/")
    others = f"{head}/storage_migrations"
    with psycopg.connect(empty) as looking, psycopg.connect(others, application_name="lianyun") as other:
        assert sessions_older_than(looking, 1) == {"lianyun": [other.info.backend_pid]}


def test_every_process_that_goes_on_is_known_by_the_name_of_its_sessions() -> None:
    names = {
        each.APPLICATION
        for each in (
            sessions,
            context,
            arrival,
            cases,
            credit,
            exchange,
            exporter,
            notifications,
            pages_context,
            sequencer,
            webhooks,
        )
    }
    assert names == set(sessions.SERVING)
