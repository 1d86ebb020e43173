"""SQL by name: the statements of a package are the blocks of its one file ``queries.sql``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

_NAME = re.compile(r"-- name: ([a-z][a-z0-9_]*)")


class Queries:
    """The statements of ``queries.sql`` beside a module, by name. The file is read once, at the first use.

    A statement begins below a line ``-- name: <name>`` and ends before the next one; the comment lines directly below its
    name describe it and are not sent. The package's ``__init__`` holds them: ``statement = Queries(__file__)``.
    """

    def __init__(self, module: str) -> None:
        self.path = Path(module).with_name("queries.sql")

    def __call__(self, name: str) -> bytes:
        """The text as psycopg takes it. LookupError where there is no such statement, ValueError for a malformed file."""
        try:
            return self.by_name[name]
        except KeyError:
            near = ", ".join(get_close_matches(name, self.by_name)) or "nothing similar"
            raise LookupError(f"{self.path} has no statement {name!r}; it has {near}") from None

    def text(self, name: str) -> str:
        """The same as a string without its last line end, for what is shown or sent by somebody else."""
        return self(name).decode().rstrip()

    @cached_property
    def by_name(self) -> Mapping[str, bytes]:
        """Every statement of the file. ValueError for a malformed file."""
        try:
            return parse_queries(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None


def parse_queries(text: str) -> dict[str, bytes]:
    """The statements of a file of named SQL. ValueError for a name twice, a statement without text, or text without a name."""
    blocks: dict[str, list[str]] = {}
    block: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if named := _NAME.fullmatch(line):
            if named[1] in blocks:
                raise ValueError(f"line {number}: a second statement {named[1]!r}")
            block = blocks[named[1]] = []
        elif line.startswith("-- name:"):
            raise ValueError(f"line {number}: {line!r} is not '-- name: <lower_case_words>'")
        elif block or (not line.startswith("--") and line):
            if not blocks:
                raise ValueError(f"line {number}: SQL before the first name")
            block.append(line)
    statements = {name: "\n".join(lines).rstrip() for name, lines in blocks.items()}
    if empty := [name for name, statement in statements.items() if not statement]:
        raise ValueError(f"no statement below the name {empty[0]!r}")
    return {name: f"{statement}\n".encode() for name, statement in statements.items()}


def nested(outer: bytes, **inner: bytes) -> bytes:
    """``outer`` with queries in the place of array parameters: ``%(nos)s::bigint[]`` becomes what the query ``nos`` finds.

    So one statement does what two would in turn. KeyError where there is no such parameter.
    """
    for name, query in inner.items():
        found = re.search(rf"%\({name}\)s::\w+\[\]".encode(), outer)
        if found is None:
            raise KeyError(f"the statement has no array parameter {name!r}")
        outer = outer.replace(found[0], b"ARRAY(" + query + b")")
    return outer
