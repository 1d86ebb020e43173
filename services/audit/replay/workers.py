"""Several processes that build one generation together, each with a session of its own."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Self, TypeVar

from services.audit.replay.source import Source
from services.ledger.storage.session import Session, open_session, set_session_generation

APPLICATION = "lianyun-replay"
"""The name of its sessions. They compute in the middle of transactions, for seconds where the machine is busy, and hold
rows that nobody else wants: not to be taken for frozen as a worker's that says nothing.
"""

Task = TypeVar("Task")


class Hand:
    """What one process works with: a session in the generation that is being built, and the stored events."""

    def __init__(self, dsn: str, generation: int) -> None:
        self.session: Session = open_session(dsn, APPLICATION)
        set_session_generation(self.session, generation)
        # Until the switch nobody relies on these rows, and a replay that dies begins anew.
        self.session.execute("SET synchronous_commit = off")
        self.source = Source(self.session)
        self.session.commit()


Work = Callable[[Hand, Task], int]


class Crew:
    """Runs tasks in ``processes``, or in this one where that is 1. Context manager; blocks at its end until all have ended.

    To be made before this process opens sessions: others are begun at once, and may be copies of this one.
    """

    def __init__(self, dsn: str, processes: int) -> None:
        self._dsn = dsn
        self._open = ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        self._hand: Hand | None = None
        self._generation = 0
        if processes > 1:
            pool = ProcessPoolExecutor(processes, mp_context=_context(), initializer=_start)
            self._pool = self._open.enter_context(pool)
            for _ in range(processes):
                pool.submit(_begin)

    @contextmanager
    def building(self, generation: int) -> Iterator[None]:
        """Within the block tasks are for ``generation``; it is the only one, for at its end all have ended."""
        self._generation = generation
        try:
            yield
        finally:
            self._open.close()

    def run(self, work: Work[Task], tasks: Sequence[Task]) -> Iterator[int]:
        """Do ``work``, a function of a module, for each of ``tasks``; yields what each returns, in their order."""
        if self._pool is not None:
            yield from self._pool.map(partial(_do, self._dsn, self._generation, work), tasks)
            return
        if self._hand is None:
            self._hand = Hand(self._dsn, self._generation)
            self._open.callback(self._hand.session.close)
        for task in tasks:
            yield work(self._hand, task)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def _context() -> BaseContext:
    """A copy of this process begins at once, where it can be had: it needs one thread, and a system where it is safe.

    A new interpreter imports everything again, which takes a second.
    """
    copied = sys.platform == "linux" and threading.active_count() == 1
    return get_context("fork" if copied else "spawn")


_hand: Hand | None = None


def _start() -> None:
    gc.freeze()  # what is imported stays; what a task makes holds no cycles worth looking for all the time
    gc.set_threshold(100_000, 50, 50)


def _begin() -> None:
    """Nothing: what a process does that is to begin before there is work."""


def _do(dsn: str, generation: int, work: Work[Task], task: Task) -> int:
    global _hand
    if _hand is None:
        _hand = Hand(dsn, generation)
    return work(_hand, task)
