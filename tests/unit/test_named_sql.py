"""Named SQL: one file a package, every statement in it once, in order, and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.runtime.named_sql import Queries, parse_queries

SERVICES = Path(__file__).resolve().parents[2] / "services"
FILES = sorted(SERVICES.rglob("queries.sql"))

TEXT = """-- The SQL of something.

-- name: first
-- What it does,
-- in two lines.
SELECT 1
-- and so on
FROM x

-- name: second
SELECT 2;
"""


def test_a_statement_is_what_stands_below_its_name_and_description() -> None:
    assert parse_queries(TEXT) == {"first": b"SELECT 1\n-- and so on\nFROM x\n", "second": b"SELECT 2;\n"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n", "line 3: a second statement 'one'"),
        ("-- name: one\n-- nothing\n-- name: two\nSELECT 2\n", "no statement below the name 'one'"),
        ("SELECT 1\n-- name: one\nSELECT 2\n", "line 1: SQL before the first name"),
        ("-- name: One\nSELECT 1\n", "line 1: '-- name: One' is not"),
    ],
)
def test_a_malformed_file_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "queries.sql").write_text(text)
    with pytest.raises(ValueError, match=re.escape(problem)) as raised:
        Queries(str(tmp_path / "__init__.py"))("two")
    assert str(tmp_path / "queries.sql") in str(raised.value)


def test_an_unknown_name_is_answered_with_a_similar_one(tmp_path: Path) -> None:
    (tmp_path / "queries.sql").write_text(TEXT)
    statement = Queries(str(tmp_path / "__init__.py"))
    assert statement.text("second") == "SELECT 2;"
    with pytest.raises(LookupError, match=r"queries\.sql has no statement 'secnd'; it has second"):
        statement("secnd")


@pytest.mark.parametrize("file", FILES, ids=lambda file: ".".join(file.parent.relative_to(SERVICES).parts))
def test_every_statement_has_its_place_and_its_use(file: Path) -> None:
    names = list(Queries(str(file)).by_name)
    assert names == sorted(names)
    code = "".join(path.read_text(encoding="utf-8") for path in SERVICES.rglob("*.py"))
    assert [name for name in names if f'"{name}"' not in code] == []
