"""Rows into tables by binary COPY."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Cursor

_HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
_TRAILER = b"\xff\xff"
_PIECE = 1 << 16
"""Bytes sent at a time: a piece stays in the processor's cache on its way through the client and into the socket."""


def copy(cursor: Cursor[Any], into: bytes, rows: Iterable[bytes]) -> None:
    """Send packed ``rows`` by the statement ``into`` (COPY ... FROM STDIN); nothing is sent where there are none."""
    body = b"".join(rows)
    if body:
        body = b"".join((_HEADER, body, _TRAILER))
        with cursor.copy(into) as stream:
            for start in range(0, len(body), _PIECE):
                stream.write(body[start : start + _PIECE])
