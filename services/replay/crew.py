"""Several processes that build one generation together, each with a session of its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from types import TracebackType
from typing import Self, TypeVar

from services.replay.source import Source
from services.storage.session import Session, open_session, settle_in

APPLICATION = "lianyun-replay"
"""The name of its sessions. They compute in the middle of transactions, for seconds where the machine is busy, and hold
rows that nobody else wants: not to be taken for frozen as a worker's that says nothing.
"""

Task = TypeVar("Task")


class Hand:
    """What one process works with: a session in the generation that is being built, and the stored events."""

    def __init__(self, dsn: str, generation: int) -> None:
        self.session: Session = open_session(dsn, APPLICATION)
        settle_in(self.session, generation)
        # Until the switch nobody relies on these rows, and a replay that dies begins anew.
        self.session.execute("SET synchronous_commit = off")
        self.source = Source(self.session)
        self.session.commit()


Work = Callable[[Hand, Task], int]


class Crew:
    """Runs tasks in ``processes``, or in this one where that is 1. Context manager; blocks at its end until all have ended."""

    def __init__(self, dsn: str, generation: int, processes: int) -> None:
        self._open = ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        self._hand: Hand | None = None
        if processes > 1:
            pool = ProcessPoolExecutor(
                processes,
                mp_context=get_context("spawn"),
                initializer=_start,
                initargs=(dsn, generation),
            )
            self._pool = self._open.enter_context(pool)
        else:
            self._hand = Hand(dsn, generation)
            self._open.callback(self._hand.session.close)

    def run(self, work: Work[Task], tasks: Sequence[Task]) -> Iterator[int]:
        """Do ``work``, a function of a module, for each of ``tasks``; yields what each returns, in their order."""
        if self._hand is not None:
            for task in tasks:
                yield work(self._hand, task)
        elif self._pool is not None:
            yield from self._pool.map(_do, [work] * len(tasks), tasks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


_hand: Hand | None = None


def _start(dsn: str, generation: int) -> None:
    global _hand
    _hand = Hand(dsn, generation)
    gc.freeze()  # what is imported stays; what a task makes holds no cycles worth looking for all the time
    gc.set_threshold(100_000, 50, 50)


def _do(work: Work[Task], task: Task) -> int:
    assert _hand is not None
    return work(_hand, task)
