"""SQL by name: a package keeps its statements in files beside its modules, one statement a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path


def statements_beside(module: str) -> Callable[[str], bytes]:
    """The reader of ``sql/<name>.sql`` beside the module file: its text as psycopg takes it, read once.

    FileNotFoundError where there is no such statement.
    """
    folder = Path(module).with_name("sql")

    @cache
    def statement(name: str) -> bytes:
        return (folder / f"{name}.sql").read_bytes()

    return statement
