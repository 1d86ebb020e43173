"""Stored events read back as state rows, in blocks of event numbers as the batches accepted them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.reasons import Refusal
from services.audit.replay.outcome import ReplayError
from services.audit.stored_events import Range, admitted_facts, load_bodies, load_quarantined
from services.ledger.registry import store
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.rows import StateRows, state_rows
from services.ledger.storage.session import Session

_BLOCKS = """
SELECT b.first_no, b.events, b.xid::text FROM lianyun.batch b
WHERE (b.xid, b.first_no) > (%(xid)s::xid8, %(first)s) AND b.events > 0
  AND (%(all)s OR b.xid < pg_snapshot_xmin(pg_current_snapshot()))
ORDER BY b.xid, b.first_no
"""


@dataclass(frozen=True, slots=True)
class Block:
    """The events of one transaction, or the rest of them: the first number that one can have, how many they are, the
    transaction's id, and the number that is the next block's.
    """

    first: int
    events: int
    xid: int
    beyond: int

    def rest(self, number: int, taken: int) -> Block:
        """What is left when ``taken`` events were read and ``number`` was the last of them."""
        return Block(number + 1, self.events - taken, self.xid, self.beyond)


def blocks_after(session: Session, xid: int, first: int, horizon: bool) -> list[Block]:
    """The transactions behind a position in the order of their visibility, by (xid, first).

    With ``horizon`` only those before which nothing can appear any more; without it all, for a caller that holds all
    other writers.
    """
    parameters = {"xid": str(xid), "first": first, "all": not horizon}
    rows = session.execute(_BLOCKS, parameters).fetchall()
    return [Block(first_no, events, int(text), first_no + MOST_EVENTS) for first_no, events, text in rows]


class ReadEvent(NamedTuple):
    """One event read again: its number, id and the rows that its facts have in the state."""

    no: int
    id: bytes
    rows: StateRows
    quarantined: bool


class EventReader:
    """Reads stored events through one session, by the registry of the version that each was admitted by."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._history = RegistryHistory(store.history(session))

    def read(self, blocks: Sequence[Block], most: int | None = None) -> Iterator[ReadEvent]:
        """The events of ``blocks``, at most the first ``most``, in order of their numbers.

        Raises ReplayError where one is missing or cannot be read any more.
        """
        ranges = sorted(Range(block.first, block.beyond) for block in blocks)
        bodies = load_bodies(self._session, ranges, most)
        expected = sum(block.events for block in blocks)
        expected = expected if most is None else min(expected, most)
        if len(bodies) != expected:
            raise ReplayError(
                f"{expected - len(bodies)} of {expected} messages of event numbers {blocks[0].first} and on are missing. "
                "Run `lianyun fsck`; attach the partitions of lianyun.body that retention has detached."
            )
        quarantined = load_quarantined(self._session, ranges)
        for body in bodies:
            if body.registry > self._history.version:
                self._history = RegistryHistory(store.history(self._session))
            try:
                facts = admitted_facts(body, self._history)
            except (Refusal, ValueError, LookupError) as problem:
                raise ReplayError(
                    f"event {body.no} cannot be read any more: {problem}. "
                    "Run `lianyun fsck` and restore the message."
                ) from problem
            yield ReadEvent(body.no, body.id, state_rows(facts), body.no in quarantined)
