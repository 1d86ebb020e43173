"""Output of commands: tables for people, one JSON object for programs; no colour without a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

SCHEMA_VERSION = 1


class LegibleConsole(Console):
    """A console that escapes control, bidirectional and invisible characters in every text that it prints.

    Styles and cursor movements of our own are control segments and are not escaped.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of ``renderable``, their text escaped."""
        from schemas.legibility import escaped  # only where something is printed: the help needs no contract

        for segment in super().render(renderable, options):
            text = segment.text if segment.control else escaped(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)


out = LegibleConsole(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 200)
err = LegibleConsole(stderr=True, soft_wrap=True, highlight=False)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object with its ``schema_version``; keys in the order given."""
    body = {"schema_version": SCHEMA_VERSION, **value}
    sys.stdout.write(json_text(body, orjson.OPT_INDENT_2) + "\n")
    sys.stdout.flush()


def json_text(value: object, option: int = 0) -> str:
    """``value`` as JSON text for a program or a terminal: what does not show is escaped, which changes no value."""
    from schemas.legibility import escaped_json

    return escaped_json(orjson.dumps(value, option=option | orjson.OPT_NON_STR_KEYS).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print rows under ``columns``; cells are printed literally, without markup."""
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
    """Brackets are no markup; what does not show is escaped before the width of its column is taken."""
    from schemas.legibility import escaped

    return Text("" if cell is None else escaped(str(cell)))


def marked(value: Any) -> Any:
    """Plain data for lines with markup of our own: brackets in foreign text are escaped."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {name: marked(member) for name, member in value.items()}
    return [marked(member) for member in value] if isinstance(value, list) else value


def iso(micros: int) -> str:
    """UTC microseconds as RFC 3339 with Z, without needless fractions."""
    moment = datetime.fromtimestamp(micros / 1_000_000, UTC)
    return moment.isoformat(timespec="seconds" if micros % 1_000_000 == 0 else "microseconds").replace(
        "+00:00", "Z"
    )
