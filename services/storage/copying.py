"""Rows into tables by binary COPY."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Cursor

_HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
_TRAILER = b"\xff\xff"


def copy(cursor: Cursor[Any], into: bytes, rows: Iterable[bytes]) -> None:
    """Send packed ``rows`` by the statement ``into`` (COPY ... FROM STDIN); nothing is sent where there are none."""
    body = b"".join(rows)
    if body:
        with cursor.copy(into) as stream:
            stream.write(_HEADER + body + _TRAILER)
