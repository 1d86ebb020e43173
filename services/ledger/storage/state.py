"""The state of one generation: rows of new events, then structure, then heads, in the order of locks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import Cursor

from services.domain.head import RUNNING
from services.domain.rules import (
    AT_A_PLACE,
    CLOCK_TOLERANCE,
    HANDED_OVER,
    HELD_BACK,
    LEAVING,
    ON_THE_WAY,
    RELEASE,
    borders,
)
from services.ledger.storage import points, settlement
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.errors import FAULTS_OF_EVENTS
from services.ledger.storage.rows import StateRows, completed
from services.ledger.storage.structure import EMPTY_NOTE, Note, StructureChanges, rederive
from services.ledger.storage.term_numbers import term_number
from services.ledger.storage.work import Work

_RELEASE = {"release": -RELEASE, "held_back": bigints(HELD_BACK)}
_RULES = {
    **_RELEASE,
    "on_the_way": ON_THE_WAY,
    "at_a_place": bigints(AT_A_PLACE),
    "leaving": bigints(sorted(LEAVING)),
    "handed_over": HANDED_OVER,
    "clock_tolerance": CLOCK_TOLERANCE,
    "border_places": bigints([term_number(place) for place in borders()]),
    "crossings": bigints([term_number(crossing) for crossing in borders().values()]),
}
"""Parameters of the folds in SQL that come from the domain's rules."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a transaction changed: events with numbers in [first, top), and events whose claims died or revived."""

    first: int = 0
    top: int = 0
    claims: bool = False  # new events have claims that may reach consignments
    consignments: bool = False  # the structure of consignments was derived again
    flipped: tuple[int, ...] = ()
    trains: bool = False  # new events have claims about trains
    flipped_trains: tuple[int, ...] = ()


def find_heads(work: Work, touched: Touched) -> bool:
    """Store in the table ``hit`` which consignments the claims reach; True where a head may have to be folded. Locks nothing."""
    if touched.claims or touched.flipped:
        work.count("hit_claims", _block(touched, touched.flipped))
        return True
    return touched.consignments


@dataclass(frozen=True, slots=True)
class HeadFolds:
    """The folds that were sent; the numbers of rows are known after the pipeline has ended."""

    cursors: tuple[Cursor[Any] | None, Cursor[Any] | None]

    @property
    def heads(self) -> int:
        """The number of folded heads of consignments."""
        return 0 if self.cursors[0] is None else self.cursors[0].rowcount

    @property
    def trains(self) -> int:
        """The number of folded heads of trains."""
        return 0 if self.cursors[1] is None else self.cursors[1].rowcount


def fold_heads(work: Work, touched: Touched, found: bool) -> HeadFolds:
    """Lock and fold the heads that ``find_heads`` stored, then the trains: the rows that most workers share are locked shortest.

    In a pipeline no statement after the first lock waits for a result.
    """
    heads = None
    if found:
        work.send("lock_heads")
        points.reach("holding_heads")
        heads = work.send("fold_heads", {"only": None, **_RULES})
    return HeadFolds((heads, _fold_trains(work, touched)))


def fold_heads_singly(work: Work, touched: Touched, found: bool) -> tuple[HeadFolds, tuple[bytes, ...]]:
    """``fold_heads`` for a transaction in which some fold fails: that consignment alone is marked broken, and returned.

    Slow, a savepoint each. Its events stay, and ``operations.mend`` folds it again when the fault is corrected.
    """
    broken: list[bytes] = []
    if found:
        work.send("lock_heads")
        for (cons,) in work.rows("hit_consignments_distinct"):
            try:
                with work.session.transaction():
                    work.send("fold_heads", {"only": uuids([cons]), **_RULES})
            except FAULTS_OF_EVENTS:
                work.count("break_heads", {"ids": uuids([cons])})
                broken.append(cons)
    return HeadFolds((None, _fold_trains(work, touched))), tuple(broken)


def _fold_trains(work: Work, touched: Touched) -> Cursor[Any] | None:
    if not (touched.trains or touched.flipped_trains):
        return None
    block = _block(touched, touched.flipped_trains)
    work.send("lock_trains", block)
    return work.send("fold_trains", {**block, "running": RUNNING, **_RELEASE})


def head_pipeline(work: Work) -> AbstractContextManager[Any]:
    """A pipeline for the last statements of a transaction; none where a fault hook is installed."""
    return nullcontext() if points.installed() else work.session.pipeline()


def _block(touched: Touched, flipped: Iterable[int]) -> dict[str, Any]:
    return {"first": touched.first, "top": touched.top, "flipped": bigints(sorted(flipped))}


TABLES = ("claim", "link", "founding", "withdrawal", "mention", "passing")
_RARE = TABLES[1:]
COPY = {table: f"COPY {table} FROM STDIN BINARY".encode() for table in TABLES}


class EventRows(NamedTuple):
    """The rows of one stored event; ``dead`` where it does not count, ``contradicts`` where it equivocates."""

    no: int
    id: bytes
    rows: StateRows
    dead: bool = False
    contradicts: bool = False


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of rows and structure, and whether a head may have to be folded (``found``)."""

    touched: Touched
    found: bool


def apply_events(work: Work, events: Sequence[EventRows], taken: Note, own: Note = EMPTY_NOTE) -> StateChange:
    """Write the rows of ``events``, derive the structure that they and the notes ``taken`` change, and find the heads to fold.

    ``own`` names further changes of this transaction. Leaves a note of its changes. Locks no head: ``fold_heads`` does.
    """
    for table, rows in by_table((e.no, e.rows, e.dead) for e in events).items():
        work.copy(COPY[table], rows)
    work.stage("state rows")
    own |= Note(
        judged=frozenset(e.id for e in events if e.rows.withdraws or e.contradicts),
        numbers=frozenset(e.no for e in events if e.rows.structural),
    )
    renewed = StructureChanges()
    if own or taken:
        renewed = rederive(work, own | taken)
        # The note holds what this transaction changed: its own facts, and changes by settlement. What settlement
        # left unchanged is settled.
        settlement.leave(work, own | renewed.changed)
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
    found = find_heads(work, touched)
    work.stage("resolve")
    return StateChange(touched, found)


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
