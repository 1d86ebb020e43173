"""Options that several commands share, and parsing of their times."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.cli.exits import Exit, Failure

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def now() -> int:
    """UTC microseconds."""
    return time.time_ns() // 1_000


def micros(text: str, option: str) -> int:
    """The moment that ``option`` was given as (RFC 3339); Failure where it is none."""
    try:
        return parse_micros(text)
    except Refusal as refusal:
        raise Failure(
            Exit.USAGE, f"{option}: {refusal.detail}", "write it like 2026-11-03T10:11:12Z"
        ) from None
