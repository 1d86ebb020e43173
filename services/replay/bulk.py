"""The first and longest part of a replay: all events below a horizon into empty tables, by several processes.

No event needs another one here: rows are only written. What follows from all of them together (who is dead, where links
end, what reaches whom, heads) is derived afterwards in ``folding``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from services.replay.source import Block, Source
from services.storage.rows import completed
from services.storage.session import Session, open_session, settle_in
from services.storage.state import COPY, TABLES
from services.storage.work import Work

UNIT = 4_000
"""Events that one process reads, packs and stores at a time."""


def units(blocks: Sequence[Block], size: int = UNIT) -> Iterator[list[Block]]:
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


def fill(dsn: str, generation: int, blocks: Sequence[Block], processes: int) -> Iterator[int]:
    """Write the rows of all ``blocks`` into ``generation``; yields the number of events stored, portion by portion."""
    portions = list(units(blocks))
    if processes <= 1 or len(portions) < 2 * processes:
        with open_session(dsn) as session:
            filler = _Filler(session, generation)
            yield from map(filler.fill, portions)
        return
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_start, initargs=(dsn, generation)
    ) as pool:
        yield from pool.map(_fill, portions)


class _Filler:
    def __init__(self, session: Session, generation: int) -> None:
        settle_in(session, generation)
        session.execute("SET synchronous_commit = off")  # until the switch nobody relies on these rows
        session.commit()
        self._session = session
        self._source = Source(session)

    def fill(self, portion: list[Block]) -> int:
        packed: dict[str, list[bytes]] = {table: [] for table in TABLES}
        events = 0
        for event in self._source.read(portion):
            events += 1
            for table in TABLES:
                rows = getattr(event.rows, table)
                if rows:
                    packed[table] += completed(table, rows, event.no, dead=False)
        work = Work(self._session)
        for table, rows in packed.items():
            work.copy(COPY[table], rows)
        self._session.commit()
        return events


_filler: _Filler | None = None


def _start(dsn: str, generation: int) -> None:
    global _filler
    _filler = _Filler(open_session(dsn), generation)


def _fill(portion: list[Block]) -> int:
    assert _filler is not None
    return _filler.fill(portion)
