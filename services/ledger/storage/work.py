"""The unit of work of the store: named statements and COPY in one open transaction, with the time of its stages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import Cursor
from psycopg.rows import tuple_row

from services.ledger.storage import statement
from services.ledger.storage.session import Session

_HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
_TRAILER = b"\xff\xff"
_PIECE = 1 << 16
"""Bytes sent at a time: a piece stays in the processor's cache until it is in the socket."""


def copy(cursor: Cursor[Any], into: bytes, rows: Iterable[bytes]) -> None:
    """Send packed ``rows`` by the statement ``into`` (COPY ... FROM STDIN); nothing is sent where there are none."""
    body = b"".join(rows)
    if body:
        body = b"".join((_HEADER, body, _TRAILER))
        with cursor.copy(into) as stream:
            for start in range(0, len(body), _PIECE):
                stream.write(body[start : start + _PIECE])


Row = tuple[Any, ...]
_NOTHING: Mapping[str, Any] = {}


class Work:
    """Runs named statements in the caller's transaction and measures stages; neither commits nor rolls back."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.seconds: dict[str, float] = {}
        self.folding = False  # whether the statements that fold heads were sent
        self._cursor: Cursor[Row] = session.cursor(binary=True, row_factory=tuple_row)
        self._since = time.perf_counter()

    def stage(self, name: str) -> None:
        """Add the time since the last call to the stage ``name``."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    def rows(self, name: str, parameters: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """All rows of the statement ``name``."""
        return self._cursor.execute(statement(name), parameters).fetchall()

    def row(self, name: str, parameters: Mapping[str, Any] = _NOTHING) -> Row | None:
        """The first row of the statement ``name``."""
        return self._cursor.execute(statement(name), parameters).fetchone()

    def count(self, name: str, parameters: Mapping[str, Any] = _NOTHING) -> int:
        """The number of rows that the statement ``name`` wrote."""
        return self._cursor.execute(statement(name), parameters).rowcount

    def send(self, name: str, parameters: Mapping[str, Any] = _NOTHING) -> Cursor[Any]:
        """Run the statement ``name``; in a pipeline its cursor has the result only at the pipeline's end."""
        return self.session.execute(statement(name), parameters)

    def copy(self, into: bytes, rows: Iterable[bytes]) -> None:
        """Send packed rows by a COPY statement."""
        copy(self._cursor, into, rows)
