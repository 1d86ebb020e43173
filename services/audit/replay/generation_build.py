"""A new generation built by several processes: first the rows of each event, then what follows from all of them together.

No event needs another one while rows are written. The derivation runs the store's own statements once, in the store's
order: who is dead, where links end, then groups, reach and heads, then trains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from services.audit.replay.event_reader import Block, EventReader
from services.audit.report import Progress
from services.audit.worker_pool import Workers
from services.ledger.storage import state, structure
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.errors import FAULTS_OF_EVENTS
from services.ledger.storage.session import Session, open_session, set_session_generation
from services.ledger.storage.state import COPY, Touched, by_table
from services.ledger.storage.structure import Note, derive_alone, judge_again, rederive
from services.ledger.storage.work import Work
from services.runtime.transactions import RetryPolicy, retry_transaction

APPLICATION = "lianyun-replay"
"""The name of the sessions of a replay. They compute in the middle of transactions, for seconds where the machine is busy,
and lock rows that no other session uses, so they are not ended as frozen like an idle worker's.
"""
UNIT = 4_000
"""Events that one process reads, packs and stores at a time."""
CHUNK = 1_000
"""Consignments, links or doubtful events of one transaction."""
TRAIN_EVENTS = 50_000
"""Events of one transaction that folds the heads of trains."""
Part = TypeVar("Part")


class BuildWorker:
    """What one process builds with: a session in the generation that is being built, and a reader of stored events."""

    def __init__(self, dsn: str, generation: int) -> None:
        self.session: Session = open_session(dsn, APPLICATION)
        set_session_generation(self.session, generation)
        # Until the switch no reader uses these rows, and a replay that dies starts over.
        self.session.execute("SET synchronous_commit = off")
        self.reader = EventReader(self.session)
        self.session.commit()

    def close(self) -> None:
        """Close the session."""
        self.session.close()


def portions(blocks: Sequence[Block], size: int) -> Iterator[list[Block]]:
    """``blocks`` in portions of about ``size`` events."""
    portion: list[Block] = []
    events = 0
    for block in blocks:
        portion.append(block)
        events += block.events
        if events >= size:
            yield portion
            portion, events = [], 0
    if portion:
        yield portion


def fill(worker: BuildWorker, portion: list[Block]) -> int:
    """Write the rows of a portion's events into the generation; commits, and returns how many events there were."""
    events = list(worker.reader.read(portion))
    work = Work(worker.session)
    for table, rows in by_table((event.no, event.rows, False) for event in events).items():
        work.copy(COPY[table], rows)
    worker.session.commit()
    return len(events)


_DOUBTFUL = """
SELECT event FROM withdrawal
UNION SELECT id FROM lianyun.variant
UNION SELECT b.id FROM lianyun.quarantine q JOIN lianyun.body b ON b.no = q.no
"""
# Links are stored with the ends that they have alone; only where the same publisher has later links of the same object, or later
# lists of the same wagon, can they differ.
_FOLLOWED = """
SELECT l.no FROM link l
WHERE l.carried IS NOT NULL AND EXISTS (
    SELECT 1 FROM link f
    WHERE f.carried = l.carried AND f.kind = l.kind AND f.publisher = l.publisher AND f.start_at > l.start_at
)
UNION
SELECT l.no FROM link l
WHERE l.kind = 6 AND EXISTS (
    SELECT 1 FROM link f
    WHERE f.left_id = l.left_id AND f.kind = 6 AND f.publisher = l.publisher AND f.start_at > l.start_at
)
"""
_TIED = """
SELECT e.id FROM link l CROSS JOIN LATERAL (VALUES (l.left_id), (l.right_id)) AS e (id) WHERE l.kind = 8 AND NOT l.dead
"""


def fold(
    session: Session, workers: Workers[BuildWorker], blocks: Sequence[Block], progress: Progress
) -> None:
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
    for count in workers.run(stop_links, [chunk for _, chunk in _chunks(sorted(timed))]):
        done += count
        progress("links", done, len(timed))
    founded = set(_column(session, "SELECT cons FROM founding WHERE NOT dead"))
    tied = founded & set(_column(session, _TIED))
    # Trains by one process, beside the others: all events are about the same few.
    parts: list[Callable[[BuildWorker], int]] = [partial(fold_trains, steps=_steps(blocks))]
    parts += [partial(fold_alone, consignments=chunk) for _, chunk in _chunks(sorted(founded - tied))]
    done = 0
    for count in workers.run(_fold_part, parts):
        done += count
        progress("heads", done, len(founded))
    for count in workers.run(fold_tied, [chunk for _, chunk in _chunks(sorted(tied))]):
        done += count
        progress("heads", done, len(founded))


def _fold_part(worker: BuildWorker, part: Callable[[BuildWorker], int]) -> int:
    return part(worker)


def _column(session: Session, query: str) -> list[Any]:
    found = [row[0] for row in session.execute(query.encode(), binary=True).fetchall()]
    session.commit()
    return found


def _chunks(every: Sequence[Part], size: int = CHUNK) -> Iterator[tuple[int, Sequence[Part]]]:
    for start in range(0, len(every), size):
        yield min(start + size, len(every)), every[start : start + size]


def stop_links(worker: BuildWorker, numbers: Sequence[int]) -> int:
    """Derive where the links of events ``numbers`` end, in one transaction; commits and returns their number.

    What is written depends on nothing that is written here, so two processes write the same.
    """
    retry_transaction(
        worker.session, lambda: structure.stop_links(Work(worker.session), numbers), RetryPolicy()
    )
    return len(numbers)


def fold_alone(worker: BuildWorker, consignments: Sequence[bytes]) -> int:
    """Derive reach and heads of ``consignments`` that no link ties to others; commits and returns their number.

    No other process writes their rows, so nothing conflicts.
    """
    work = Work(worker.session)
    derive_alone(work, consignments)
    fold_found(work, Touched(consignments=True), found=True)
    worker.session.commit()
    return len(consignments)


def fold_tied(worker: BuildWorker, consignments: Sequence[bytes]) -> int:
    """Derive groups, reach and heads of ``consignments`` in one transaction; commits and returns their number.

    Two processes conflict where a group lies in both their chunks; then one of them is retried.
    """

    def fold_once() -> None:
        work = Work(worker.session)
        rederive(work, Note(consignments=frozenset(consignments)))
        fold_found(work, Touched(consignments=True), found=True)

    retry_transaction(worker.session, fold_once, RetryPolicy())
    return len(consignments)


def fold_found(work: Work, touched: Touched, found: bool) -> None:
    """Fold all heads that are marked, at once; where one fails, each alone, so that only that one is marked broken."""
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


def fold_trains(worker: BuildWorker, steps: Sequence[tuple[int, int]]) -> int:
    """Fold the heads of trains from the events of each range, each in one transaction; commits. Returns 0: no consignment."""
    for first, top in steps:
        state.fold_heads(Work(worker.session), Touched(first=first, top=top, trains=True), found=False)
        worker.session.commit()
    return 0
