"""How commands show the trace of a message."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.trace_context import trace_of


def trace_id(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """The trace id of a message, 32 hex digits; "" where it carries none."""
    context = trace_of(headers)
    return "" if context is None else context.trace.hex()
