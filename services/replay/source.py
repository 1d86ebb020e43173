"""Stored events read back as state rows, in blocks of event numbers as the batches accepted them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.core.facts import Facts
from services.query.reread import Unreadable, reread
from services.registry import store
from services.registry.as_of import RegistryHistory
from services.replay.outcome import ReplayError
from services.storage.arrays import bigints
from services.storage.batch import MOST_EVENTS
from services.storage.reading import Stored, events_by_number
from services.storage.rows import StateRows, state_rows
from services.storage.session import Session

_NUMBERS = """
SELECT b.no FROM unnest(%(firsts)s::bigint[]) AS f (first)
JOIN lianyun.body b ON b.no >= f.first AND b.no < f.first + %(block)s
ORDER BY b.no
"""


@dataclass(frozen=True, slots=True)
class Block:
    """The events of one transaction: the first number of its block, how many it stored, and its transaction id."""

    first: int
    events: int
    xid: int


def blocks_after(session: Session, xid: int, first: int, horizon: bool) -> list[Block]:
    """The transactions behind a position in the order of their visibility, by (xid, first).

    With ``horizon`` only those before which nothing can appear any more; without it all, for one who has shut everybody
    else out.
    """
    limit = "AND b.xid < pg_snapshot_xmin(pg_current_snapshot())" if horizon else ""
    rows = session.execute(
        "SELECT b.first_no, b.events, b.xid::text FROM lianyun.batch b "
        f"WHERE (b.xid, b.first_no) > (%(xid)s::xid8, %(first)s) AND b.events > 0 {limit} "
        "ORDER BY b.xid, b.first_no".encode(),
        {"xid": str(xid), "first": first},
    ).fetchall()
    return [Block(first_no, events, int(text)) for first_no, events, text in rows]


@dataclass(frozen=True, slots=True)
class Read:
    """One event read again: its number, id and the rows that its facts have in the state."""

    no: int
    id: bytes
    rows: StateRows
    quarantined: bool


class Source:
    """Reads stored events through one session, by the registry of the version that each was admitted by."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._history = RegistryHistory(store.history(session))

    def refresh(self) -> None:
        """Take over what was registered since."""
        self._history = RegistryHistory(store.history(self._session))

    def read(self, blocks: Sequence[Block]) -> Iterator[Read]:
        """The events of ``blocks`` in order of their numbers; ReplayError where one cannot be read any more."""
        parameters = {"firsts": bigints([block.first for block in blocks]), "block": MOST_EVENTS}
        numbers = [row[0] for row in self._session.execute(_NUMBERS, parameters, binary=True).fetchall()]
        expected = sum(block.events for block in blocks)
        if len(numbers) != expected:
            raise ReplayError(
                f"{expected - len(numbers)} of {expected} messages of event numbers {blocks[0].first} and on are missing. "
                "Run `lianyun fsck`; attach the partitions of lianyun.body that retention has detached."
            )
        for stored in events_by_number(self._session, numbers):
            yield Read(stored.no, stored.id, state_rows(self._facts(stored)), stored.quarantined)

    def _facts(self, stored: Stored) -> Facts:
        try:
            if stored.registry_version > self._history.version:
                self.refresh()
            return reread(stored, self._history.at(stored.registry_version)).facts
        except (Unreadable, LookupError) as problem:
            raise ReplayError(f"{problem}. Run `lianyun fsck` and restore the message.") from problem
