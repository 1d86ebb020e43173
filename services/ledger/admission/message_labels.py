"""What a log line or a span says of one message: which event it claims to be, and its trace. Nothing of it is proven."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.envelope import HEADERS
from schemas.trace_context import trace_of

_NAMES = {HEADERS["source"]: "source", HEADERS["id"]: "id", HEADERS["type"]: "type"}
_MOST = 256


def about(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """``source``, ``id`` and ``type`` as the message gives them, and ``trace_id``; what it does not give is left out.

    The values are a stranger's: at most 256 characters, and what could end a line or steer a terminal is escaped.
    """
    headers = tuple(headers)
    told = {
        f"event_{_NAMES[name]}": _shown(value)
        for name, value in headers
        if name in _NAMES and value is not None
    }
    context = trace_of(headers)
    return told if context is None else {**told, "trace_id": context.trace.hex()}


def _shown(value: bytes) -> str:
    text = value[: 4 * _MOST].decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
        )
    return text[:_MOST]
