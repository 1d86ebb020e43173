"""New events into the state of one generation: rows first, then structure, then heads. The order is that of locks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.ledger.storage import heads, settling
from services.ledger.storage.heads import Touched
from services.ledger.storage.rows import StateRows, completed
from services.ledger.storage.structure import NOTHING, Note, Renewed, renew
from services.ledger.storage.work import Work

TABLES = ("claim", "link", "founding", "withdrawal", "mention", "passing")
_RARE = TABLES[1:]
COPY = {table: f"COPY {table} FROM STDIN BINARY".encode() for table in TABLES}


class Stated(NamedTuple):
    """The rows of one stored event; ``dead`` where it is known not to count, ``contradicts`` where it equivocates."""

    no: int
    id: bytes
    rows: StateRows
    dead: bool = False
    contradicts: bool = False


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What is ready to be folded, and whether a head may be among it."""

    touched: Touched
    found: bool


def absorb(work: Work, events: Sequence[Stated], taken: Note, own: Note = NOTHING) -> Absorbed:
    """Write the rows of ``events`` and derive what they and ``taken`` change.

    ``own`` names what the transaction itself changes besides. Leaves a note of it. Locks no head: ``heads.fold_heads`` does, as the transaction's last but one act.
    """
    for table, rows in by_table((e.no, e.rows, e.dead) for e in events).items():
        work.copy(COPY[table], rows)
    work.stage("state rows")
    own |= Note(
        judged=frozenset(e.id for e in events if e.rows.withdraws or e.contradicts),
        numbers=frozenset(e.no for e in events if e.rows.structural),
    )
    renewed = Renewed()
    if own or taken:
        renewed = renew(work, own | taken)
        # Noted is what this transaction changed: its own facts, and what looking again has changed. What was looked
        # at again and found right is done.
        settling.leave(work, own | renewed.changed)
    touched = Touched(
        first=min((e.no for e in events), default=0),
        top=max((e.no for e in events), default=-1) + 1,
        claims=any(e.rows.reaching for e in events),
        consignments=bool(own or taken),
        flipped=renewed.claims,
        trains=any(e.rows.of_trains for e in events),
        flipped_trains=renewed.trains,
    )
    work.stage("settle")
    found = heads.find_heads(work, touched)
    work.stage("resolve")
    return Absorbed(touched, found)


def by_table(events: Iterable[tuple[int, StateRows, bool]]) -> dict[str, list[bytes]]:
    """The rows of events, given as (number, rows, dead), ready for COPY, by table."""
    packed: dict[str, list[bytes]] = {table: [] for table in TABLES}
    claims = packed["claim"]
    for no, rows, dead in events:
        claims += completed("claim", rows.claim, no, dead)
        if rows.only_claims:  # most events
            continue
        for table in _RARE:
            packed[table] += completed(table, getattr(rows, table), no, dead)
    return packed
