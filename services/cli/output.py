"""How commands print: tables for people, one JSON object for programs; no colour where nobody looks."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

SCHEMA_VERSION = 1
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object with its ``schema_version``; keys in the order given."""
    body = {"schema_version": SCHEMA_VERSION, **value}
    sys.stdout.write(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print rows under ``columns``; a cell is shown as it is, for it may be what somebody else wrote."""
    table = Table(
        title=_shown(title) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(cell) for cell in row))
    out.print(table)


def _shown(cell: object) -> Text:
    """Brackets are no markup, and control and direction characters do not reach the terminal."""
    return Text("" if cell is None else _UNSEEN.sub(" ", str(cell)))


def iso(micros: int) -> str:
    """UTC microseconds as RFC 3339 with Z, without needless fractions."""
    moment = datetime.fromtimestamp(micros / 1_000_000, UTC)
    return moment.isoformat(timespec="seconds" if micros % 1_000_000 == 0 else "microseconds").replace(
        "+00:00", "Z"
    )
