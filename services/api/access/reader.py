"""Whoever reads, in one transaction: a caller of the API, or whoever looks at a page."""

from __future__ import annotations

from typing import Any, Protocol

from psycopg import Connection

from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry


class Reader(Protocol):
    """The party that reads, when (UTC microseconds of the database's clock), and by what."""

    @property
    def session(self) -> Connection[Any]:
        """In the transaction of the answer."""

    @property
    def party(self) -> Party:
        """For which it is read."""

    @property
    def registry(self) -> Registry:
        """The present one."""

    @property
    def now(self) -> int:
        """The moment of reading."""

    @property
    def purpose(self) -> str:
        """The legal purpose under which is read, "" for none."""
