"""Stored events read back as state rows, in blocks of event numbers as the batches accepted them.

What admission proved and judged is not proved again (``lianyun fsck`` does that): attributes and payload are decoded and
interpreted, for the party that the registry had at the version of admission.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.envelope import Envelope
from schemas.events.decode import decode_payload
from schemas.reasons import Refusal
from services.admission.raw import unframe
from services.core.facts import Facts
from services.core.interpretation import Statement, interpret
from services.registry import store
from services.registry.as_of import RegistryHistory
from services.replay.outcome import ReplayError
from services.storage.arrays import bigints
from services.storage.batch import MOST_EVENTS
from services.storage.rows import StateRows, state_rows
from services.storage.session import Session
from services.storage.words import key_text

_BODIES = """
SELECT b.no, b.id, b.content, b.appended, b.registry, b.key_id, b.headers, b.payload
FROM unnest(%(firsts)s::bigint[], %(ends)s::bigint[]) AS f (first, beyond)
JOIN lianyun.body b ON b.no >= f.first AND b.no < f.beyond
ORDER BY b.no
LIMIT %(most)s
"""
_ASIDE = "SELECT q.no FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN lianyun.quarantine q ON q.no = n.no"
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

    With ``horizon`` only those before which nothing can appear any more; without it all, for one who has shut everybody
    else out.
    """
    parameters = {"xid": str(xid), "first": first, "all": not horizon}
    rows = session.execute(_BLOCKS, parameters).fetchall()
    return [Block(first_no, events, int(text), first_no + MOST_EVENTS) for first_no, events, text in rows]


class Message(NamedTuple):
    """A stored message, as far as its facts depend on it."""

    no: int
    id: bytes
    content: bytes
    appended: int
    registry: int
    key_id: int
    headers: bytes
    payload: bytes


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

    def read(self, blocks: Sequence[Block], most: int | None = None) -> Iterator[Read]:
        """The events of ``blocks``, at most the first ``most``, in order of their numbers.

        Raises ReplayError where one cannot be read any more.
        """
        parameters = {
            "firsts": bigints([block.first for block in blocks]),
            "ends": bigints([block.beyond for block in blocks]),
            "most": most,
        }
        rows = self._session.execute(_BODIES, parameters, binary=True).fetchall()
        expected = sum(block.events for block in blocks)
        expected = expected if most is None else min(expected, most)
        if len(rows) != expected:
            raise ReplayError(
                f"{expected - len(rows)} of {expected} messages of event numbers {blocks[0].first} and on are missing. "
                "Run `lianyun fsck`; attach the partitions of lianyun.body that retention has detached."
            )
        numbers = {"nos": bigints([row[0] for row in rows])}
        aside = {row[0] for row in self._session.execute(_ASIDE, numbers).fetchall()}
        for row in rows:
            message = Message(*row)
            yield Read(message.no, message.id, state_rows(self._facts(message)), message.no in aside)

    def _facts(self, message: Message) -> Facts:
        try:
            return self._interpret(message)
        except (Refusal, ValueError, LookupError) as problem:
            raise ReplayError(
                f"event {message.no} cannot be read any more: {problem}. "
                "Run `lianyun fsck` and restore the message."
            ) from problem

    def _interpret(self, message: Message) -> Facts:
        if message.registry > self._history.version:
            self._history = RegistryHistory(store.history(self._session))
        registry = self._history.at(message.registry)
        party = registry.parties[registry.keys[key_text(message.key_id)].party].at(message.appended)
        envelope = Envelope.from_headers(unframe(message.headers))
        payload = decode_payload(envelope.type, message.payload)
        statement = Statement(message.id, envelope.source, party.publisher, envelope.published_micros)
        return interpret(statement, message.content, payload)
