"""SQL by name: a package keeps its statements in files beside its modules, one statement a file."""

from __future__ import annotations

import re
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


def nested(outer: bytes, **inner: bytes) -> bytes:
    """``outer`` with queries in the place of array parameters: ``%(nos)s::bigint[]`` becomes what the query ``nos`` finds.

    So statements that are asked one after the other can be asked as one. KeyError where there is no such parameter.
    """
    for name, query in inner.items():
        found = re.search(rf"%\({name}\)s::\w+\[\]".encode(), outer)
        if found is None:
            raise KeyError(f"the statement has no array parameter {name!r}")
        outer = outer.replace(found[0], b"ARRAY(" + query + b")")
    return outer
