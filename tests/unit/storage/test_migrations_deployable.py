"""No migration behind the release that runs breaks it or holds it up; and whoever writes one that would is told so."""

from __future__ import annotations

import pytest

from services.ledger.storage.ddl import effects, faults, statements
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.migration import Baseline, Migration, Phase, baseline, migrations, released
from services.ledger.storage.schema_window import AppliedMigration, compare_schema

KNOWN = migrations()


@pytest.mark.parametrize("migration", [m for m in KNOWN if m.number > released().level], ids=lambda m: m.name)
def test_a_migration_may_run_when_its_header_says(migration: Migration) -> None:
    assert list(faults(migration)) == []


def test_the_level_of_the_release_is_a_migration() -> None:
    assert released().level in {m.number for m in KNOWN}
    assert len(released().commit) == 40


def said(text: str, header: str = "before") -> str:
    return "\n".join(faults(Migration(9000, "9000_try", f"-- deploy: {header}\n{text};\n".encode())))


BREAKING = [
    "DROP TABLE lianyun.batch",
    "DROP INDEX lianyun.claim_no",
    "ALTER TABLE lianyun.batch DROP COLUMN taken",
    "ALTER TABLE lianyun.batch RENAME COLUMN taken TO had",
    "ALTER TABLE lianyun.batch RENAME TO batches",
    "ALTER TABLE lianyun.batch ADD COLUMN more text NOT NULL",
    "ALTER TABLE lianyun.batch ADD COLUMN some text, ADD COLUMN more text NOT NULL",
    "ALTER TABLE lianyun.batch ALTER COLUMN taken SET NOT NULL",
    "ALTER TABLE lianyun.batch ALTER COLUMN taken TYPE bigint",
    "ALTER TABLE lianyun.batch ALTER taken DROP DEFAULT",
    "ALTER TABLE lianyun.batch ADD CONSTRAINT few CHECK (events < 9) NOT VALID",
    "CREATE UNIQUE INDEX batch_at ON lianyun.batch (at)",
    "TRUNCATE lianyun.batch",
    "DELETE FROM lianyun.batch WHERE taken = 0",
    "UPDATE lianyun.batch SET taken = 0",
    "REVOKE SELECT ON lianyun.batch, lianyun.body FROM lianyun_worker",
    "DO $$ BEGIN IF true THEN ALTER TABLE lianyun.batch DROP COLUMN taken; END IF; END $$",
    "DO $$ DECLARE made record; BEGIN FOR made IN SELECT 1 LOOP EXECUTE format('ALTER TABLE %I.head '"
    " 'DROP COLUMN boxes', made.name); END LOOP; END $$",
]


@pytest.mark.parametrize("text", BREAKING)
def test_what_breaks_the_release_that_runs_comes_after(text: str) -> None:
    told = said(text)
    assert "9000_try runs before the deployment" in told
    assert "begins with `-- deploy: after`" in told
    assert "runs before the deployment" not in said(text, "after")


BLOCKING = [
    "CREATE INDEX batch_at ON lianyun.batch (at)",
    "ALTER TABLE lianyun.batch ADD COLUMN at2 timestamptz NOT NULL DEFAULT clock_timestamp()",
    "ALTER TABLE lianyun.batch ADD COLUMN no bigint GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE lianyun.batch ADD CONSTRAINT few CHECK (events < 9)",
    "ALTER TABLE lianyun.batch ALTER COLUMN taken TYPE bigint",
    "VACUUM FULL lianyun.batch",
    "DO $$ BEGIN EXECUTE format('CREATE INDEX IF NOT EXISTS x ON %I.canonical (canonical)', 'g1'); END $$",
]


@pytest.mark.parametrize("text", BLOCKING)
@pytest.mark.parametrize("header", Phase)
def test_what_holds_everybody_up_comes_never(text: str, header: Phase) -> None:
    assert "hold nobody up" in said(text, header)


HARMLESS = [
    "CREATE TABLE lianyun.more (no bigint PRIMARY KEY, name text NOT NULL); CREATE INDEX more_name ON lianyun.more (name);"
    " ALTER TABLE lianyun.more ADD CONSTRAINT named CHECK (name <> ''); INSERT INTO lianyun.more VALUES (1, 'DROP TABLE x');"
    " REVOKE ALL ON lianyun.more FROM lianyun_reader",
    "ALTER TABLE lianyun.batch ADD COLUMN more text",
    "ALTER TABLE lianyun.batch ADD COLUMN more text NOT NULL DEFAULT ''",
    "ALTER TABLE lianyun.batch ALTER COLUMN taken DROP NOT NULL",
    "-- DROP TABLE lianyun.batch;\nCREATE VIEW lianyun.seen AS SELECT 1 -- ; DROP TABLE x",
    "CREATE OR REPLACE FUNCTION lianyun.f() RETURNS void LANGUAGE sql AS $$ DELETE FROM lianyun.batch; $$",
    "CREATE TRIGGER final BEFORE UPDATE ON lianyun.batch FOR EACH ROW EXECUTE FUNCTION lianyun.f()",
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles) THEN GRANT UPDATE ON lianyun.batch TO lianyun_api; END IF; END $$",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_adds_may_come_before(text: str) -> None:
    assert said(text) == ""


