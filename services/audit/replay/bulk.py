"""The first and longest part of a replay: all events below a horizon into empty tables, by several processes.

No event needs another one here: rows are only written. What follows from all of them together (who is dead, where links
end, what reaches whom, heads) is derived afterwards in ``folding``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.audit.stored_events import Block
from services.audit.worker_pool import Hand
from services.ledger.storage.state import COPY, by_table
from services.ledger.storage.work import Work

UNIT = 4_000
"""Events that one process reads, packs and stores at a time."""


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


def fill(hand: Hand, portion: list[Block]) -> int:
    """Write the rows of a portion's events into the generation; commits, and returns how many events there were."""
    events = list(hand.source.read(portion))
    work = Work(hand.session)
    for table, rows in by_table((event.no, event.rows, False) for event in events).items():
        work.copy(COPY[table], rows)
    hand.session.commit()
    return len(events)
