"""A pool of processes that run tasks on workers of their own, for fsck and for replay."""

from __future__ import annotations

import gc
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar


class Worker(Protocol):
    """What a process works with: sessions and what it caches."""

    def close(self) -> None:
        """Close its sessions."""


WorkerType = TypeVar("WorkerType", bound=Worker)
Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerPool:
    """Runs tasks in ``processes``, or in this one where that is 1. Context manager; blocks at its end until all have ended.

    With ``fork`` the processes begin at once, as copies of this one where that is safe; such a pool has to be made before
    this process opens sessions. Otherwise each begins as a new interpreter, when there is work for it.
    """

    def __init__(self, processes: int, *, fork: bool = False) -> None:
        self.processes = processes
        self._pool: ProcessPoolExecutor | None = None
        if processes > 1:
            context = _context() if fork else get_context("spawn")
            self._pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start)
            for _ in range(processes if fork else 0):
                self._pool.submit(_begin)

    @contextmanager
    def workers(self, make: Callable[[], WorkerType]) -> Iterator[Workers[WorkerType]]:
        """Within the block tasks can be run on workers, of which each process makes one by ``make`` (to be pickled)."""
        workers = Workers(self._pool, make)
        try:
            yield workers
        finally:
            workers.close()

    def submit(self, work: Callable[[], Result]) -> Callable[[], Result]:
        """Begin ``work`` in another process, or do it in this one when its result is called for.

        Calling what is returned blocks until the result is there, and raises what ended it.
        """
        return work if self._pool is None else self._pool.submit(work).result

    def close(self) -> None:
        """Wait until all processes have ended; a second call does nothing."""
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Workers(Generic[WorkerType]):
    """The workers of one kind of a pool."""

    def __init__(self, pool: ProcessPoolExecutor | None, make: Callable[[], WorkerType]) -> None:
        self._pool = pool
        self._make = make
        self._local: WorkerType | None = None

    def run(self, work: Callable[[WorkerType, Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Do ``work``, a function of a module, for each of ``tasks``; yields what each returns, in their order."""
        if self._pool is not None:
            # Pickled once, and unpickled once by each process.
            yield from self._pool.map(partial(_run, pickle.dumps(self._make), work), tasks)
            return
        if self._local is None:
            self._local = self._make()
        for task in tasks:
            yield work(self._local, task)

    def close(self) -> None:
        """Close the worker of this process; those of others end with them."""
        if self._local is not None:
            self._local.close()
            self._local = None


def _context() -> BaseContext:
    """A copy of this process begins at once, where it can be had: it needs one thread, and a system where it is safe.

    A new interpreter imports everything again, which takes a second.
    """
    copied = sys.platform == "linux" and threading.active_count() == 1
    return get_context("fork" if copied else "spawn")


def _start() -> None:
    gc.freeze()  # what is imported stays; what a task makes holds no cycles worth looking for all the time
    gc.set_threshold(100_000, 50, 50)


def _begin() -> None:
    """Nothing: what a process does that is to begin before there is work."""


_worker: tuple[bytes, Any] | None = None
"""The worker of this process, with the pickled factory that it was made by."""


def _run(make: bytes, work: Callable[[Any, Task], Result], task: Task) -> Result:
    global _worker
    if _worker is None or _worker[0] != make:
        if _worker is not None:
            _worker[1].close()
        _worker = make, pickle.loads(make)()
    return work(_worker[1], task)
