"""Stored events read back as state rows, in blocks of event numbers as the batches accepted them.

What admission proved and judged is not proved again (``lianyun fsck`` does that): attributes and payload are decoded and
interpreted, for the party that the registry had at the version of admission.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.events.decode import decode_admitted
from schemas.reasons import Refusal
from services.audit.replay.attributes import told
from services.audit.replay.outcome import ReplayError
from services.domain.facts import Facts
from services.domain.interpretation import Statement, interpret
from services.domain.publisher import Publisher
from services.ledger.registry import store
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.arrays import bigints
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.rows import StateRows, state_rows
from services.ledger.storage.session import Session
from services.ledger.storage.term_numbers import key_text

# One walk along the index for each block, in the order of blocks: sorted as a whole, each portion would read the table.
_BODIES = """
SELECT b.no, b.id, b.content, b.appended, b.registry, b.key_id, b.headers, b.payload
FROM unnest(%(firsts)s::bigint[], %(ends)s::bigint[]) AS f (first, beyond)
CROSS JOIN LATERAL (
    SELECT * FROM lianyun.body n WHERE n.no >= f.first AND n.no < f.beyond ORDER BY n.no
) AS b
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


class Read(NamedTuple):
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
        ordered = sorted(blocks, key=lambda block: block.first)
        parameters = {
            "firsts": bigints([block.first for block in ordered]),
            "ends": bigints([block.beyond for block in ordered]),
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
        for no, id_, content, appended, registry, key_id, headers, payload in rows:
            try:
                publisher = self._publisher(registry, key_id, appended)
                facts = _facts(id_, content, publisher, headers, payload)
            except (Refusal, ValueError, LookupError) as problem:
                raise ReplayError(
                    f"event {no} cannot be read any more: {problem}. "
                    "Run `lianyun fsck` and restore the message."
                ) from problem
            yield Read(no, id_, state_rows(facts), no in aside)

    def _publisher(self, version: int, key_id: int, appended: int) -> Publisher:
        """Who the key's party was at ``appended`` by ``version`` of the registry."""
        if version > self._history.version:
            self._history = RegistryHistory(store.history(self._session))
        registry = self._history.at(version)
        return registry.parties[registry.keys[key_text(key_id)].party].at(appended).publisher


def _facts(id_: bytes, content: bytes, publisher: Publisher, headers: bytes, payload: bytes) -> Facts:
    source, type_, published = told(headers)
    statement = Statement(id_, source, publisher, published)
    return interpret(statement, content, decode_admitted(type_, payload))
