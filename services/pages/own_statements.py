"""Statements that a party signs with its own key, written out as a line to publish: the pages sign nothing for anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.rfc3339 import format_micros
from services.producers.formats.model import EventDraft, Position
from services.producers.formats.native_lines import line_of


class OwnStatement(NamedTuple):
    """A line of native JSON and the commands that check, sign and publish it where the party's key is."""

    file: str
    line: str
    commands: tuple[str, ...]


def own_statement(
    party: str, name: str, event_type: str, data: Mapping[str, Any], now: int, id_: str = ""
) -> OwnStatement:
    """The statement of ``party`` of that type and content, made at ``now``; ``id_`` is its id, by default from name and time."""
    draft = EventDraft(
        Position(), id_ or f"{name}-{now // 1_000_000}", event_type, format_micros(now), data, None
    )
    file = f"{name}.jsonl"
    commands = f"lianyun events validate --as {party} {file}", f"lianyun publish --as {party} {file}"
    return OwnStatement(file, line_of(draft).decode(), commands)
