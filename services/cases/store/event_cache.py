"""What events say, each read once in a process: the consignments of a train have most of theirs in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from services.cases.store import statement
from services.domain.facts import Facts
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Unreadable, reread

MOST = 60_000
"""Events that are kept, some kilobytes each; then it begins anew."""


class Memory:
    """The facts of stored events by number, as of one version of the registry. For one thread."""

    def __init__(self) -> None:
        self._kept: dict[int, Facts] = {}
        self._version = -1

    def facts(
        self, session: Connection[Any], numbers: Iterable[int], registry: Registry
    ) -> dict[int, Facts | Unreadable]:
        """What the events say now; nothing, where they were put aside with their key. Two statements in all."""
        self._as_of(registry)
        wanted = set(numbers)
        if len(self._kept) + len(wanted) > MOST:
            self._kept.clear()
        fresh = sorted(wanted - self._kept.keys())
        found: dict[int, Facts | Unreadable] = {}
        for stored in event_reader.events_by_number(session, fresh) if fresh else ():
            found[stored.no] = self._read(stored, registry)
        found |= {no: self._kept[no] for no in wanted - found.keys()}
        aside = session.execute(statement("put_aside"), {"nos": bigints(sorted(wanted))}, binary=True)
        return found | {no: Facts() for (no,) in aside}

    def of(self, stored: Stored, registry: Registry) -> Facts:
        """What ``stored`` says, whether it was put aside or not. Raises Unreadable."""
        self._as_of(registry)
        if len(self._kept) >= MOST:
            self._kept.clear()
        said = self._kept.get(stored.no) or self._read(stored, registry)
        if isinstance(said, Unreadable):
            raise said
        return said

    def _as_of(self, registry: Registry) -> None:
        if registry.version != self._version:
            self._kept.clear()
            self._version = registry.version

    def _read(self, stored: Stored, registry: Registry) -> Facts | Unreadable:
        """What cannot be read is tried again each time: whoever mends it need restart nobody."""
        try:
            said = self._kept[stored.no] = reread(stored, registry).facts
        except Unreadable as problem:
            return problem
        return said
