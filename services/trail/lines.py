"""Lines of the access log and answers that may be asked for again: what their seals cover."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.trail.digests import NONE, chained, seal

COLUMNS = (
    "id", "at", "client", "party", "bound", "purpose", "method", "route", "resource", "subjects", "status", "request",
    "answer",
)  # fmt: skip
"""Of a line, in the order in which its seal covers them."""
ANSWER = ("party", "key", "request", "status", "headers", "body", "given")
"""Of an answer."""
OLDER = "older releases"
"""The key under which the trail says what was written without a seal."""


def selected(columns: Sequence[str]) -> str:
    """The columns as a select list whose values are those that ``seal`` was given."""
    return ", ".join("id::text" if name == "id" else f'"{name}"' for name in columns)


def unsealed_query(table: str) -> str:
    """Selects the lines of ``table`` without a seal, in the order of their time."""
    return f"SELECT {selected(COLUMNS)} FROM lianyun.{table} WHERE seal IS NULL ORDER BY at, id"  # noqa: S608 - one of LOGS


def unsealed(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """What the trail says of rows without a seal, given in the order of their time: how many, and one digest of all."""
    number, digest = 0, NONE
    for row in rows:
        number, digest = number + 1, chained(digest, seal(*row))
    return {"rows": number, "digest": digest.hex()}