def test_concurrently_is_outside_a_transaction_and_repeatable() -> None:
    once = "CREATE INDEX CONCURRENTLY batch_at ON lianyun.batch (at)"
    assert "outside a transaction" in said(once)
    assert "IF NOT EXISTS" in said(once, "before, outside a transaction")
    assert said(once.replace("LY ", "LY IF NOT EXISTS "), "before, outside a transaction") == ""


def test_a_header_that_is_none_is_refused() -> None:
    wrong = Migration(9000, "9000_try", b"-- deploy: whenever\nSELECT 1")
    with pytest.raises(MigrationError, match="`-- deploy: before` or `-- deploy: after`"):
        _ = wrong.phase
    assert Migration(9000, "9000_try", b"SELECT 1").phase is Phase.BEFORE


def test_statements_are_told_apart_whatever_stands_in_texts_and_comments() -> None:
    text = "SELECT ';' AS \"a;b\"; /* ; */ DO $x$ BEGIN NULL; END $x$; -- ;\nSELECT 'it''s; so'"
    assert [each.split(" ")[0] for each in statements(text)] == ["SELECT", "DO", "SELECT"]
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3"
    assert len(statements(body)) == 2


def test_locks_are_known() -> None:
    told = {
        effect.statement.split(" ")[0]: effect
        for effect in effects("ALTER TABLE lianyun.party ADD COLUMN x text")
    }
    assert (told["ALTER"].lock, told["ALTER"].on) == ("ACCESS EXCLUSIVE", "lianyun.party")


def of(number: int, phase: Phase = Phase.BEFORE) -> Migration:
    return Migration(number, f"{number:04}_x", f"-- deploy: {phase}\nSELECT 1".encode())


def applied(*given: Migration) -> list[AppliedMigration]:
    return [AppliedMigration(m.number, m.name, m.checksum, m.phase) for m in given]


def test_a_database_is_set_beside_the_files() -> None:
    one, two, three = of(1), of(2, Phase.AFTER), of(3)
    stands = compare_schema([one, two, three], applied(one, three))
    assert (stands.lacking, stands.left_over, stands.beyond) == ((), ("0002_x",), ()), (
        "what is after comes late"
    )
    assert compare_schema([one, two, three], applied(one)).lacking == ("0003_x",)
    assert compare_schema([one], applied(one, three)).beyond == ()
    assert compare_schema([one], applied(one, two)).beyond == ("0002_x",)
    with pytest.raises(MigrationError, match="give it a new number"):
        compare_schema([one, three], applied(three))
    with pytest.raises(MigrationError, match="not among the files"):
        compare_schema([one, three], applied(one, two, three))


OLD = [of(1), of(2), of(3)]
FIRST = Migration(
    3, "0003_baseline", b"SELECT 1", Baseline("c" * 40, {m.number: (m.name, m.checksum) for m in OLD})
)
FOURTH, FIFTH = of(4), of(5)


@pytest.mark.parametrize("first", [[FIRST], OLD], ids=["made by the baseline", "made one by one"])
def test_a_database_has_the_baseline_also_by_what_it_replaces(first: list[Migration]) -> None:
    known = [FIRST, FOURTH, FIFTH]
    found = compare_schema(known, applied(*first))
    assert (found.lacking, found.newer, found.fresh) == (("0004_x", "0005_x"), (), False)
    assert compare_schema(known, applied(*first, FOURTH, FIFTH)).pending == ()
    assert compare_schema(known, applied(*first, FOURTH, FIFTH, of(6))).newer == (*applied(of(6)),)
    with pytest.raises(MigrationError, match="0004_x comes before"):
        compare_schema(known, applied(*first, FIFTH))
    assert compare_schema(known, []).fresh


CHANGED = Migration(2, "0002_x", b"SELECT 2")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (OLD[:2], r"ends with 0002_x, .* the release of commit cccccccccccc \(level 3\) first"),
        ([OLD[0], CHANGED], "ends with 0002_x"),
        ([OLD[0], CHANGED, OLD[2]], "0002_x was changed after"),
        ([OLD[0], OLD[2], FOURTH], "0002_x comes before one that was applied"),
        ([OLD[0], OLD[1], FOURTH], "0003_x comes before one that was applied"),
        ([of(0), *OLD], "0000_x was applied here and is not among the files"),
        ([OLD[0], FIRST], "0001_x was applied here and is not among the files"),
        ([Migration(3, "0003_baseline", b"SELECT 2")], "0003_baseline was changed after"),
        ([FOURTH], "0003_baseline comes before"),
    ],
)
def test_another_history_before_the_baseline_is_found(rows: list[Migration], problem: str) -> None:
    with pytest.raises(MigrationError, match=problem):
        compare_schema([FIRST, FOURTH], applied(*rows))


def test_the_baseline_replaces_the_migrations_of_a_release() -> None:
    first = KNOWN[0]
    assert (first.name, first.baseline) == ("0027_baseline", baseline())
    assert len(baseline().replaces) == 24
    assert all(each.baseline is None for each in KNOWN[1:])
    assert len(baseline().commit) == 40
