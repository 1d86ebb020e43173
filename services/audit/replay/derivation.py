"""What follows from all rows of a new generation together, derived once by the store's own statements.

The order is that of the store: who is dead, where links end, then groups, reach and heads, then trains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from services.audit.replay.outcome import Progress
from services.audit.replay.source import Block
from services.audit.replay.workers import Crew, Hand
from services.domain.links import FILLING
from services.ledger.storage import state
from services.ledger.storage.arrays import bigints
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.errors import FAULTS_OF_EVENTS
from services.ledger.storage.session import Session
from services.ledger.storage.state import Touched
from services.ledger.storage.structure import Note, derive_alone, judge_again, rederive
from services.ledger.storage.work import Work
from services.runtime.transactions import RetryPolicy, retry_transaction

CHUNK = 1_000
"""Consignments, links or doubtful events of one transaction."""
TRAIN_EVENTS = 50_000
Part = TypeVar("Part")

_DOUBTFUL = """
SELECT event FROM withdrawal
UNION SELECT id FROM lianyun.variant
UNION SELECT b.id FROM lianyun.quarantine q JOIN lianyun.body b ON b.no = q.no
"""
# Links are stored with the ends that they have alone; only where the same publisher said more of a thing can they differ.
_FOLLOWED = """
SELECT DISTINCT l.no FROM link l
WHERE l.carried IS NOT NULL AND EXISTS (
    SELECT 1 FROM link f
    WHERE f.carried = l.carried AND f.kind = l.kind AND f.publisher = l.publisher AND f.start_at > l.start_at
)
"""
_TIED = """
SELECT e.id FROM link l CROSS JOIN LATERAL (VALUES (l.left_id), (l.right_id)) AS e (id) WHERE l.kind = 8 AND NOT l.dead
"""


def fold(session: Session, crew: Crew, blocks: Sequence[Block], progress: Progress) -> None:
    """Derive everything in the generation that ``session`` is settled in, whose rows are all there. Commits."""
    for table in ("claim", "link", "founding", "withdrawal"):
        session.execute(f"ANALYZE {table}".encode())
    session.commit()
    doubtful = _column(session, _DOUBTFUL)
    for done, chunk in _chunks(doubtful):
        judge_again(Work(session), chunk)
        session.commit()
        progress("liveness", done, len(doubtful))
    timed = _column(session, _FOLLOWED)
    done = 0
    for count in crew.run(stop_links, [chunk for _, chunk in _chunks(sorted(timed))]):
        done += count
        progress("links", done, len(timed))
    founded = set(_column(session, "SELECT cons FROM founding WHERE NOT dead"))
    tied = founded & set(_column(session, _TIED))
    # Trains by one process, beside the others: all events are about the same few.
    parts: list[Callable[[Hand], int]] = [partial(fold_trains, steps=_steps(blocks))]
    parts += [partial(fold_alone, consignments=chunk) for _, chunk in _chunks(sorted(founded - tied))]
    done = 0
    for count in crew.run(_fold_part, parts):
        done += count
        progress("heads", done, len(founded))
    for count in crew.run(fold_tied, [chunk for _, chunk in _chunks(sorted(tied))]):
        done += count
        progress("heads", done, len(founded))


def _fold_part(hand: Hand, part: Callable[[Hand], int]) -> int:
    return part(hand)


def _column(session: Session, query: str) -> list[Any]:
    found = [row[0] for row in session.execute(query.encode(), binary=True).fetchall()]
    session.commit()
    return found


def _chunks(every: Sequence[Part], size: int = CHUNK) -> Iterator[tuple[int, Sequence[Part]]]:
    for start in range(0, len(every), size):
        yield min(start + size, len(every)), every[start : start + size]


def stop_links(hand: Hand, numbers: Sequence[int]) -> int:
    """Derive where the links of events ``numbers`` end, in one transaction; commits and returns their number.

    What is written depends on nothing that is written here, so two processes may meet and agree.
    """
    values = {"nos": bigints(numbers), "filling": FILLING}
    retry_transaction(hand.session, lambda: Work(hand.session).rows("stop_links", values), RetryPolicy())
    return len(numbers)


def fold_alone(hand: Hand, consignments: Sequence[bytes]) -> int:
    """Derive reach and heads of ``consignments`` that nobody ties to others; commits and returns their number.

    Nobody else writes their rows, so nothing stands in the way.
    """
    work = Work(hand.session)
    derive_alone(work, consignments)
    fold_found(work, Touched(consignments=True), found=True)
    hand.session.commit()
    return len(consignments)


def fold_tied(hand: Hand, consignments: Sequence[bytes]) -> int:
    """Derive groups, reach and heads of ``consignments`` in one transaction; commits and returns their number.

    Two processes meet where a group lies in both their chunks; then one of them begins again.
    """

    def fold_once() -> None:
        work = Work(hand.session)
        rederive(work, Note(consignments=frozenset(consignments)))
        fold_found(work, Touched(consignments=True), found=True)

    retry_transaction(hand.session, fold_once, RetryPolicy())
    return len(consignments)


def fold_found(work: Work, touched: Touched, found: bool) -> None:
    """Fold all heads that were put down at once; where one fails, each alone, so that only that one is marked broken."""
    try:
        with work.session.transaction():
            state.fold_heads(work, touched, found)
    except FAULTS_OF_EVENTS:
        state.fold_heads_singly(work, touched, found)


def _steps(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """All event numbers, in ranges [first, top) of about TRAIN_EVENTS events."""
    steps, first, events = [], 0, 0
    for block in sorted(blocks, key=lambda b: b.first):
        events += block.events
        if events >= TRAIN_EVENTS:
            steps.append((first, block.first + MOST_EVENTS))
            first, events = block.first + MOST_EVENTS, 0
    return [*steps, (first, 2**62)]


def fold_trains(hand: Hand, steps: Sequence[tuple[int, int]]) -> int:
    """Fold the heads of trains from the events of each range, each in one transaction; commits. Returns 0: no consignment."""
    for first, top in steps:
        state.fold_heads(Work(hand.session), Touched(first=first, top=top, trains=True), found=False)
        hand.session.commit()
    return 0
