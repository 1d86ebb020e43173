"""The SQL of the store, by name: one statement per file in ``sql/``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("sql")


@cache
def statement(name: str) -> bytes:
    """The text of ``sql/<name>.sql``, as psycopg takes it; FileNotFoundError where there is none."""
    return (_FOLDER / f"{name}.sql").read_bytes()
