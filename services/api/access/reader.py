"""Whoever reads, in one transaction: a caller of the API, or whoever looks at a page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from psycopg import Connection

from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry
from services.query.views import SourcedView, read_views


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

    def views(self, consignments: Sequence[bytes]) -> Sequence[SourcedView | None]:
        """The view of the group of each of ``consignments`` (16 bytes) at that moment, in order; None where it was never founded."""


class LoggedReader(Reader, Protocol):
    """A reader whose reads are noted for the access log."""

    def reads(self, kind: str, reference: str, subjects: Collection[str] = ()) -> None:
        """Note that ``kind:reference`` is read, which concerns the parties ``subjects``."""


@dataclass(frozen=True, slots=True)
class PartyReader:
    """A ``Reader`` that is no request: for a party, at a moment, in the session's transaction."""

    session: Connection[Any]
    party: Party
    registry: Registry
    now: int
    purpose: str = ""

    def views(self, consignments: Sequence[bytes]) -> Sequence[SourcedView | None]:
        """The views of consignments now."""
        return read_views(self.session, consignments, self.now, self.registry)
