"""A question to the database before it is asked: so it can be asked alone, or on one way with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg.rows import tuple_row

from services.ledger.storage.session import Session

Row = tuple[Any, ...]


class Question(NamedTuple):
    """A statement with its parameters by name."""

    query: bytes
    parameters: Mapping[str, Any] = {}

    def rows(self, session: Session) -> list[Row]:
        """Ask it now, in the caller's transaction; ids come as 16 bytes where ``session`` was made ready for it."""
        cursor = session.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(self.query, self.parameters).fetchall()
